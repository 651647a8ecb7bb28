"""The query that counts the rows of a source that no window contains, because the extract's column is NULL. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

import sqlglot
from sqlglot import exp

_MARK = re.compile(r"%\((start|end)\)s")
_BOUNDS = ("etl_window_start", "etl_window_end")


def count_without_window(sql: str) -> str | None:
    """A SELECT of the number of rows whose window column is NULL, derived from an extract in PostgreSQL's dialect.

    The conditions of a WHERE that compare with ``%(start)s`` or ``%(end)s`` are replaced by one that what they compare
    is NULL; the others stay. None for a query without such a condition, or that cannot be parsed.
    """
    marked = _MARK.sub(lambda found: f"etl_window_{found[1]}", sql.strip().rstrip(";")).replace("%%", "%")
    try:
        tree = sqlglot.parse_one(marked, dialect="postgres")
    except sqlglot.errors.SqlglotError:
        return None
    replaced = [_replace(where) for where in list(tree.find_all(exp.Where))]
    if not any(replaced) or any(column.name in _BOUNDS for column in tree.find_all(exp.Column)):
        return None
    return f"SELECT COUNT(*) FROM (\n{tree.sql('postgres', pretty=True)}\n) AS without_window"


def _replace(where: exp.Where) -> bool:
    """Whether the WHERE has such conditions; replaces them."""
    kept, compared = [], []
    for condition in _conjuncts(where.this):
        if any(column.name in _BOUNDS for column in condition.find_all(exp.Column)):
            compared += [*_compared(condition)]
        else:
            kept.append(condition)
    nulls = {value.sql("postgres"): value for value in compared}
    if not nulls:
        return False
    conditions = [*kept, *(exp.Is(this=value.copy(), expression=exp.Null()) for value in nulls.values())]
    where.set("this", exp.and_(*conditions))
    return True


def _conjuncts(condition: exp.Expr) -> list[exp.Expr]:
    condition = condition.unnest()
    if isinstance(condition, exp.And):
        return [*_conjuncts(condition.left), *_conjuncts(condition.right)]
    return [condition]


def _compared(condition: exp.Expr) -> Iterable[exp.Expr]:
    """What is compared with a bound of the window."""
    for comparison in condition.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.Between):
        sides = [part for part in comparison.iter_expressions() if not _is_bound(part)]
        if len(sides) == 1:
            yield sides[0]


def _is_bound(part: exp.Expr) -> bool:
    """Whether it is computed of a bound alone: ``%(start)s``, ``CAST(%(start)s AS DATE)``."""
    columns = [column.name for column in part.find_all(exp.Column)]
    return bool(columns) and all(name in _BOUNDS for name in columns)
