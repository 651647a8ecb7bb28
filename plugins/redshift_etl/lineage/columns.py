"""Which columns a SELECT's columns are made of, and which decide its rows. Pure; sqlglot reads the SQL.

The kinds are OpenLineage's (column lineage facet, "transformations"), so that the page, the catalogue and the events
say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeGuard

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

Tables = Mapping[str, Mapping[str, str]]


class Kind(StrEnum):
    """How a column gets into another: as it is, changed, or over many rows; or only into the choice of rows."""

    IDENTITY = "IDENTITY"
    TRANSFORMATION = "TRANSFORMATION"
    AGGREGATION = "AGGREGATION"
    FILTER = "FILTER"
    JOIN = "JOIN"
    GROUP_BY = "GROUP_BY"


_STRENGTH = {Kind.IDENTITY: 0, Kind.TRANSFORMATION: 1, Kind.AGGREGATION: 2}
_CLAUSES = {"where": Kind.FILTER, "having": Kind.FILTER, "qualify": Kind.FILTER, "group": Kind.GROUP_BY}


@dataclass(frozen=True, order=True)
class Origin:
    """A column of a table, and how it is used."""

    table: str
    column: str
    kind: Kind


@dataclass(frozen=True)
class ColumnLineage:
    """The origins of each column of a SELECT, in its order, and the columns that decide which rows there are."""

    columns: Mapping[str, tuple[Origin, ...]]
    rows: tuple[Origin, ...]

    @property
    def tables(self) -> frozenset[str]:
        """Every table that a column comes from."""
        found = [origin for origins in self.columns.values() for origin in origins]
        return frozenset(origin.table for origin in [*found, *self.rows])


def tables_read(select: str, dialect: str) -> frozenset[str]:
    """The tables that a SELECT reads, as it names them; its own CTEs are not among them. Raises ValueError."""
    query = _parse(select, dialect)
    own = {cte.alias for cte in query.find_all(exp.CTE)}
    named = {_name(table) for table in query.find_all(exp.Table) if _is_table(table)}
    return frozenset(named - own)


def trace(select: str, tables: Tables, dialect: str) -> ColumnLineage:
    """Follow each column of ``select`` to ``tables`` (name to columns to types; empty when they are not known).

    Raises ValueError when the SQL cannot be read, or a column has no name or no table.
    """
    query = _parse(select, dialect)
    try:
        qualify(
            query,
            dialect=dialect,
            schema=_schema(tables),
            validate_qualify_columns=bool(tables),
            quote_identifiers=False,
        )
    except sqlglot.errors.SqlglotError as error:
        raise ValueError(f"its columns cannot be traced: {error}") from error
    root = build_scope(query)
    if root is None:
        raise ValueError("it is not a SELECT")
    tracer = _Tracer({id(column): scope for scope in root.traverse() for column in scope.columns})
    columns = {name: _sorted(tracer.selected(root, name)) for name in _names(root)}
    return ColumnLineage(columns, _sorted(tracer.deciding(root)))


def _parse(select: str, dialect: str) -> exp.Query:
    try:
        query = sqlglot.parse_one(select, dialect=dialect)
    except sqlglot.errors.SqlglotError as error:
        raise ValueError(f"it is not valid SQL: {error}") from error
    if not isinstance(query, exp.Query):
        raise ValueError("it is not a SELECT")
    return query


def _schema(tables: Tables) -> dict[str, object]:
    """As sqlglot nests it; every name with the same depth, which it requires."""
    depth = max((name.count(".") for name in tables), default=0)
    nested: dict[str, object] = {}
    for name, columns in tables.items():
        *path, last = [""] * (depth - name.count(".")) + name.split(".")
        place = nested
        for part in path:
            place = place.setdefault(part, {})  # type: ignore[assignment]
        place[last] = dict(columns)
    return nested


def _names(root: Scope) -> list[str]:
    names = [select.alias_or_name for select in _selects(root)]
    if not all(names) or "*" in names:
        raise ValueError("each column of the SELECT needs a name")
    return names


def _selects(scope: Scope) -> list[exp.Expr]:
    return scope.expression.selects if isinstance(scope.expression, exp.Query) else []


def _is_table(source: object) -> TypeGuard[exp.Table]:
    return isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)


def _name(table: exp.Table) -> str:
    return ".".join(part.name for part in table.parts)


def _sorted(origins: Iterable[Origin]) -> tuple[Origin, ...]:
    return tuple(sorted(set(origins)))


@dataclass(frozen=True)
class _Tracer:
    """Follows columns through subqueries, CTEs and unions; ``scope_of`` returns the one that a column is in."""

    scope_of: Mapping[int, Scope]

    def selected(self, scope: Scope, name: str, kind: Kind = Kind.IDENTITY) -> Iterator[Origin]:
        """The origins of the column ``name`` of a scope's SELECT."""
        if scope.set_operation_scopes:
            place = _names(scope).index(name)
            for branch in scope.set_operation_scopes:
                yield from self.selected(branch, _names(branch)[place], kind)
            return
        for select in _selects(scope):
            if select.alias_or_name == name:
                yield from self.of_expression(select, combined(kind, _kind(select)))

    def of_expression(self, expression: exp.Expr, kind: Kind) -> Iterator[Origin]:
        """The origins of every column that an expression mentions."""
        for column in expression.find_all(exp.Column):
            yield from self.of_column(column, kind)

    def of_column(self, column: exp.Column, kind: Kind) -> Iterator[Origin]:
        """The origins of one mention of a column."""
        scope = self.scope_of.get(id(column))
        source = _source(scope, column) if scope else None
        if isinstance(source, Scope):
            yield from self.selected(source, column.name, kind)
        elif _is_table(source):
            yield Origin(_name(source), column.name, kind)
        elif source is None:
            raise ValueError(f"no table has the column {column.name}")

    def deciding(self, root: Scope) -> Iterator[Origin]:
        """The columns that filter, join and group, anywhere in the query."""
        for scope in root.traverse():
            for clause, kind in _CLAUSES.items():
                for found in self._mentioned(scope.expression.args.get(clause)):
                    yield Origin(found.table, found.column, kind)
            for join in scope.expression.args.get("joins") or ():
                for found in self._mentioned(join.args.get("on")):
                    yield Origin(found.table, found.column, Kind.JOIN)

    def _mentioned(self, clause: exp.Expr | None) -> Iterator[Origin]:
        return self.of_expression(clause, Kind.IDENTITY) if clause else iter(())


def _source(scope: Scope, column: exp.Column) -> exp.Expr | Scope | None:
    if column.table or len(scope.sources) != 1:
        return scope.sources.get(column.table)
    return next(iter(scope.sources.values()))  # columns of unknown tables stay unqualified


def _kind(select: exp.Expr) -> Kind:
    bare = select.unalias()
    if isinstance(bare, exp.Column):
        return Kind.IDENTITY
    return Kind.AGGREGATION if bare.find(exp.AggFunc) else Kind.TRANSFORMATION


def combined(later: Kind, earlier: Kind) -> Kind:
    """The kind of two steps in a row: the stronger of two uses of a value; a use in the choice of rows stays one."""
    if later not in _STRENGTH or earlier not in _STRENGTH:
        return later
    return max(later, earlier, key=_STRENGTH.__getitem__)
