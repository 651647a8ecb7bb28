"""Sample warehouses: contracts and SQL files in a folder, and the history of their loads in a database."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import psycopg

from redshift_etl.warehouse import migrate
from redshift_etl.warehouse.session import Connect

REPOSITORY = Path(__file__).resolve().parents[2]
BOOKKEEPING = ("etl.check_results", "etl.check_failures", "etl.incidents")
MARKUP = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\'"&lt;'

CORE = """/*
description: {about}
owner: {owner}
load: incremental
version: modified_at
day: day
fresh_within: 26 hours
retention: 3 years on day
*/
CREATE TABLE core.{name} (
    id BIGINT NOT NULL, day DATE NOT NULL, amount DECIMAL(12, 2), label VARCHAR(64), modified_at TIMESTAMP NOT NULL,
    PRIMARY KEY (id)
);
COMMENT ON COLUMN core.{name}.id IS 'Its number.';
COMMENT ON COLUMN core.{name}.day IS 'Its day.';
COMMENT ON COLUMN core.{name}.amount IS 'What it was worth.';
COMMENT ON COLUMN core.{name}.label IS '{comment}';
COMMENT ON COLUMN core.{name}.modified_at IS 'When it changed.';
"""
TRANSFORM = """/*
inputs: [{source}]
columns:
  id: BIGINT
  at: TIMESTAMP
  cents: BIGINT
  label: VARCHAR
  modified_at: TIMESTAMP
*/
SELECT id, CAST(at AS DATE) AS day, cents / 100 AS amount, label, modified_at FROM raw
"""
MART = """/*
description: {about}
owner: {owner}
load: partition
day: day
fresh_within: 50 hours
retention: never
*/
CREATE TABLE mart.{name} (day DATE NOT NULL, amount DECIMAL(18, 2), PRIMARY KEY (day));
COMMENT ON COLUMN mart.{name}.day IS 'The day.';
COMMENT ON COLUMN mart.{name}.amount IS 'The sum.';
"""
OWNERS = ("finance", "flight-operations", "marketing", "reference-data")
SUBJECTS = ("orders", "payments", "bookings", "crew", "fuel", "gates", "tickets", "claims", "seats", "bags")


@dataclass(frozen=True)
class SampleWarehouse:
    """A folder of SQL files, and the tables in it."""

    sql: Path
    core: tuple[str, ...]
    marts: tuple[str, ...]


def build(sql: Path, tables: int, seed: int = 2013) -> SampleWarehouse:
    """Write ``tables`` contracts: a third are core tables of a few sources, the others marts in layers above them."""
    chance = random.Random(seed)
    core = tuple(f"{SUBJECTS[at % 10]}_{at:03d}" for at in range(max(2, tables // 3)))
    marts = tuple(f"{SUBJECTS[at % 10]}_day_{at:03d}" for at in range(tables - len(core)))
    shutil.copytree(REPOSITORY / "include/sql/tables/etl", sql / "tables/etl")
    for at, name in enumerate(core):
        about = MARKUP if at == 0 else f"{name.replace('_', ' ').capitalize()} of the shop."
        text = CORE.format(name=name, about=_yaml(about), owner=chance.choice(OWNERS), comment=_sql(MARKUP))
        _write(sql / f"tables/core/{name}.sql", text)
        _write(sql / f"transform/{name}.sql", TRANSFORM.format(source=f"shop.public.{SUBJECTS[at % 10]}"))
    for at, name in enumerate(marts):
        above = [f"core.{it}" for it in core] if at < len(marts) // 2 else [f"mart.{it}" for it in marts[: at // 2]]
        inputs = chance.sample(above, min(len(above), chance.randint(1, 3)))
        _write(sql / f"tables/mart/{name}.sql", MART.format(name=name, about=f"A day of {name}.", owner="analytics"))
        _write(sql / f"marts/{name}.sql", _select(inputs))
    return SampleWarehouse(sql, core, marts)


def _select(inputs: list[str]) -> str:
    joins = "\n".join(f"INNER JOIN {name} AS i{at} ON i0.day = i{at}.day" for at, name in enumerate(inputs) if at)
    amounts = " + ".join(f"i{at}.amount" for at in range(len(inputs)))
    head = f"/*\ninputs: [{', '.join(inputs)}]\n*/\n"
    select = f"SELECT i0.day, SUM({amounts}) AS amount\nFROM {inputs[0]} AS i0\n{joins}"
    return f"{head}{select}\nWHERE i0.day IN (:days)\nGROUP BY i0.day"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _yaml(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _sql(text: str) -> str:
    return text.replace("'", "''")


def create_bookkeeping(connect: Connect) -> None:
    """Create the pipelines' own tables, as a first run does."""
    for table in BOOKKEEPING:
        migrate.ensure(connect, table)


