"""A staged backfill: batches are loaded into a shadow of the table, compared with it, and swapped in at once.

A load into the table itself lets the newest version win, so rows that were computed wrongly from right sources stay:
their version is no newer. A staged backfill replaces them. A row of the table that has become newer than the shadow's
since stays, and so does one that the shadow does not have: nothing is deleted. Replaced rows are stored for an undo.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import ConfigError
from redshift_etl.warehouse import catalog_query, load_sql, migrate
from redshift_etl.warehouse import history as load_history
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.warehouse.model import Counts, Run
from redshift_etl.warehouse.session import Connect, Session, open_session
from redshift_etl.warehouse.statement import Statement, columns, count_rows, ident, lock

log = logging.getLogger(__name__)

SCHEMA = "etl_shadow"
_NUMBERS = ("SMALLINT", "INTEGER", "BIGINT", "DECIMAL", "REAL", "DOUBLE PRECISION")


@dataclass(frozen=True)
class Comparison:
    """The shadow against the table.

    ``changed_columns``: rows that differ in each; ``sums``: (table, shadow) of each number, over the keys that both
    have; ``examples``: some keys that change.
    """

    shadow_rows: int
    table_rows: int
    new: int
    changed: int
    same: int
    older: int
    only_in_table: int
    changed_columns: dict[str, int]
    sums: dict[str, tuple[str, str]]
    examples: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For the backfill history and the log."""
        return asdict(self)


def of(contract: Contract, backfill_id: str) -> Contract:
    """The contract of a table's shadow. Raises ConfigError for a table that has no versions to compare."""
    if contract.load != "incremental":
        raise ConfigError(
            "Only an incremental table has a staged backfill.",
            fix="a full refresh replaces the whole table anyway: trigger its DAG",
            table=contract.table,
        )
    if not re.fullmatch("[a-z0-9]{1,32}", backfill_id):
        raise ConfigError(
            "That is no id of a backfill.", fix="take it of etl.backfill_history", backfill_id=backfill_id
        )
    return replace(contract, table=f"{SCHEMA}.{contract.schema}__{contract.name}__{backfill_id}")


def undo_table(contract: Contract, backfill_id: str) -> str:
    """The table of the rows that a swap replaced."""
    return f"{of(contract, backfill_id).table}__undo"


def create(connect: Connect, contract: Contract, backfill_id: str) -> Contract:
    """Make the shadow, unless it is there. Returns its contract."""
    shadow = of(contract, backfill_id)
    migrate.ensure(connect, contract.table)
    with open_session(connect, shadow.table) as session:
        if catalog_query.read_tables(session, [shadow.table]):
            return shadow
        with session.transaction():
            migrate.ensure_schema(session, SCHEMA)
            session.run(_like(shadow.table, contract.table, "create the shadow"))
    return shadow


def _like(table: str, model: str, purpose: str) -> Statement:
    return Statement(purpose, f"CREATE TABLE IF NOT EXISTS {ident(table)} (LIKE {ident(model)} INCLUDING DEFAULTS)")


def _pairs(contract: Contract, shadow: str) -> str:
    """The rows of both that have the same key."""
    return f"{ident(shadow)} AS s INNER JOIN {ident(contract.table)} AS t ON {load_sql.same_key(contract, 's', 't')}"


def _version(contract: Contract) -> str:
    return ident(contract.version or "")


def differs(name: str) -> str:
    """Whether a column differs; two NULLs do not."""
    left, right = f"s.{ident(name)}", f"t.{ident(name)}"
    return (
        f"({left} <> {right} OR ({left} IS NULL AND {right} IS NOT NULL) OR ({left} IS NOT NULL AND {right} IS NULL))"
    )


def compare_rows(contract: Contract, shadow: str, first: date, last: date) -> Statement:
    """Rows in both, new ones, those whose table row is newer, equal ones, and those of the days that it lacks."""
    table, names, key = ident(contract.table), columns(contract.column_names), load_sql.same_key(contract, "s", "t")
    version, pairs = _version(contract), _pairs(contract, shadow)
    days = (datetime.combine(first, time()), datetime.combine(last, time()) + timedelta(days=1))
    within = f"t.{version} >= %s AND t.{version} < %s"
    return Statement(
        "compare the shadow with the table",
        f"""SELECT
    (SELECT COUNT(*) FROM {ident(shadow)}),
    (SELECT COUNT(*) FROM {table} AS t WHERE {within}),
    (SELECT COUNT(*) FROM {ident(shadow)} AS s WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {key})),
    (SELECT COUNT(*) FROM {pairs} WHERE t.{version} > s.{version}),
    (SELECT COUNT(*) FROM (SELECT {names} FROM {ident(shadow)} INTERSECT SELECT {names} FROM {table}) AS same),
    (SELECT COUNT(*) FROM {table} AS t
     WHERE {within} AND NOT EXISTS (SELECT 1 FROM {ident(shadow)} AS s WHERE {key}))""",
        (*days, *days),
    )


def compare_columns(contract: Contract, shadow: str, names: Sequence[str], numbers: Sequence[str]) -> Statement:
    """Rows that differ in each column, then the sums of each number on both sides."""
    changed = [f"COUNT(CASE WHEN {differs(name)} THEN 1 END)" for name in names]
    sums = [f"SUM(CAST({side}.{ident(name)} AS DECIMAL(38, 4)))" for name in numbers for side in ("t", "s")]
    return Statement(
        "compare the columns", "SELECT\n    " + ",\n    ".join(changed + sums) + f"\nFROM {_pairs(contract, shadow)}"
    )


