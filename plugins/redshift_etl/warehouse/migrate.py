"""Makes a table match its contract: creates it, adds a nullable column, and reports any other difference."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.ddl import Column
from redshift_etl.errors import ConfigError, TransientError
from redshift_etl.warehouse import locks
from redshift_etl.warehouse.session import ConflictError, Connect, Session, StatementError, open_session
from redshift_etl.warehouse.statement import Statement, ident, literal

log = logging.getLogger(__name__)

BOOKKEEPING = (
    "etl.load_history", "etl.touched_days", "etl.mart_inputs", "etl.mart_builds", "etl.check_results",
    "etl.check_failures",
)  # fmt: skip
# Schema, table; PostgreSQL's catalogue races of two CREATEs: a table's row type, a row of the catalogue.
_EXISTS_ALREADY = ("42P06", "42P07", "42710", "23505")
_ATTEMPTS = 5  # each loses to another task that got further: schema, table
_CATALOGUE_NAMES = {
    "character varying": "VARCHAR", "character": "CHAR", "numeric": "DECIMAL", "integer": "INTEGER",
    "timestamp without time zone": "TIMESTAMP", "timestamp with time zone": "TIMESTAMPTZ",
}  # fmt: skip


@dataclass(frozen=True)
class ActualColumn:
    """A column as the catalogue describes it."""

    name: str
    type: str
    nullable: bool


def describe_table(table: str) -> Statement:
    """The columns that the table has now, in order; none when it does not exist."""
    schema, name = table.split(".")
    return Statement(
        "read the table's columns",
        "SELECT column_name, data_type, character_maximum_length, numeric_precision, numeric_scale, is_nullable\n"
        "FROM svv_columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        (schema, name),
    )


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
    statement = (
        f"ALTER TABLE {contract.table} ALTER COLUMN {column.name} TYPE {column.type}"
        if _may_grow(column, actual)
        else f"CREATE TABLE {contract.table}_new …; INSERT INTO {contract.table}_new SELECT … FROM {contract.table}"
    )
    return ConfigError(
        f"The contract has {column.type}{'' if column.nullable else ' NOT NULL'}, "
        f"the table has {actual.type}{'' if actual.nullable else ' NOT NULL'}.",
        fix=f"correct the contract, or run: {statement}",
        table=contract.table,
        column=column.name,
    )


def _may_grow(column: Column, actual: ActualColumn) -> bool:
    """Whether ALTER COLUMN TYPE can take the table to the contract: a longer VARCHAR, without what forbids it."""
    before = re.fullmatch(r"VARCHAR\((\d+)\)", actual.type)
    if not before or column.type.name != "VARCHAR" or column.nullable != actual.nullable:
        return False
    return column.resizable and (column.type.length or 0) > int(before[1])


def ensure(connect: Connect, table: str) -> None:
    """Create or extend ``table``, those it refers to and the bookkeeping, each change by itself, and their lock tables.

    Safe to race.
    """
    with open_session(connect, table) as session:
        needed = in_order((*BOOKKEEPING, table))
        for contract in needed:
            _repeat(contract.table, partial(_made_to_match, session, contract))
        _repeat(table, partial(_locks_made, session, [contract.table for contract in needed]))


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


def _repeat(table: str, made: Callable[[], bool]) -> None:
    """Call until it has made what is missing, or found it there."""
    for _ in range(_ATTEMPTS):
        if made():
            return
    raise TransientError(
        "Other tasks create the same schema or table again and again.",
        fix="nothing yet; if it lasts, see in stv_recents who does",
        table=table,
    )


def _made_to_match(session: Session, contract: Contract) -> bool:
    """False when another task created something meanwhile: the schema perhaps, and not yet the table."""
    actual = tuple(_actual(*row) for row in session.run(describe_table(contract.table)))
    session.commit()
    statements = changes(contract, actual) if actual else create_table(contract)
    if not statements:
        return True
    fix = f"correct {contract.path}, or grant what is missing"
    return _created(session, contract.table, None if actual else contract.schema, statements, fix)


def _locks_made(session: Session, tables: Sequence[str]) -> bool:
    missing = locks.missing(tables, [row[0] for row in session.run(locks.existing())])
    session.commit()
    fix = f"create the schema {locks.SCHEMA} as include/sql/grants/etl_user.sql does"
    return all(_created(session, table, locks.SCHEMA, (locks.create(table),), fix) for table in missing)


def _created(session: Session, table: str, schema: str | None, statements: Sequence[Statement], fix: str) -> bool:
    try:
        with session.transaction():
            if schema:
                ensure_schema(session, schema)
            session.run_step(statements)
    except ConflictError as error:
        log.info("%s: %s", table, error.what)
        return False
    except StatementError as error:
        if error.code not in _EXISTS_ALREADY:
            raise error.explained(fix, table=table) from error
        log.info("%s: another task created it, or its schema, meanwhile", table)
        return False
    return True


def ensure_schema(session: Session, schema: str) -> None:
    """Create the schema unless it is there: a user who owns it need not have the right to create others."""
    if not session.run(find_schema(schema)):
        session.run(create_schema(schema))


def _actual(
    name: str, kind: str, length: int | None, precision: int | None, scale: int | None, nullable: str
) -> ActualColumn:
    base = _CATALOGUE_NAMES.get(kind.lower(), kind.upper())
    sizes = {"VARCHAR": f"({length})", "CHAR": f"({length})", "DECIMAL": f"({precision},{scale})"}.get(base, "")
    return ActualColumn(name, base + sizes, nullable.upper() == "YES")
