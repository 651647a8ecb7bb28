"""Builds the days of a mart that are stale, and records in the same transaction what they were built from.

The mart's lock table is LOCKed first, so that builds of one mart follow each other: the numbers recorded are those of
the data read. What all marts write (``etl.*``) comes last.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import date
from uuid import uuid4

from redshift_etl.contracts.mart import DAYS, Mart
from redshift_etl.errors import SourceError
from redshift_etl.warehouse.load import Audit, Proof
from redshift_etl.warehouse.model import Run
from redshift_etl.warehouse.retry import read, transaction
from redshift_etl.warehouse.session import Connect, Session, StatementError
from redshift_etl.warehouse.sql import load_sql
from redshift_etl.warehouse.statement import Statement, column_name, columns, ident, insert_rows
from redshift_etl.window import utc_now

log = logging.getLogger(__name__)

BUILD = "build"


def stale_days(mart: Mart) -> Statement:
    """Days that every input has, and that one of them touched since the mart was built; oldest first."""
    marks = ", ".join("%s" for _ in mart.inputs)
    return Statement(
        "read the stale days",
        f"""WITH touches AS (
    SELECT table_name, day, COUNT(*) AS touches FROM etl.touched_days
    WHERE table_name IN ({marks}) GROUP BY table_name, day
),
ready AS (
    SELECT day FROM touches GROUP BY day HAVING COUNT(*) = %s
)
SELECT DISTINCT ready.day
FROM ready
INNER JOIN touches ON touches.day = ready.day
LEFT JOIN etl.mart_inputs AS built
    ON built.mart_name = %s AND built.day = touches.day AND built.input_name = touches.table_name
