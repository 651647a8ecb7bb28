/*
description: One row a scheduled flight out of New York, in its last state in the airline's booking system. A cancelled flight stays, with deleted_at set.
owner: flight-operations
load: incremental
version: modified_at
deleted: deleted_at
day: flight_date
fresh_within: 26 hours
retention: 20 years on scheduled_departure
accepted:
  origin: [EWR, JFK, LGA]
references:
  carrier: core.airlines (carrier)
  tail_number: core.planes (tail_number)
  origin: core.airports (airport)
  destination: core.airports (airport)
*/
CREATE TABLE core.flights (
    flight_id           BIGINT     NOT NULL,
    flight_date         DATE       NOT NULL,
    carrier             VARCHAR(2) NOT NULL,
    flight_number       INTEGER    NOT NULL,
    tail_number         VARCHAR(6),
    origin              VARCHAR(3) NOT NULL,
    destination         VARCHAR(3) NOT NULL,
    scheduled_hour      TIMESTAMP  NOT NULL,
    scheduled_departure TIMESTAMP  NOT NULL,
    departed_at         TIMESTAMP,
    departure_delay_min INTEGER,
    arrival_delay_min   INTEGER,
    air_time_min        INTEGER,
    distance_miles      INTEGER    NOT NULL,
    created_at          TIMESTAMP  NOT NULL,
    modified_at         TIMESTAMP  NOT NULL,
    deleted_at          TIMESTAMP,
    PRIMARY KEY (flight_id)
)
DISTKEY (flight_id)
COMPOUND SORTKEY (scheduled_departure);
COMMENT ON COLUMN core.flights.flight_id IS 'The booking system''s number of the flight.';
COMMENT ON COLUMN core.flights.flight_date IS 'Scheduled day of departure, in New York.';
COMMENT ON COLUMN core.flights.carrier IS 'Two-letter code of the airline.';
COMMENT ON COLUMN core.flights.flight_number IS 'The airline''s flight number.';
COMMENT ON COLUMN core.flights.tail_number IS 'The aircraft; NULL when none was assigned.';
COMMENT ON COLUMN core.flights.origin IS 'Airport of departure: EWR, JFK or LGA.';
COMMENT ON COLUMN core.flights.destination IS 'Airport of arrival; four of them are not in core.airports.';
COMMENT ON COLUMN core.flights.scheduled_hour IS 'Scheduled departure cut to the hour (UTC): joins to core.weather.';
COMMENT ON COLUMN core.flights.scheduled_departure IS 'Scheduled departure (UTC).';
COMMENT ON COLUMN core.flights.departed_at IS 'Actual departure (UTC); NULL until it has left.';
COMMENT ON COLUMN core.flights.departure_delay_min IS 'Minutes late at departure; negative is early.';
COMMENT ON COLUMN core.flights.arrival_delay_min IS 'Minutes late at arrival; NULL for a cancelled or diverted flight.';
COMMENT ON COLUMN core.flights.air_time_min IS 'Minutes in the air; NULL for a cancelled or diverted flight.';
COMMENT ON COLUMN core.flights.distance_miles IS 'Distance between the airports, in miles.';
COMMENT ON COLUMN core.flights.created_at IS 'When the flight was put on sale (UTC).';
COMMENT ON COLUMN core.flights.modified_at IS 'When the booking system last changed the row (UTC); the newest wins.';
COMMENT ON COLUMN core.flights.deleted_at IS 'When the flight was cancelled, or found to be gone from the booking system (UTC); NULL for others.';
