/*
description: Delays against the weather at departure, one row an origin, kind of weather and day.
owner: analytics
load: partition
day: flight_date
fresh_within: 50 hours
retention: 20 years on flight_date
accepted:
  weather: [fair, windy, rain, low visibility, unknown]
references:
  origin: core.airports (airport)
*/
CREATE TABLE mart.weather_delay_day (
    flight_date              DATE        NOT NULL,
    origin                   VARCHAR(3)  NOT NULL,
    weather                  VARCHAR(16) NOT NULL,
    flights                  INTEGER     NOT NULL,
    cancelled                INTEGER     NOT NULL,
    departed_late            INTEGER     NOT NULL,
    mean_departure_delay_min DECIMAL(9, 2),
    PRIMARY KEY (flight_date, origin, weather)
)
DISTSTYLE ALL
COMPOUND SORTKEY (flight_date);
COMMENT ON COLUMN mart.weather_delay_day.flight_date IS 'Scheduled day of departure, in New York.';
COMMENT ON COLUMN mart.weather_delay_day.origin IS 'Airport of departure.';
COMMENT ON COLUMN mart.weather_delay_day.weather IS 'Weather in the scheduled hour: low visibility (under 3 miles), rain, windy (25 mph or more), fair; unknown without an observation.';
COMMENT ON COLUMN mart.weather_delay_day.flights IS 'Scheduled flights, cancelled ones included.';
COMMENT ON COLUMN mart.weather_delay_day.cancelled IS 'Of these, cancelled.';
COMMENT ON COLUMN mart.weather_delay_day.departed_late IS 'Of these, departed 15 minutes or more after schedule.';
COMMENT ON COLUMN mart.weather_delay_day.mean_departure_delay_min IS 'Mean delay at departure in minutes; NULL if none departed.';