WHERE built.touches IS NULL OR built.touches < touches.touches
ORDER BY ready.day""",
        (*mart.inputs, len(mart.inputs), mart.contract.table),
    )


def read_touches(mart: Mart, days: Sequence[date]) -> Statement:
    """How often each day of each input has been touched."""
    inputs, marks = ", ".join("%s" for _ in mart.inputs), ", ".join("%s" for _ in days)
    return Statement(
        "read the versions of the inputs",
        "SELECT table_name, day, COUNT(*) FROM etl.touched_days\n"
        f"WHERE table_name IN ({inputs}) AND day IN ({marks}) GROUP BY table_name, day",
        (*mart.inputs, *days),
    )


def write(mart: Mart, days: Sequence[date]) -> tuple[Statement, ...]:
    """Build the days where nobody sees them."""
    marks = ", ".join("CAST(%s AS DATE)" for _ in days)
    uses = mart.select.count(f"({DAYS})")
    names = columns(mart.contract.column_names)
    select = mart.select.replace(f"({DAYS})", f"({marks})")
    return (
        Statement(
            "create the build table",
            f"CREATE TEMP TABLE {BUILD} (LIKE {ident(mart.contract.table)} INCLUDING DEFAULTS)",
        ),
        Statement("build the days", f"INSERT INTO {BUILD} ({names})\n{select}", tuple(days) * uses),
    )


def publish(mart: Mart, days: Sequence[date]) -> tuple[Statement, ...]:
    """Swap the days in."""
    marks = ", ".join("%s" for _ in days)
    target, names = ident(mart.contract.table), columns(mart.contract.column_names)
    return (
        Statement(
            "delete the old days", f"DELETE FROM {target} WHERE {column_name(mart.day)} IN ({marks})", tuple(days)
        ),
        Statement("insert the new days", f"INSERT INTO {target} ({names})\nSELECT {names} FROM {BUILD}"),
    )


def record_inputs(mart: Mart, days: Sequence[date], touches: Mapping[tuple[str, date], int]) -> tuple[Statement, ...]:
    """Record what the days are built from, in the place of what the old ones were."""
    marks = ", ".join("%s" for _ in days)
    rows = [(mart.contract.table, day, name, touches.get((name, day), 0)) for day in days for name in mart.inputs]
    names = ("mart_name", "day", "input_name", "touches")
    return (
        Statement(
            "delete what the old days were built from",
            f"DELETE FROM etl.mart_inputs WHERE mart_name = %s AND day IN ({marks})",
            (mart.contract.table, *days),
        ),
        *insert_rows("etl.mart_inputs", names, rows, "record what the days are built from"),
    )


def find_stale(connect: Connect, mart: Mart) -> list[date]:
    """The days of the mart that are stale now, oldest first."""
    return read(connect, mart.contract.table, lambda session: [row[0] for row in session.run(stale_days(mart))])


def build(
    connect: Connect,
    mart: Mart,
    days: Sequence[date],
    run: Run,
    audits: Sequence[Audit] = (),
    last: Sequence[Proof] = (),
) -> dict[str, int]:
    """Write, audit and publish these days in one transaction, tried again as loads are. Returns rows by day (ISO).

    ``audits`` check the build before it is published, those of ``last`` the mart before the commit.
    Raises SourceError when a key of the build is not unique, ConfigError when the warehouse refuses the SQL,
    TransientError after the last attempt.
    """
    label, build_id = f"{mart.contract.table} {days[0]}…{days[-1]} {run.run_id}", uuid4().hex
    try:
        return transaction(
            connect,
            label,
            mart.contract.table,
            lambda session: _build(session, mart, days, build_id, run, audits, last),
            lambda session: _committed(session, build_id),
        )
    except StatementError as error:
        fix = f"correct include/sql/marts/{mart.contract.name}.sql or the mart's contract"
        raise error.explained(fix, table=mart.contract.table) from error


def _build(
    session: Session,
    mart: Mart,
    days: Sequence[date],
    build_id: str,
    run: Run,
    audits: Sequence[Audit],
    last: Sequence[Proof],
) -> dict[str, int]:
    started = time.monotonic()
    touches = {(str(table), day): int(count) for table, day, count in session.run(read_touches(mart, days))}
    session.run_step(write(mart, days))
    for audit in audits:
        audit(session)
    repeated = session.run(load_sql.repeated_keys(mart.contract, BUILD))
    if repeated:
        raise SourceError(
            "The mart's SELECT returns the same key more than once.",
            fix=f"check the joins of include/sql/marts/{mart.contract.name}.sql",
            table=mart.contract.table,
            keys=repeated,
        )
    rows = {day: int(count) for day, count in session.run(_rows_by_day(mart))}
    session.run_step(publish(mart, days))
    checked = [statement for proof in last for statement in proof(session, 0)]
    seconds = time.monotonic() - started
    records = (*record_inputs(mart, days, touches), *_build_rows(mart, days, touches, rows, build_id, run, seconds))
    session.run_step((*records, *checked))
    return {day.isoformat(): rows.get(day, 0) for day in days}


def _committed(session: Session, build_id: str) -> dict[str, int] | None:
    """What an earlier attempt of the build has committed."""
    found = session.run(
        Statement(
            "check whether the build was committed",
            "SELECT day, rows_written FROM etl.mart_builds WHERE build_id = %s ORDER BY day",
            (build_id,),
        )
    )
    return {day.isoformat(): int(rows) for day, rows in found} or None


def _rows_by_day(mart: Mart) -> Statement:
    day = column_name(mart.day)
    return Statement("count the rows of each day", f"SELECT {day}, COUNT(*) FROM {BUILD} GROUP BY {day}")


def _build_rows(
    mart: Mart,
    days: Sequence[date],
    touches: dict[tuple[str, date], int],
    rows: dict[date, int],
    build_id: str,
    run: Run,
    seconds: float,
) -> tuple[Statement, ...]:
    now = utc_now()
    names = ("build_id", "mart_name", "day", "dag_id", "run_id", "rows_written", "inputs", "built_at", "seconds")
    values = [
        (
            build_id, mart.contract.table, day, run.dag_id, run.run_id, rows.get(day, 0),
            json.dumps({name: touches.get((name, day), 0) for name in mart.inputs}), now, round(seconds, 3),
        )
        for day in days
    ]  # fmt: skip
    return insert_rows("etl.mart_builds", names, values, "record the build")
