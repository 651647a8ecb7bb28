"""The statements that take a table to its contract, and the errors of the differences that a person must end. Pure."""

from __future__ import annotations

import re

from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.ddl import Column
from redshift_etl.errors import ConfigError
from redshift_etl.warehouse.catalog_query import ActualColumn, ActualTable
from redshift_etl.warehouse.statement import Statement, column_name, ident, literal


def statements_for(contract: Contract, actual: ActualTable | None) -> tuple[Statement, ...]:
    """CREATE for a table that is not there, else what ``changes`` returns.

    Raises ConfigError for a difference that no additive statement ends; one that names the owner for a view, and for a
    table of somebody else.
    """
    if actual is None:
        return create_table(contract)
    if actual.is_view:
        raise of_another(contract, actual, "It is a view.")
    try:
        return changes(contract, actual.columns)
    except ConfigError as error:
        if actual.own:
            raise
        raise of_another(contract, actual, error.what) from error


def create_table(contract: Contract) -> tuple[Statement, ...]:
    """The contract's own statements, and its description as the table's comment."""
    return (
        *(Statement(f"create {contract.table}", text) for text in contract.statements),
        *(_add(contract, column) for column in contract.added),
        Statement("describe the table", f"COMMENT ON TABLE {ident(contract.table)} IS {literal(contract.description)}"),
    )


def changes(contract: Contract, actual: tuple[ActualColumn, ...]) -> tuple[Statement, ...]:
    """The additive statements that take the table to its contract. Pure.

    Raises ConfigError, with the statement a person must run, for any other difference: a changed type or nullability, a
    column that the contract no longer has, a new column that is NOT NULL.
    """
    has = {column.name: column for column in actual}
    statements = []
    for column in (*contract.columns, *contract.added):
        if column.name not in has:
            statements.append(_add(contract, column))
        elif _differs(column, has[column.name]):
            raise _by_hand(contract, column, has[column.name])
    extra = [name for name in has if name not in contract.stored_names]
    if extra:
        raise ConfigError(
            "The table has columns that its contract does not.",
            fix="put them into the contract; a column that nobody needs is dropped by a person, who knows its data",
            table=contract.table,
            columns=extra,
        )
    return tuple(statements)


def _differs(column: Column, actual: ActualColumn) -> bool:
    """An IDENTITY column has no NULL, whether or not the catalogue marks it."""
    nullable = column.nullable if column.identity else actual.nullable
    return (actual.type, nullable) != (str(column.type), column.nullable)


def _add(contract: Contract, column: Column) -> Statement:
    """A column with a DEFAULT gives it to the rows that are there; one with IDENTITY cannot be added."""
    if column.identity:
        raise ConfigError(
            "Redshift adds no IDENTITY column to a table.",
            fix=f"leave it out, or run: {_copy(contract)}",
            table=contract.table,
            column=column.name,
        )
    if not column.nullable and column.default is None:
        raise ConfigError(
            "A new column must be nullable or have a DEFAULT: the rows that are there have no value for it.",
            fix="allow NULL, or give it a DEFAULT in the contract",
            table=contract.table,
            column=column.name,
        )
    return Statement(
        f"add the column {column.name}",
        f"ALTER TABLE {ident(contract.table)} ADD COLUMN {column_name(column.name)} {column.type}"
        f"{'' if column.default is None else f' DEFAULT {column.default}'}{'' if column.nullable else ' NOT NULL'}",
    )


def _copy(contract: Contract) -> str:
    new = f"{contract.table}_new"
    return f"CREATE TABLE {new} …; INSERT INTO {new} SELECT … FROM {contract.table}"


def _by_hand(contract: Contract, column: Column, actual: ActualColumn) -> ConfigError:
    statement = (
        f"ALTER TABLE {contract.table} ALTER COLUMN {column.name} TYPE {column.type}"
        if _may_grow(column, actual)
        else _copy(contract)
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


def of_another(contract: Contract, actual: ActualTable, difference: str) -> ConfigError:
    """The error of a view, or of a table of somebody else, which is not what the contract describes."""
    return ConfigError(
        f"There is another {'view' if actual.is_view else 'table'} of this name, which belongs to {actual.owner} and "
        f"does not match the contract: {difference}",
        fix=f"give the contract another name, or let {actual.owner} rename or drop it, or run as a superuser: "
        f"ALTER TABLE {contract.table} OWNER TO the user that loads",
        table=contract.table,
        owner=actual.owner,
    )
