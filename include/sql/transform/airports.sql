/*
inputs: [landing.airports]
columns:
  faa: VARCHAR
  name: VARCHAR
  lat: DOUBLE PRECISION
  lon: DOUBLE PRECISION
  alt: INTEGER
  tz: DECIMAL(4, 2)
  dst: VARCHAR
  tzone: VARCHAR
*/
SELECT
    faa AS airport,
    name,
    lat AS latitude,
    lon AS longitude,
    alt AS altitude_ft,
    tz AS utc_offset_h,
    dst AS dst_rule,
    -- The file writes NA for a missing value, and only here has any.
    nullif(tzone, 'NA') AS time_zone
FROM raw
