/*
format: columnar_json
about: [place]
units: {level: m}
columns:
  time: VARCHAR
  level: DOUBLE PRECISION
  place: VARCHAR
*/
SELECT time::TIMESTAMP AS tide_at, level, place AS port FROM raw
