/*
inputs: [weather-api.archive]
format: columnar_json
about: [place, as_of]
columns:
  place: VARCHAR
  time: TIMESTAMP
  temperature_2m: VARCHAR
  dew_point_2m: VARCHAR
  relative_humidity_2m: VARCHAR
  wind_direction_10m: VARCHAR
  wind_speed_10m: VARCHAR
  wind_gusts_10m: VARCHAR
  precipitation: VARCHAR
  pressure_msl: VARCHAR
  visibility: VARCHAR
  as_of: TIMESTAMP
units:
  temperature_2m: °F
  dew_point_2m: °F
  relative_humidity_2m: "%"
  wind_speed_10m: mp/h
  wind_gusts_10m: mp/h
  precipitation: inch
  pressure_msl: hPa
  visibility: mi
*/
SELECT
    place AS airport,
    time AS observed_at,
    -- The hours are UTC; a day of this table is New York's.
    CAST(timezone('America/New_York', timezone('UTC', time)) AS DATE) AS observed_date,
    temperature_2m AS temperature_f,
    dew_point_2m AS dew_point_f,
    relative_humidity_2m AS humidity_pct,
    wind_direction_10m AS wind_direction_deg,
    wind_speed_10m AS wind_speed_mph,
    wind_gusts_10m AS wind_gust_mph,
    precipitation AS precipitation_in,
    pressure_msl AS pressure_hpa,
    visibility AS visibility_miles,
    as_of
FROM raw
