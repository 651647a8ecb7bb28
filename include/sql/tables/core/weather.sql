/*
description: Hourly weather at the three New York airports.
owner: flight-operations
load: incremental
version: as_of
day: observed_date
fresh_within: 50 hours
retention: 20 years on observed_at
accepted:
  airport: [EWR, JFK, LGA]
references:
  airport: core.airports (airport)
*/
CREATE TABLE core.weather (
    airport            VARCHAR(3) NOT NULL,
    observed_at        TIMESTAMP  NOT NULL,
    observed_date      DATE       NOT NULL,
    temperature_f      DECIMAL(6, 2),
    dew_point_f        DECIMAL(6, 2),
    humidity_pct       DECIMAL(5, 2),
    wind_direction_deg DECIMAL(5, 1),
    wind_speed_mph     DOUBLE PRECISION,
    wind_gust_mph      DOUBLE PRECISION,
    precipitation_in   DECIMAL(6, 3),
    pressure_hpa       DECIMAL(6, 1),
    visibility_miles   DECIMAL(6, 3),
    as_of              TIMESTAMP  NOT NULL,
    PRIMARY KEY (airport, observed_at)
)
DISTSTYLE ALL
COMPOUND SORTKEY (observed_at, airport);
COMMENT ON COLUMN core.weather.airport IS 'Airport of the observation.';
COMMENT ON COLUMN core.weather.observed_at IS 'The hour of the observation (UTC).';
COMMENT ON COLUMN core.weather.observed_date IS 'The same, as a day in New York.';
COMMENT ON COLUMN core.weather.temperature_f IS 'Air temperature in degrees Fahrenheit.';
COMMENT ON COLUMN core.weather.dew_point_f IS 'Dew point in degrees Fahrenheit.';
COMMENT ON COLUMN core.weather.humidity_pct IS 'Relative humidity in per cent.';
COMMENT ON COLUMN core.weather.wind_direction_deg IS 'Where the wind comes from, in degrees.';
COMMENT ON COLUMN core.weather.wind_speed_mph IS 'Wind speed in miles an hour.';
COMMENT ON COLUMN core.weather.wind_gust_mph IS 'Gust speed in miles an hour.';
COMMENT ON COLUMN core.weather.precipitation_in IS 'Precipitation in the hour, in inches.';
COMMENT ON COLUMN core.weather.pressure_hpa IS 'Pressure at sea level in hectopascal.';
COMMENT ON COLUMN core.weather.visibility_miles IS 'Visibility in miles.';
COMMENT ON COLUMN core.weather.as_of IS 'When the service last changed this response (its Last-Modified), else the time of the request (UTC); the newest wins.';
