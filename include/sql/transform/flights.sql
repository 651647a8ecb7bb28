/*
inputs: [airline.public.flights]
columns:
  flight_id: BIGINT
  year: INTEGER
  month: INTEGER
  day: INTEGER
  dep_delay: INTEGER
  arr_delay: INTEGER
  carrier: VARCHAR
  flight: INTEGER
  tailnum: VARCHAR
  origin: VARCHAR
  dest: VARCHAR
  air_time: INTEGER
  distance: INTEGER
  minute: INTEGER
  time_hour: TIMESTAMP
  created_at: TIMESTAMP
  modified_at: TIMESTAMP
  deleted_at: TIMESTAMP
*/
SELECT
    flight_id,
    -- year, month and day are New York's; the rest is UTC.
    try(make_date(year, month, day)) AS flight_date,
    carrier,
    flight AS flight_number,
    tailnum AS tail_number,
    origin,
    dest AS destination,
    time_hour AS scheduled_hour,
    time_hour + to_minutes(minute) AS scheduled_departure,
    time_hour + to_minutes(minute + dep_delay) AS departed_at,
    dep_delay AS departure_delay_min,
    arr_delay AS arrival_delay_min,
    air_time AS air_time_min,
    distance AS distance_miles,
    created_at,
    modified_at,
    deleted_at
FROM raw
