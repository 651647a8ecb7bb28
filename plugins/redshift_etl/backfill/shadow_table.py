"""A staged backfill: batches are loaded into a shadow of the table, compared with it, and swapped in at once.

A load into the table itself lets the newest version win, so rows that were computed wrongly from right sources stay:
their version is no newer. A staged backfill replaces them. A row of the table that has become newer than the shadow's
since, or that was read later, stays, and so does one that the shadow does not have: nothing is deleted. Replaced rows
are stored for an undo. What was loaded between a swap and its undo, and read before the shadow, is loaded again after
the undo: its rows may have given way to swapped-in ones.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.model import EXTRACTED_AT
from redshift_etl.errors import ConfigError
from redshift_etl.warehouse import catalog_query, migrate
from redshift_etl.warehouse import history as load_history
from redshift_etl.warehouse.compare import same_key
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.warehouse.model import Counts, Run
from redshift_etl.warehouse.retry import transaction
from redshift_etl.warehouse.session import Connect, Session
from redshift_etl.warehouse.sql import load_sql, upsert_sql
from redshift_etl.warehouse.statement import Statement, column_name, columns, count_rows, ident
from redshift_etl.warehouse.touched_days import insert_touched_days
from redshift_etl.window import Window, aware_utc

log = logging.getLogger(__name__)

SCHEMA = "etl_shadow"
Records = Sequence[Statement]
"""What records a swap or an undo; the caller sends it last, for other loads write the same tables."""


def of(contract: Contract, backfill_id: str) -> Contract:
    """The contract of a table's shadow. Raises ConfigError for a table that has no versions to compare."""
    if contract.load != "incremental":
        raise ConfigError(
            "Only an incremental table has a staged backfill.",
            fix="a full refresh replaces the whole table anyway: trigger its DAG",
            table=contract.table,
        )
    generated = [column.name for column in contract.columns if column.identity == "always"]
    if contract.left_out or generated:
        raise ConfigError(
            "A table with columns that Redshift fills has no staged backfill: a swap would fill them anew.",
            fix="load the table itself again: airflow dags backfill without a shadow",
            table=contract.table,
            columns=contract.left_out or generated,
        )
    if not re.fullmatch("[a-z0-9]{1,32}", backfill_id):
        raise ConfigError(
            "That is no id of a backfill.", fix="take it of etl.backfill_history", backfill_id=backfill_id
        )
    table = f"{SCHEMA}.{contract.schema}__{contract.name}__{backfill_id}"
    return replace(contract, table=table, shadow_of=contract.table)


def undo_table(contract: Contract, backfill_id: str) -> str:
    """The table of the rows that a swap replaced."""
    return f"{of(contract, backfill_id).table}__undo"


def create(connect: Connect, contract: Contract, backfill_id: str) -> Contract:
    """Make the shadow, unless it is there. Returns its contract."""
    shadow = of(contract, backfill_id)
    migrate.ensure(connect, contract.table)

    def make(session: Session) -> None:
        """Create it, after the runs of the same backfill that do so too."""
        if not catalog_query.read_tables(session, [shadow.table]):
            migrate.ensure_schema(session, SCHEMA)
            session.run(_like(shadow.table, contract.table, "create the shadow"))

    transaction(connect, shadow.table, contract.table, make)
    return shadow


def _like(table: str, model: str, purpose: str) -> Statement:
    return Statement(purpose, f"CREATE TABLE IF NOT EXISTS {ident(table)} (LIKE {ident(model)} INCLUDING DEFAULTS)")


def pairs_of(contract: Contract, shadow: str) -> str:
    """The rows of both that have the same key."""
    return f"{ident(shadow)} AS s INNER JOIN {ident(contract.table)} AS t ON {same_key(contract, 's', 't')}"


def version_of(contract: Contract) -> str:
    """The quoted version column."""
    return column_name(contract.version or "")


def newer(contract: Contract) -> str:
    """Whether the table's row is newer than the shadow's of the same key: by version, then by when it was read."""
    version, read = version_of(contract), column_name(EXTRACTED_AT)
    return f"(t.{version} > s.{version} OR (t.{version} = s.{version} AND COALESCE(t.{read} > s.{read}, FALSE)))"


