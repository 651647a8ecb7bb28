/*
description: Punctuality of each route, one row an origin, destination and day. Cancelled flights count as scheduled.
owner: analytics
load: partition
day: flight_date
fresh_within: 50 hours
retention: 20 years on flight_date
references:
  origin: core.airports (airport)
  destination: core.airports (airport)
*/
CREATE TABLE mart.route_day (
    flight_date              DATE       NOT NULL,
    origin                   VARCHAR(3) NOT NULL,
    destination              VARCHAR(3) NOT NULL,
    flights                  INTEGER    NOT NULL,
    cancelled                INTEGER    NOT NULL,
    arrived_late             INTEGER    NOT NULL,
    mean_departure_delay_min DECIMAL(9, 2),
    mean_arrival_delay_min   DECIMAL(9, 2),
    mean_air_time_min        DECIMAL(9, 2),
    PRIMARY KEY (flight_date, origin, destination)
)
DISTSTYLE ALL
COMPOUND SORTKEY (flight_date);
COMMENT ON COLUMN mart.route_day.flight_date IS 'Scheduled day of departure, in New York.';
COMMENT ON COLUMN mart.route_day.origin IS 'Airport of departure.';
COMMENT ON COLUMN mart.route_day.destination IS 'Airport of arrival, whether or not core.airports has it.';
COMMENT ON COLUMN mart.route_day.flights IS 'Scheduled flights, cancelled ones included.';
COMMENT ON COLUMN mart.route_day.cancelled IS 'Of these, cancelled.';
COMMENT ON COLUMN mart.route_day.arrived_late IS 'Of these, arrived 15 minutes or more after schedule.';
COMMENT ON COLUMN mart.route_day.mean_departure_delay_min IS 'Mean delay at departure in minutes; NULL if none departed.';
COMMENT ON COLUMN mart.route_day.mean_arrival_delay_min IS 'Mean delay at arrival in minutes; NULL if none arrived.';
COMMENT ON COLUMN mart.route_day.mean_air_time_min IS 'Mean minutes in the air; NULL if none arrived.';
