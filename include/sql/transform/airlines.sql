/*
inputs: [landing.airlines]
columns:
  carrier: VARCHAR
  name: VARCHAR
*/
SELECT
    carrier,
    name
FROM raw