LOADS = """INSERT INTO etl.load_history
SELECT
    md5(t.name || n), t.name, 'incremental', day, day + interval '1 day', 'load_' || split_part(t.name, '.', 2),
    'scheduled__' || day, 'load', 1, NULL, c + 30, c + 30, c, 20, 5, 5, 0, 0, 10000 + n * 120,
    day + interval '1 day', day + interval '1 day', day + interval '1 day 5 minutes', 3.5
FROM unnest(%s::text[]) WITH ORDINALITY AS t (name, at), generate_series(0, %s - 1) AS n, LATERAL (
    SELECT date_trunc('day', now() AT TIME ZONE 'UTC') - interval '1 day' * (%s - n) AS day,
        (80 + 60 * sin(n / 3.5::float8 + t.at))::int AS c
) AS d
WHERE t.at %% 20 <> 1 AND NOT (t.at %% 20 = 2 AND n >= %s - 2)"""
BUILDS = """INSERT INTO etl.mart_builds
SELECT
    md5(t.name || n), t.name, day::date, 'marts', 'asset__' || day, 24 + (t.at %% 5), '{}',
    day + interval '1 day 6 hours', 1.2
FROM unnest(%s::text[]) WITH ORDINALITY AS t (name, at), generate_series(0, %s - 1) AS n, LATERAL (
    SELECT date_trunc('day', now() AT TIME ZONE 'UTC') - interval '1 day' * (%s - n) AS day
) AS d"""
CHECKS = """INSERT INTO etl.check_results
SELECT
    md5(t.name || n), t.name, c.name, 'The check ' || c.name || '.', c.severity, 'stage',
    CASE WHEN t.at = 5 AND c.severity = 'warn' THEN 'warned' ELSE 'passed' END, 0,
    'load', 'run', 'load', 1, now() AT TIME ZONE 'UTC' - interval '1 day' * n
FROM unnest(%s::text[]) WITH ORDINALITY AS t (name, at), generate_series(0, least(%s, 30) - 1) AS n, (
    VALUES ('key_unique', 'fail'), ('not_null', 'fail'), ('references', 'warn'), ('row_count', 'warn')
) AS c (name, severity)"""
INCIDENT = """INSERT INTO etl.incidents VALUES (
    %s, '1a2b3c4d', 'failure', %s, 'load_orders', 'scheduled__2013', 'load', 'SourceError', 'the owner of the source',
    %s, 's3://lake/report.md', now() AT TIME ZONE 'UTC' - interval '2 hours', now() AT TIME ZONE 'UTC', 3, NULL, NULL
)"""


def insert_history(dsn: str, sample: SampleWarehouse, days: int) -> None:
    """Insert a daily load of every core table and a daily build of every mart, until now.

    Of twenty core tables one has no load, and one is late.
    """
    core, marts = [f"core.{name}" for name in sample.core], [f"mart.{name}" for name in sample.marts]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(LOADS, (core, days, days, days))
        connection.execute(BUILDS, (marts, days, days))
        connection.execute(CHECKS, (core, days))


def insert_incident(dsn: str, table: str, summary: str, name: str = "20130102T031500-core-orders-1a2b3c4d") -> str:
    """Insert an open incident; returns its id."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(INCIDENT, (name, table, summary))
    return name
