"""include/sql/grants/etl_user.sql, run as an admin runs it: what those whom it makes may do, and what not."""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redshift_connector

from redshift_etl.backfill import shadow_table
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.mart import load_mart
from redshift_etl.errors import ConfigError
from redshift_etl.marts import build as marts
from redshift_etl.retention import rows as retention
from redshift_etl.retention import table_stats
from redshift_etl.warehouse import locks, migrate
from redshift_etl.warehouse.model import Counts
from redshift_etl.warehouse.retry import transaction
from tests.integration.batches import RUN, LoadTarget

pytestmark = pytest.mark.slow

GRANTS = Path(__file__).resolve().parents[2] / "include" / "sql" / "grants" / "etl_user.sql"
AIRLINES, FLIGHTS = contracts.load("core.airlines"), contracts.load("core.flights")
DAY = date(2013, 1, 1)
MADE = ("analyst", "warehouse_reader", "etl")


@dataclass(frozen=True)
class Warehouse:
    """One database, as each of three users sees it."""

    admin: LoadTarget
    etl: LoadTarget
    analyst: LoadTarget


def statements() -> list[str]:
    """The file's statements, without comments."""
    text = re.sub(r"--.*", "", GRANTS.read_text(encoding="utf-8"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]


@pytest.fixture(scope="module")
def warehouse(redshift_server: Any) -> Iterator[Warehouse]:
    """A fresh database after the file, with passwords, one reader, and tables that are nobody's business."""
    admin = redshift_server.connection(redshift_server.new_database())
    passwords = {user: f"A1{secrets.token_hex(8)}" for user in ("etl", "analyst")}
    after = (
        f"ALTER USER etl PASSWORD '{passwords['etl']}'",
        f"CREATE USER analyst PASSWORD '{passwords['analyst']}'",
        "GRANT ROLE warehouse_reader TO analyst",
        "CREATE SCHEMA finance",
        "CREATE TABLE finance.salaries (amount INTEGER)",
        "CREATE TABLE public.notes (note VARCHAR(10))",
    )
    try:
        with admin.psycopg(autocommit=True) as connection:
            for statement in (*statements(), *after):
                connection.execute(statement)
        users = [replace(admin, user=user, password=password) for user, password in passwords.items()]
        yield Warehouse(*(LoadTarget(redshift_server, each, redshift_server.s3) for each in (admin, *users)))
    finally:
        redshift_server.drop_database(admin.database)
        with psycopg.connect(redshift_server.config.admin(), autocommit=True) as server:
            for name in MADE:
                server.execute(f"DROP ROLE IF EXISTS {name}")


@pytest.fixture(scope="module")
def loaded(warehouse: Warehouse) -> Warehouse:
    """The same after the first loads and a mart, all by the user `etl`."""
    etl = warehouse.etl
    migrate.ensure(etl.connect, FLIGHTS.table)
    migrate.ensure(etl.connect, "mart.carrier_day")
    etl.load(AIRLINES, [("UA", "United"), ("B6", "JetBlue")])
    etl.load(FLIGHTS, [flight(1), flight(2)])
    marts.build(etl.connect, load_mart("mart.carrier_day"), [DAY], RUN)
    return warehouse


def flight(number: int, version: str = "2013-01-01", day: date = DAY) -> tuple[object, ...]:
    departure = f"{day} 10:00:00"
    return (
        number, day, "UA", number, None, "EWR", "ORD", departure, departure, None, 3, None, None, 719, departure,
        version, None,
    )  # fmt: skip


def refusal(target: LoadTarget, sql: str) -> str:
    """The SQLSTATE by which a statement is refused."""
    with pytest.raises(redshift_connector.error.ProgrammingError) as error:
        target.run(sql)
    return str(error.value.args[0]["C"])


def test_every_schema_that_the_code_creates_is_the_users() -> None:
    made = re.findall(r"^CREATE SCHEMA (\w+) AUTHORIZATION etl$", "\n".join(statements()), re.MULTILINE)
    assert set(made) == {table.split(".")[0] for table in contracts.all_tables()} | {shadow_table.SCHEMA, locks.SCHEMA}


def test_the_first_loads_create_their_tables_without_create_on_the_database(loaded: Warehouse) -> None:
    assert refusal(loaded.etl, "CREATE SCHEMA elsewhere") == "42501"
    assert loaded.etl.rows("SELECT COUNT(*) FROM core.flights") == [(2,)]
    owners = loaded.admin.rows(
        "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('core', 'mart', 'etl', 'etl_lock')"
    )
    assert owners == [("etl",)]


def test_a_refresh_and_an_upsert_replace_what_is_there(loaded: Warehouse) -> None:
    refreshed = loaded.etl.load(
        AIRLINES, [("UA", "United"), ("B6", "JetBlue")], extracted_at=datetime(2013, 1, 3, tzinfo=UTC)
    )
    upserted = loaded.etl.load(FLIGHTS, [flight(2, "2013-01-02"), flight(3)])
    assert refreshed.counts == Counts(unchanged=2)
    assert upserted.counts == Counts(inserted=1, updated=1)


def test_a_column_that_is_new_in_the_contract_is_added(loaded: Warehouse) -> None:
    loaded.etl.run("ALTER TABLE core.flights DROP COLUMN air_time_min")
    migrate.ensure(loaded.etl.connect, FLIGHTS.table)
    assert loaded.etl.rows("SELECT MAX(air_time_min) FROM core.flights") == [(None,)]


def test_old_rows_are_archived_and_deleted(loaded: Warehouse) -> None:
    etl = loaded.etl
    etl.load(FLIGHTS, [flight(9, day=date(2000, 1, 1))])
    found = retention.plan(etl.connect, FLIGHTS, datetime(2030, 1, 1, tzinfo=UTC))
    assert found
    archive = retention.Archive(f"s3://{etl.server.bucket}/grants/archive", etl.server.iam_role, archived(etl))
    assert retention.run(etl.connect, found, archive, RUN) == 1


def archived(target: LoadTarget) -> retention.ArchivedRows:
    """Reads an UNLOAD's manifest as the operator does."""

    def rows(url: str) -> int:
        body = target.s3.get_object(Bucket=target.server.bucket, Key=urlsplit(url).path.lstrip("/"))["Body"].read()
        return int(json.loads(body)["meta"]["record_count"])

    return rows


def test_a_staged_backfill_has_its_shadow_and_drops_it(loaded: Warehouse) -> None:
    target = shadow_table.create(loaded.etl.connect, FLIGHTS, "b1")
    loaded.etl.load(target, [flight(1, "2013-01-05")])
    assert loaded.etl.rows(f"SELECT COUNT(*) FROM {target.table}") == [(1,)]
    transaction(loaded.etl.connect, "drop", FLIGHTS.table, lambda it: shadow_table.drop(it, FLIGHTS, "b1"))
    assert loaded.etl.rows("SELECT COUNT(*) FROM svv_tables WHERE table_schema = 'etl_shadow'") == [(0,)]


def test_the_tables_are_kept_up_and_their_readers_noted(loaded: Warehouse, caplog: pytest.LogCaptureFixture) -> None:
    assert loaded.analyst.rows("SELECT COUNT(*) FROM mart.carrier_day") == [(1,)]
    table = next(each for each in table_stats.read_tables(loaded.etl.connect) if each.name == "core.flights")
    done = table_stats.maintain(loaded.etl.connect, [replace(table, unsorted=100.0, stats_off=100.0)], dry_run=False)
    assert done == ['VACUUM "core"."flights"', 'ANALYZE "core"."flights"']
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert table_stats.record_reads(loaded.etl.connect, datetime.now(UTC))["mart.carrier_day"].last_read_at


def test_a_reader_reads_core_and_mart_also_what_was_created_after_the_grant(loaded: Warehouse) -> None:
    assert loaded.analyst.rows("SELECT name FROM core.airlines WHERE carrier = 'UA'") == [("United",)]
    assert loaded.analyst.rows("SELECT carrier FROM mart.carrier_day") == [("UA",)]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO core.airlines VALUES ('XX', 'X')",
        "UPDATE mart.carrier_day SET flights = 0",
        "DELETE FROM core.flights",
        "TRUNCATE core.flights",
        "DROP TABLE core.flights",
        "ALTER TABLE core.flights ADD COLUMN x INTEGER",
        "CREATE TABLE core.mine (a INTEGER)",
        "CREATE TABLE public.mine (a INTEGER)",
        "SELECT * FROM etl.load_history",
    ],
)
def test_a_reader_writes_nothing_and_sees_no_bookkeeping(loaded: Warehouse, sql: str) -> None:
    assert refusal(loaded.analyst, sql) == "42501"


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE public.mine (a INTEGER)",
        "CREATE TABLE finance.mine (a INTEGER)",
        "SELECT * FROM finance.salaries",
        "SELECT * FROM public.notes",
        "DROP TABLE public.notes",
        "CREATE USER another PASSWORD DISABLE",
        "GRANT USAGE ON SCHEMA finance TO etl",
    ],
)
def test_the_user_that_loads_has_no_business_elsewhere(warehouse: Warehouse, sql: str) -> None:
    assert refusal(warehouse.etl, sql) == "42501"