def swap(session: Session, contract: Contract, backfill_id: str, run: Run) -> tuple[Counts, Records]:
    """Put the shadow's rows in the table's place, inside the caller's transaction, behind the table's LOCK.

    Returns the counts, and the statements that record them. Raises ConfigError when a key would be there twice.
    """
    shadow, replaced, table = of(contract, backfill_id).table, undo_table(contract, backfill_id), ident(contract.table)
    names = columns(contract.stored_names)
    _refuse_copies(session.run(load_sql.repeated_keys(contract, shadow)), "The shadow", "stage it again", shadow)
    session.run(_like(replaced, contract.table, "create the table for an undo"))
    session.run(Statement("delete what an earlier swap replaced", f"DELETE FROM {ident(replaced)}"))
    session.run(
        Statement(
            "copy the rows that are replaced",
            f"INSERT INTO {ident(replaced)} ({names})\nSELECT {columns(contract.stored_names, 't')} "
            f"FROM {pairs_of(contract, shadow)}\nWHERE NOT {newer(contract)}",
        )
    )
    delete = Statement(
        "delete them",
        f"DELETE FROM {table} USING {ident(replaced)} AS k WHERE {same_key(contract, table, 'k')}",
    )
    written = _replace(session, contract, delete, (shadow, replaced), run, "rewrite")
    copies = session.run(upsert_sql.repeated_target_keys(contract, shadow))
    _refuse_copies(copies, "The table", "find and delete the copies; nothing was swapped", contract.table)
    return written


def undo(session: Session, contract: Contract, backfill_id: str, run: Run) -> tuple[Counts, Records]:
    """Put back what a swap replaced, and take away what it added, inside the caller's transaction, behind the LOCK.

    A row that has become newer since stays. Returns what ``swap`` does.
    """
    shadow, replaced, table = of(contract, backfill_id).table, undo_table(contract, backfill_id), ident(contract.table)
    same = " AND ".join(f"{table}.{name} = s.{name}" for name in (version_of(contract), column_name(EXTRACTED_AT)))
    delete = Statement(
        "delete the swapped-in rows",
        f"DELETE FROM {table} USING {ident(shadow)} AS s WHERE {same_key(contract, table, 's')}\n    AND {same}",
    )
    return _replace(session, contract, delete, (replaced, shadow), run, "undo")


def read_superseded_days(session: Session, contract: Contract, backfill_id: str) -> list[tuple[date, date]]:
    """First and last days of the windows whose loads, since the backfill began, were read before its shadow.

    Where a swapped-in row was there already, such a load wrote nothing.
    """
    statement = Statement(
        "read which loads may have given way to the swapped-in rows",
        f"""SELECT DISTINCT window_start, window_end FROM etl.load_history
WHERE table_name = %s AND window_start IS NOT NULL
    AND committed_at > (SELECT MAX(started_at) FROM etl.backfill_history WHERE backfill_id = %s)
    AND extracted_at <= (SELECT MAX({column_name(EXTRACTED_AT)}) FROM {ident(of(contract, backfill_id).table)})
ORDER BY 1, 2""",
        (contract.table, backfill_id),
    )
    windows = [Window(aware_utc(start), aware_utc(end)) for start, end in session.run(statement)]
    return list(dict.fromkeys((window.days[0], window.days[-1]) for window in windows))


def _replace(
    session: Session, contract: Contract, delete: Statement, rows: tuple[str, str], run: Run, kind: str
) -> tuple[Counts, Records]:
    """Delete, then insert the rows of the first table of ``rows`` whose key is free.

    A row that replaces a deleted one counts as updated. The records make the marts of the days of both tables stale.
    """
    names, table, source = columns(contract.stored_names), ident(contract.table), rows[0]
    before = int(session.value(count_rows(contract.table)))
    session.run(delete)
    left = int(session.value(count_rows(contract.table)))
    session.run(
        Statement(
            "insert the rows",
            f"INSERT INTO {table} ({names})\nSELECT {columns(contract.stored_names, 's')} FROM {ident(source)} AS s\n"
            f"WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {same_key(contract, 's', 't')})",
        )
    )
    after = int(session.value(count_rows(contract.table)))
    staged, load_id = int(session.value(count_rows(source))), uuid4().hex
    removed, written = before - left, after - left
    updated = min(removed, written)
    counts = Counts(inserted=written - updated, updated=updated, deleted=removed - updated, superseded=staged - written)
    records: list[Statement] = []
    if contract.day:
        day = column_name(contract.day)
        days = "\n    UNION\n    ".join(
            f"SELECT CAST({day} AS DATE) AS day FROM {ident(name)} WHERE {day} IS NOT NULL" for name in rows
        )
        records.append(insert_touched_days(contract.table, load_id, days))
    now = datetime.now(UTC)
    record = LoadRecord(
        contract.table, load_id, run.dag_id, run.run_id, now, rows_after=after, staged=staged, counts=counts
    )
    records.append(
        load_history.insert(record, kind, run, extracted=staged, rejected=0, extracted_at=now, started_at=now)
    )
    return counts, records


def _refuse_copies(keys: list[tuple[Any, ...]], where: str, fix: str, table: str) -> None:
    if keys:
        raise ConfigError(f"{where} has the same key more than once.", fix=fix, table=table, keys=keys)


def drop(session: Session, contract: Contract, backfill_id: str) -> None:
    """Drop the shadow and the rows stored for an undo, inside the caller's transaction, behind the table's LOCK."""
    for table in (of(contract, backfill_id).table, undo_table(contract, backfill_id)):
        session.run(Statement("drop the shadow", f"DROP TABLE IF EXISTS {ident(table)}"))
