"""Makes tables match their contracts: creates them, adds nullable columns, and creates their lock tables."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from redshift_etl import settings
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.ddl import Column
from redshift_etl.errors import ConfigError, TransientError
from redshift_etl.warehouse import catalog_query, locks, table_changes
from redshift_etl.warehouse.catalog_query import ActualTable
from redshift_etl.warehouse.session import ConflictError, Connect, Session, StatementError, open_session
from redshift_etl.warehouse.statement import Statement, count_rows, ident

log = logging.getLogger(__name__)

BOOKKEEPING = (
    "etl.load_history", "etl.touched_days", "etl.mart_inputs", "etl.mart_builds", "etl.check_results",
    "etl.check_failures",
)  # fmt: skip
_TABLE_EXISTS = "42P07"
# Schema, table, column; PostgreSQL's catalogue races of two CREATEs: a table's row type, a row of the catalogue.
_EXISTS_ALREADY = ("42P06", _TABLE_EXISTS, "42701", "42710", "23505")
_CONFLICT = "XX000"  # "could not complete because of conflict with concurrent transaction"
_NO_PRIVILEGE = "42501"
_ATTEMPTS = 5  # each loses to another task that got further: schema, table


def find_schema(schema: str) -> Statement:
    """One row if the schema exists."""
    return Statement("check whether the schema exists", "SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,))


def create_schema(schema: str) -> Statement:
    """For those who may create schemas in the database (AWS, CREATE SCHEMA)."""
    return Statement("create the schema", f"CREATE SCHEMA IF NOT EXISTS {ident(schema)}")


def ensure(connect: Connect, table: str) -> None:
    """Create or extend ``table``, those it refers to and the bookkeeping, each change by itself, and their lock tables.

    One query describes them all. Safe to race.
    """
    needed = in_order((*BOOKKEEPING, table))
    with open_session(connect, table) as session:
        existing = _read(session, [name for contract in needed for name in _with_lock(contract)])
        for contract in needed:
            _ensure(session, contract, existing.get(contract.table))
        for contract in needed:
            if locks.lock_table(contract.table) not in existing:
                _ensure_lock(session, contract.table)


def in_order(tables: Sequence[str]) -> tuple[Contract, ...]:
    """The contracts of ``tables`` and of all they refer to, a table after those that its foreign keys name."""
    ordered: dict[str, Contract] = {}

    def visit(table: str, path: tuple[str, ...]) -> None:
        """Put a table behind those that it refers to; ``path`` are the tables that led to it."""
        if table in ordered:
            return
        if table in path:
            raise ConfigError("Tables refer to each other in a circle.", fix="drop a REFERENCES", tables=(*path, table))
        contract = _referenced(table, path[-1]) if path else contracts.load(table)
        for column in contract.columns:
            if column.references and column.references.table != table:
                visit(column.references.table, (*path, table))
                _verify_reference(contract, column, ordered[column.references.table])
        ordered[table] = contract

    for table in tables:
        visit(table, ())
    return tuple(ordered.values())


def _referenced(table: str, by: str) -> Contract:
    """The contract of a table that another refers to. Raises ConfigError with the name of the other."""
    try:
        return contracts.load(table)
    except ConfigError as error:
        raise ConfigError(error.what, fix=error.fix, **error.where, referred_to_by=by) from error


def _verify_reference(contract: Contract, column: Column, other: Contract) -> None:
    """Raises ConfigError for a reference to a column that the other table does not have."""
    reference = column.references
    if reference and reference.column not in other.column_names:
        raise ConfigError(
            f"The contract refers to a column that {other.table} does not have.",
            fix=f"edit {settings.shown(contract.path)}",
            table=contract.table,
            column=column.name,
            references=f"{reference.table} ({reference.column})",
        )


def ensure_schema(session: Session, schema: str) -> None:
    """Create the schema unless it is there: a user who owns it need not have the right to create others."""
    if not session.run(find_schema(schema)):
        session.run(create_schema(schema))


def _with_lock(contract: Contract) -> tuple[str, str]:
    return contract.table, locks.lock_table(contract.table)


def _read(session: Session, tables: Sequence[str]) -> dict[str, ActualTable]:
    existing = catalog_query.read_tables(session, tables)
    session.commit()
    return existing


def _ensure(session: Session, contract: Contract, actual: ActualTable | None) -> None:
    """Create or extend one table; described again where another task created something meanwhile."""
    for _ in range(_ATTEMPTS):
        statements = _statements(session, contract, actual)
        try:
            raced = _create(session, contract.table, None if actual else contract.schema, statements)
        except StatementError as error:
            if actual and error.code == _NO_PRIVILEGE:
                raise table_changes.of_another(contract, actual, error.what) from error
            raise error.explained(
                f"correct {settings.shown(contract.path)}, or grant what is missing", table=contract.table
            ) from error
        if not raced:
            return
        actual = _read(session, [contract.table]).get(contract.table)
        if actual is None and raced == _TABLE_EXISTS:
            raise ConfigError(
                "There is something of the table's name that this user cannot see.",
                fix=f"find its owner as a superuser: SELECT * FROM pg_class WHERE relname = '{contract.name}'; drop or "
                "rename it, or give the table another name",
                table=contract.table,
            )
    raise _still_racing(contract.table)


def _statements(session: Session, contract: Contract, actual: ActualTable | None) -> tuple[Statement, ...]:
    """What takes the table to its contract. Raises ConfigError with the shorter way for a table without rows."""
    try:
        return table_changes.statements_for(contract, actual)
    except ConfigError as error:
        if not actual or not actual.own or actual.is_view or session.value(count_rows(contract.table)):
            raise
        drop = f"DROP TABLE {contract.table}; the next run creates it"
        fix = f"correct the contract, or, as the table is empty, run: {drop}"
        raise ConfigError(error.what, fix=fix, **error.where) from error


def _ensure_lock(session: Session, table: str) -> None:
    for _ in range(_ATTEMPTS):
        try:
            if not _create(session, table, locks.SCHEMA, (locks.create(table),)):
                return
        except StatementError as error:
            fix = f"create the schema {locks.SCHEMA} as include/sql/grants/etl_user.sql does"
            raise error.explained(fix, table=table) from error
    raise _still_racing(table)


def _create(session: Session, table: str, schema: str | None, statements: Sequence[Statement]) -> str | None:
    """The SQLSTATE when another task created something meanwhile: the schema perhaps, and not yet the table."""
    if not statements:
        return None
    try:
        with session.transaction():
            if schema:
                ensure_schema(session, schema)
            session.run_step(statements)
    except ConflictError as error:
        log.info("%s: %s", table, error.what)
        return _CONFLICT
    except StatementError as error:
        if error.code not in _EXISTS_ALREADY:
            raise
        log.info("%s: another task created it, or its schema, meanwhile", table)
        return error.code
    return None


def _still_racing(table: str) -> TransientError:
    return TransientError(
        "Other tasks create the same schema or table again and again.",
        fix="nothing yet; if it lasts, see who does: SELECT * FROM sys_query_history WHERE status = 'running'",
        table=table,
    )