@dataclass(frozen=True)
class Taken:
    """A statement of the file, what takes its effect away and gives it back, and what fails meanwhile."""

    take: str
    give: str
    needed_for: Callable[[Warehouse], object]
    error: type[BaseException] = ConfigError


def loads_airlines(warehouse: Warehouse) -> None:
    warehouse.admin.run("DROP TABLE IF EXISTS core.airlines")
    migrate.ensure(warehouse.etl.connect, AIRLINES.table)
    warehouse.etl.load(AIRLINES, [("UA", "United"), ("B6", "JetBlue")])


def builds_mart(warehouse: Warehouse) -> None:
    warehouse.admin.run("DROP TABLE IF EXISTS mart.carrier_day")
    migrate.ensure(warehouse.etl.connect, "mart.carrier_day")


def creates_bookkeeping(warehouse: Warehouse) -> None:
    warehouse.admin.run("DROP TABLE IF EXISTS etl.table_reads")
    table_stats.record_reads(warehouse.etl.connect, datetime.now(UTC))


def creates_lock(warehouse: Warehouse) -> None:
    warehouse.admin.run("DROP TABLE IF EXISTS etl_lock.core__airlines")
    migrate.ensure(warehouse.etl.connect, AIRLINES.table)


def stages_backfill(warehouse: Warehouse) -> None:
    shadow_table.create(warehouse.etl.connect, FLIGHTS, "b2")
    transaction(warehouse.etl.connect, "drop", FLIGHTS.table, lambda it: shadow_table.drop(it, FLIGHTS, "b2"))