def compare(session: Session, contract: Contract, backfill_id: str, first: date, last: date) -> Comparison:
    """What a swap would change."""
    shadow = of(contract, backfill_id).table
    rows = [int(value) for value in session.run(compare_rows(contract, shadow, first, last))[0]]
    shadow_rows, table_rows, new, older, same, only = rows
    others = [column for column in contract.columns if column.name not in contract.key and column.type.name != "SUPER"]
    names = [column.name for column in others]
    numbers = [column.name for column in others if column.type.name in _NUMBERS]
    values = session.run(compare_columns(contract, shadow, names, numbers))[0]
    sums = values[len(names) :]
    changed = {name: int(count) for name, count in zip(names, values, strict=False) if count}
    any_change = " OR ".join(differs(name) for name in names)
    keys = session.run(
        Statement(
            "read some keys that change",
            f"SELECT {columns(contract.key, 's')} FROM {_pairs(contract, shadow)}\n"
            f"WHERE {any_change} ORDER BY {columns(contract.key, 's')} LIMIT 5",
        )
    )
    return Comparison(
        shadow_rows=shadow_rows,
        table_rows=table_rows,
        new=new,
        changed=shadow_rows - new - older - same,
        same=same,
        older=older,
        only_in_table=only,
        changed_columns=changed,
        sums={name: (str(sums[2 * n]), str(sums[2 * n + 1])) for n, name in enumerate(numbers)},
        examples=tuple(
            ", ".join(f"{name}={value}" for name, value in zip(contract.key, key, strict=True)) for key in keys
        ),
    )


def swap(session: Session, contract: Contract, backfill_id: str, run: Run) -> Counts:
    """Put the shadow's rows in the table's place, inside the caller's transaction."""
    shadow, replaced, table = of(contract, backfill_id).table, undo_table(contract, backfill_id), ident(contract.table)
    names, version = columns(contract.column_names), _version(contract)
    session.run(lock(contract.table))
    _copies_of_a_key(session, contract, shadow)
    session.run(_like(replaced, contract.table, "create the table for an undo"))
    session.run(
        Statement(
            "copy the rows that are replaced",
            f"INSERT INTO {ident(replaced)} ({names})\nSELECT {columns(contract.column_names, 't')} "
            f"FROM {_pairs(contract, shadow)}\nWHERE t.{version} <= s.{version}",
        )
    )
    session.run(
        Statement(
            "delete them",
            f"DELETE FROM {table} USING {ident(replaced)} AS k WHERE {load_sql.same_key(contract, table, 'k')}",
        )
    )
    return _insert(session, contract, shadow, replaced, run, "rewrite")


def undo(session: Session, contract: Contract, backfill_id: str, run: Run) -> Counts:
    """Put back what a swap replaced, and take away what it added, inside the caller's transaction.

    A row that has become newer since stays.
    """
    shadow, replaced, table = of(contract, backfill_id).table, undo_table(contract, backfill_id), ident(contract.table)
    session.run(lock(contract.table))
    session.run(
        Statement(
            "delete the swapped-in rows",
            f"DELETE FROM {table} USING {ident(shadow)} AS s WHERE {load_sql.same_key(contract, table, 's')}\n"
            f"    AND {table}.{_version(contract)} = s.{_version(contract)}",
        )
    )
    return _insert(session, contract, replaced, shadow, run, "undo")


def _insert(session: Session, contract: Contract, source: str, other: str, run: Run, kind: str) -> Counts:
    """Insert the rows of ``source`` whose key is free, and record the load; marts of the days of both become stale."""
    names, table = columns(contract.column_names), ident(contract.table)
    before = int(session.value(count_rows(contract.table)))
    session.run(
        Statement(
            "insert the rows",
            f"INSERT INTO {table} ({names})\nSELECT {columns(contract.column_names, 's')} FROM {ident(source)} AS s\n"
            f"WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {load_sql.same_key(contract, 's', 't')})",
        )
    )
    after = int(session.value(count_rows(contract.table)))
    staged, replaced = (int(session.value(count_rows(name))) for name in (source, other))
    written, load_id = after - before, uuid4().hex
    updated = min(written, replaced)
    counts = Counts(inserted=written - updated, updated=updated, superseded=staged - written)
    if contract.day:
        day = ident(contract.day)
        session.run(
            Statement(
                "record the days touched",
                f"INSERT INTO etl.touched_days (table_name, day, load_id)\nSELECT %s, day, %s FROM (\n"
                f"    SELECT CAST({day} AS DATE) AS day FROM {ident(source)} WHERE {day} IS NOT NULL\n    UNION\n"
                f"    SELECT CAST({day} AS DATE) AS day FROM {ident(other)} WHERE {day} IS NOT NULL\n) AS days",
                (contract.table, load_id),
            )
        )
    now = datetime.now(UTC)
    record = LoadRecord(
        contract.table, load_id, run.dag_id, run.run_id, now, rows_after=after, staged=staged, counts=counts
    )
    session.run(load_history.insert(record, kind, run, extracted=staged, rejected=0, extracted_at=now, started_at=now))
    return counts


def _copies_of_a_key(session: Session, contract: Contract, shadow: str) -> None:
    repeated = session.run(load_sql.repeated_keys(contract, shadow))
    if repeated:
        raise ConfigError(
            "The shadow has the same key more than once.", fix="stage it again", table=shadow, keys=repeated
        )


def drop(connect: Connect, contract: Contract, backfill_id: str) -> None:
    """Drop the shadow and the rows stored for an undo."""
    for table in (of(contract, backfill_id).table, undo_table(contract, backfill_id)):
        with open_session(connect, table) as session, session.transaction():
            session.run(Statement("drop the shadow", f"DROP TABLE IF EXISTS {ident(table)}"))
