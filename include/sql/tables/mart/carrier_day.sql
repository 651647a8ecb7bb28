/*
description: Punctuality of each airline, one row a carrier and day. Cancelled flights count as scheduled.
owner: analytics
load: partition
day: flight_date
fresh_within: 50 hours
retention: 20 years on flight_date
references:
  carrier: core.airlines (carrier)
*/
CREATE TABLE mart.carrier_day (
    flight_date DATE NOT NULL,
    carrier VARCHAR(2) NOT NULL,
    flights INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    diverted INTEGER NOT NULL,
    departed_late INTEGER NOT NULL,
    arrived_late INTEGER NOT NULL,
    mean_departure_delay_min DECIMAL(9, 2),
    mean_arrival_delay_min DECIMAL(9, 2),
    distance_flown_miles BIGINT NOT NULL,
    PRIMARY KEY (flight_date, carrier)
)
DISTSTYLE ALL
COMPOUND SORTKEY (flight_date);
COMMENT ON COLUMN mart.carrier_day.flight_date IS 'Scheduled day of departure, in New York.';
COMMENT ON COLUMN mart.carrier_day.carrier IS 'Two-letter code of the airline.';
COMMENT ON COLUMN mart.carrier_day.flights IS 'Scheduled flights, cancelled ones included.';
COMMENT ON COLUMN mart.carrier_day.cancelled IS 'Of these, cancelled.';
COMMENT ON COLUMN mart.carrier_day.diverted IS 'Of these, departed but never arrived at their destination.';
COMMENT ON COLUMN mart.carrier_day.departed_late IS 'Of these, departed 15 minutes or more after schedule.';
COMMENT ON COLUMN mart.carrier_day.arrived_late IS 'Of these, arrived 15 minutes or more after schedule.';
COMMENT ON COLUMN mart.carrier_day.mean_departure_delay_min IS 'Mean delay at departure in minutes, early ones negative; NULL if none departed.';
COMMENT ON COLUMN mart.carrier_day.mean_arrival_delay_min IS 'Mean delay at arrival in minutes, early ones negative; NULL if none arrived.';
COMMENT ON COLUMN mart.carrier_day.distance_flown_miles IS 'Miles of the flights that arrived.';