def finds_public_closed(warehouse: Warehouse) -> None:
    assert refusal(warehouse.etl, "CREATE TABLE public.of_etl (a INTEGER)") == "42501"


def sees_reads_of_others(warehouse: Warehouse) -> None:
    warehouse.etl.run("DELETE FROM etl.table_reads")
    warehouse.analyst.rows("SELECT COUNT(*) FROM core.flights")
    assert table_stats.record_reads(warehouse.etl.connect, datetime.now(UTC))["core.flights"].last_read_at


def reads_old_table(warehouse: Warehouse) -> None:
    warehouse.analyst.rows("SELECT COUNT(*) FROM core.flights")


def reads_new_table(warehouse: Warehouse) -> None:
    warehouse.etl.run("CREATE TABLE core.new_one (a INTEGER)")
    try:
        warehouse.analyst.rows("SELECT COUNT(*) FROM core.new_one")
    finally:
        warehouse.etl.run("DROP TABLE core.new_one")


REFUSED = redshift_connector.error.ProgrammingError
OWNED = {"core": loads_airlines, "mart": builds_mart, "etl": creates_bookkeeping, "etl_shadow": stages_backfill}
TAKEN = {
    f"CREATE SCHEMA {schema} AUTHORIZATION etl": Taken(
        f"ALTER SCHEMA {schema} OWNER TO {{admin}}", f"ALTER SCHEMA {schema} OWNER TO etl", probe
    )
    for schema, probe in (OWNED | {"etl_lock": creates_lock}).items()
} | {
    "REVOKE CREATE ON SCHEMA public FROM public": Taken(
        "GRANT CREATE ON SCHEMA public TO public", "REVOKE CREATE ON SCHEMA public FROM public", finds_public_closed,
        pytest.fail.Exception,
    ),
    "GRANT SELECT ON svv_table_info TO etl": Taken(
        "REVOKE SELECT ON svv_table_info FROM etl", "GRANT SELECT ON svv_table_info TO etl",
        lambda warehouse: table_stats.read_tables(warehouse.etl.connect),
    ),
    "ALTER USER etl SYSLOG ACCESS UNRESTRICTED": Taken(
        "ALTER USER etl SYSLOG ACCESS RESTRICTED", "ALTER USER etl SYSLOG ACCESS UNRESTRICTED", sees_reads_of_others,
        Exception,
    ),
    "CREATE ROLE warehouse_reader": Taken(
        "REVOKE ROLE warehouse_reader FROM analyst", "GRANT ROLE warehouse_reader TO analyst", reads_old_table, REFUSED
    ),
    "GRANT USAGE ON SCHEMA core, mart TO ROLE warehouse_reader": Taken(
        "REVOKE USAGE ON SCHEMA core, mart FROM ROLE warehouse_reader",
        "GRANT USAGE ON SCHEMA core, mart TO ROLE warehouse_reader", reads_old_table, REFUSED,
    ),
    "GRANT SELECT ON ALL TABLES IN SCHEMA core, mart TO ROLE warehouse_reader": Taken(
        "REVOKE SELECT ON ALL TABLES IN SCHEMA core, mart FROM ROLE warehouse_reader",
        "GRANT SELECT ON ALL TABLES IN SCHEMA core, mart TO ROLE warehouse_reader", reads_old_table, REFUSED,
    ),
    "ALTER DEFAULT PRIVILEGES FOR USER etl IN SCHEMA core, mart GRANT SELECT ON TABLES TO ROLE warehouse_reader": Taken(
        "ALTER DEFAULT PRIVILEGES FOR USER etl IN SCHEMA core, mart REVOKE SELECT ON TABLES FROM ROLE warehouse_reader",
        "ALTER DEFAULT PRIVILEGES FOR USER etl IN SCHEMA core, mart GRANT SELECT ON TABLES TO ROLE warehouse_reader",
        reads_new_table, REFUSED,
    ),
    "TEMP, which public has": Taken(
        "REVOKE TEMP ON DATABASE {database} FROM PUBLIC", "GRANT TEMP ON DATABASE {database} TO etl", loads_airlines
    ),
}  # fmt: skip


def test_each_statement_of_the_file_is_among_those_taken_away() -> None:
    assert set(statements()) - {"CREATE USER etl PASSWORD DISABLE"} == set(TAKEN) - {"TEMP, which public has"}


@pytest.mark.parametrize("statement", TAKEN)
def test_without_one_statement_of_the_file_what_needs_it_fails(loaded: Warehouse, statement: str) -> None:
    taken, admin = TAKEN[statement], loaded.admin
    names = {"admin": admin.database.user, "database": admin.database.database}
    taken.needed_for(loaded)
    admin.run(taken.take.format(**names))
    try:
        with pytest.raises(taken.error):
            taken.needed_for(loaded)
    finally:
        admin.run(taken.give.format(**names))
    taken.needed_for(loaded)
