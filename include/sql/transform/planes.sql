/*
inputs: [landing.planes]
columns:
  tailnum: VARCHAR
  year: VARCHAR
  type: VARCHAR
  manufacturer: VARCHAR
  model: VARCHAR
  engines: SMALLINT
  seats: SMALLINT
  speed: VARCHAR
  engine: VARCHAR
*/
SELECT
    tailnum AS tail_number,
    -- The file writes NA for a missing number.
    nullif(year, 'NA') AS built_year,
    type AS kind,
    manufacturer,
    model,
    engines,
    seats,
    nullif(speed, 'NA') AS speed_mph,
    engine
FROM raw
