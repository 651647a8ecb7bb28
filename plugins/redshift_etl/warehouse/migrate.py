"""Makes a table match its contract: creates it, adds a nullable column, and reports any other difference."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.ddl import Column
from redshift_etl.errors import ConfigError, TransientError
from redshift_etl.warehouse import catalog_query
from redshift_etl.warehouse.catalog_query import ActualColumn, ActualTable
from redshift_etl.warehouse.session import Connect, Session, StatementError, open_session
from redshift_etl.warehouse.statement import Statement, ident, literal

log = logging.getLogger(__name__)

BOOKKEEPING = (
    "etl.load_history", "etl.touched_days", "etl.mart_inputs", "etl.mart_builds", "etl.check_results",
    "etl.check_failures",
)  # fmt: skip
# Schema, table; PostgreSQL's catalogue races of two CREATEs: a table's row type, a row of the catalogue.
_TABLE_EXISTS = "42P07"
_EXISTS_ALREADY = ("42P06", _TABLE_EXISTS, "42710", "23505")
_ATTEMPTS = 5  # each loses to another task that got further: schema, table
_NO_PRIVILEGE = "42501"


def find_schema(schema: str) -> Statement:
    """One row if the schema exists."""
    return Statement("check whether the schema exists", "SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,))


def create_schema(schema: str) -> Statement:
    """For those who may create schemas in the database (AWS, CREATE SCHEMA)."""
    return Statement("create the schema", f"CREATE SCHEMA IF NOT EXISTS {ident(schema)}")


def create_table(contract: Contract) -> tuple[Statement, ...]:
    """The contract's own statements, and its description as the table's comment."""
    return (
        *(Statement(f"create {contract.table}", text) for text in contract.statements),
        Statement("describe the table", f"COMMENT ON TABLE {ident(contract.table)} IS {literal(contract.description)}"),
    )


def changes(contract: Contract, actual: tuple[ActualColumn, ...]) -> tuple[Statement, ...]:
    """The additive statements that take the table to its contract. Pure.

    Raises ConfigError, with the statement a person must run, for any other difference: a changed type or nullability, a
    column that the contract no longer has, a new column that is NOT NULL.
    """
    has = {column.name: column for column in actual}
    statements = []
    for column in contract.columns:
        if column.name not in has:
            statements.append(_add(contract, column))
        elif (has[column.name].type, has[column.name].nullable) != (str(column.type), column.nullable):
            raise _by_hand(contract, column, has[column.name])
    extra = [name for name in has if name not in contract.column_names]
    if extra:
        raise ConfigError(
            "The table has columns that its contract does not.",
            fix="put them into the contract, or run: "
            + "; ".join(f"ALTER TABLE {contract.table} DROP COLUMN {name}" for name in extra),
            table=contract.table,
            columns=extra,
        )
    return tuple(statements)


def _add(contract: Contract, column: Column) -> Statement:
    if not column.nullable:
        raise ConfigError(
            "A new column must be nullable: the rows that are there have no value for it.",
            fix=f"allow NULL, or run: ALTER TABLE {contract.table} ADD COLUMN {column.name} {column.type} "
            "NOT NULL DEFAULT …",
            table=contract.table,
            column=column.name,
        )
    return Statement(
        f"add the column {column.name}",
        f"ALTER TABLE {ident(contract.table)} ADD COLUMN {ident(column.name)} {column.type}",
    )


def _by_hand(contract: Contract, column: Column, actual: ActualColumn) -> ConfigError:
    grows = column.type.name == "VARCHAR" and actual.type.startswith("VARCHAR") and column.nullable == actual.nullable
    statement = (
        f"ALTER TABLE {contract.table} ALTER COLUMN {column.name} TYPE {column.type}"
        if grows
        else f"CREATE TABLE {contract.table}_new …; INSERT INTO {contract.table}_new SELECT … FROM {contract.table}"
    )
    return ConfigError(
        f"The contract has {column.type}{'' if column.nullable else ' NOT NULL'}, "
        f"the table has {actual.type}{'' if actual.nullable else ' NOT NULL'}.",
        fix=f"correct the contract, or run: {statement}",
        table=contract.table,
        column=column.name,
    )


def ensure(connect: Connect, table: str) -> None:
    """Create or extend ``table``, those it refers to and the bookkeeping, each change by itself. Safe to race."""
    needed = in_order((*BOOKKEEPING, table))
    with open_session(connect, table) as session:
        unknown = [contract for contract in needed if not catalog_query.has_matched(session, contract)]
        existing = _read(session, unknown) if unknown else {}
        for contract in unknown:
            _ensure(session, contract, existing.get(contract.table))
            catalog_query.remember_match(session, contract)


def in_order(tables: Sequence[str]) -> tuple[Contract, ...]:
    """The contracts of ``tables`` and of all they refer to, a table after those that its foreign keys name."""
    ordered: dict[str, Contract] = {}

    def visit(table: str, path: tuple[str, ...]) -> None:
        """Put a table behind those that it refers to; ``path`` are the tables that led to it."""
        if table in ordered:
            return
        if table in path:
            raise ConfigError("Tables refer to each other in a circle.", fix="drop a REFERENCES", tables=(*path, table))
        contract = contracts.load(table)
        for column in contract.columns:
            if column.references and column.references.table != table:
                visit(column.references.table, (*path, table))
        ordered[table] = contract

    for table in tables:
        visit(table, ())
    return tuple(ordered.values())


def _read(session: Session, contracts: Sequence[Contract]) -> dict[str, ActualTable]:
    found = catalog_query.read_tables(session, [contract.table for contract in contracts])
    session.commit()
    return found


def _ensure(session: Session, contract: Contract, actual: ActualTable | None) -> None:
    for _ in range(_ATTEMPTS):
        code = _make_match(session, contract, actual)
        if code is None:
            return
        actual = _read(session, [contract]).get(contract.table)
        if actual is None and code == _TABLE_EXISTS:
            raise ConfigError(
                "There is something of the table's name that this user cannot see.",
                fix=f"find its owner as a superuser: SELECT * FROM pg_class WHERE relname = '{contract.name}'; drop or "
                "rename it, or give the table another name",
                table=contract.table,
            )
    raise TransientError(
        "Other tasks create the same schema or table again and again.",
        fix="nothing yet; if it lasts, see who does: SELECT * FROM sys_query_history WHERE status = 'running'",
        table=contract.table,
    )


def _make_match(session: Session, contract: Contract, actual: ActualTable | None) -> str | None:
    """The SQLSTATE when another task created something meanwhile: the schema perhaps, and not yet the table."""
    statements = _extend(contract, actual) if actual else create_table(contract)
    if not statements:
        return None
    try:
        with session.transaction():
            if not actual:
                ensure_schema(session, contract.schema)
            session.run_step(statements)
    except StatementError as error:
        if actual and error.code == _NO_PRIVILEGE:
            raise _of_another(contract, actual, error.what) from error
        if error.code not in _EXISTS_ALREADY:
            raise error.explained(f"correct {contract.path}, or grant what is missing", table=contract.table) from error
        log.info("%s: another task created it, or its schema, meanwhile", contract.table)
        return error.code
    return None


def _extend(contract: Contract, actual: ActualTable) -> tuple[Statement, ...]:
    """What ``changes`` returns; a table of another owner that differs is reported as that."""
    if actual.is_view:
        raise _of_another(contract, actual, "It is a view.")
    try:
        return changes(contract, actual.columns)
    except ConfigError as error:
        if actual.own:
            raise
        raise _of_another(contract, actual, error.what) from error


def _of_another(contract: Contract, actual: ActualTable, difference: str) -> ConfigError:
    return ConfigError(
        f"There is another {'view' if actual.is_view else 'table'} of this name, which belongs to {actual.owner} and "
        f"does not match the contract: {difference}",
        fix=f"give the contract another name, or let {actual.owner} rename or drop it, or run as a superuser: "
        f"ALTER TABLE {contract.table} OWNER TO the user that loads",
        table=contract.table,
        owner=actual.owner,
    )


def ensure_schema(session: Session, schema: str) -> None:
    """Create the schema unless it is there: a user who owns it need not have the right to create others."""
    if not session.run(find_schema(schema)):
        session.run(create_schema(schema))
