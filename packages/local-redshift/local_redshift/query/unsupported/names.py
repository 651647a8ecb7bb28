"""Names that PostgreSQL accepts and Redshift does not: functions, types, system columns and reserved words.

Statements that read the catalog are not checked: drivers and database tools query it with PostgreSQL's functions.

Source: https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-functions.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from local_redshift.query.unsupported import syntax
from local_redshift.query.unsupported.alternatives import (
    LEADER_ONLY,
    NOT_MODELLED,
    UNSUPPORTED_FUNCTIONS,
    UNSUPPORTED_TYPES,
)
from local_redshift.query.window_functions import is_compute_node
from local_redshift.sql.reserved_words import BEFORE, NAMES_ONLY
from local_redshift.sql.token_tree import Group, Item, Refused, is_sign, name_of, walk

_CATALOG = re.compile(r"(?:pg_|stl_|stv_|svl_|svv_|svcs_|sys_|information_schema\b)")
# "Database object size functions" of the page: no tool that queries the catalog uses them.
_SIZES = frozenset(
    f"pg_{name}"
    for name in (
        *("column_size", "database_size", "indexes_size", "relation_size", "size_bytes", "size_pretty"),
        *("table_size", "tablespace_size", "total_relation_size"),
    )
)
_QUERIES = ("select", "with", "insert", "update", "delete", "merge", "create", "drop", "alter", "explain", "declare")
UNSUPPORTED_WORDS = (
    *(*_SIZES, *NAMES_ONLY, *BEFORE, *UNSUPPORTED_FUNCTIONS, *NOT_MODELLED),
    *(*LEADER_ONLY, *UNSUPPORTED_TYPES, *syntax.WORDS, *syntax.SYSTEM_COLUMNS),
)


def check_names(items: Sequence[Item]) -> bool:
    """Raise Refused for what Redshift does not support; return False for a statement that reads the catalog."""
    _check_sizes(items)
    tables = table_names(items)
    if any(_CATALOG.match(name) for name in tables):
        return False
    _check_level(items, has_tables=bool(tables))
    if items and items[0].word in _QUERIES:
        _check_reserved(items)
    return True


def _check_sizes(items: Sequence[Item]) -> None:
    name = next((token.word for token in walk(items) if token.word in _SIZES), None)
    if name is not None:
        raise Refused(f"Redshift has no function {name.upper()}: use SVV_TABLE_INFO.", "42883")


def _check_reserved(items: Sequence[Item]) -> None:
    """Raise Refused for a reserved word as a name. After AS it is a label, and after a dot any word is a name."""
    tokens = list(walk(items))
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else None
        if is_sign(before, ".") or (before is not None and before.word == "as"):
            continue
        follow = tokens[at + 1].word if at + 1 < len(tokens) else ""
        if token.word in NAMES_ONLY or follow != BEFORE.get(token.word, follow):
            raise Refused(f'syntax error at or near "{token.text}"', "42601")


def table_names(items: Sequence[Item]) -> set[str]:
    """Return the names of tables, or of their schemas, that the statement reads or writes, without CTEs."""
    names: set[str] = set()
    _add_tables(items, names)
    return names - set(cte_names(items))


def relations_read(items: Sequence[Item]) -> set[str]:
    """Return `schema.table` or `table` for each name after FROM and JOIN, without CTEs and functions."""
    tokens = list(walk(items))
    relations: set[str] = set()
    for at, token in enumerate(tokens[:-1]):
        if token.word not in ("from", "join"):
            continue
        names = [name_of(tokens[at + 1])]
        if at + 3 < len(tokens) and is_sign(tokens[at + 2], "."):
            names.append(name_of(tokens[at + 3]))
        relations.add(".".join(names))
    return relations - set(cte_names(items)) - {"", "select", "lateral"}


def cte_names(items: Sequence[Item]) -> Iterator[str]:
    """Yield the name of each `name [(columns)] AS (query)`."""
    for at, item in enumerate(items):
        if not isinstance(item, Group):
            continue
        yield from cte_names(item.items)
        if at > 1 and items[at - 1].word == "as":
            named = items[at - 2] if not isinstance(items[at - 2], Group) else items[max(at - 3, 0)]
            yield name_of(named)


def _add_tables(items: Sequence[Item], names: set[str]) -> None:
    for at, item in enumerate(items):
        if isinstance(item, Group):
            _add_tables(item.items, names)
        elif item.word in ("from", "join", "into", "update", "using", "merge") and at + 1 < len(items):
            after = items[at + 2] if at + 2 < len(items) else None
            name = name_of(items[at + 1])
            if name and not isinstance(after, Group) and name not in ("select", "only", "lateral"):
                names.add(name)


def _check_level(items: Sequence[Item], *, has_tables: bool) -> None:
    syntax.check_syntax(items)
    for at, item in enumerate(items):
        if isinstance(item, Group):
            _check_level(item.items, has_tables=has_tables)
            continue
        _check_type(items, at)
        qualified = at > 0 and is_sign(items[at - 1], ".")
        called = at + 1 < len(items) and isinstance(items[at + 1], Group)
        if qualified or item.kind != "word":
            continue
        if called or (has_tables and item.word in LEADER_ONLY and item.word.startswith(("current_time", "local"))):
            _check_call(item.word, has_tables=has_tables)


def _check_call(name: str, *, has_tables: bool) -> None:
    if name in UNSUPPORTED_FUNCTIONS:
        raise Refused(f"Redshift has no function {name.upper()}: use {UNSUPPORTED_FUNCTIONS[name]}.", "42883")
    if name in NOT_MODELLED:
        raise Refused(f"The local Redshift does not model the function {name.upper()}.")
    if has_tables and name in LEADER_ONLY:
        raise Refused(
            f"{name.upper()} runs on the leader node only and not in a query of tables: use {LEADER_ONLY[name]}."
        )
    if not has_tables and is_compute_node(name):
        raise Refused(f"{name.upper()} runs on compute nodes only: query a table, not constants.")


def _check_type(items: Sequence[Item], at: int) -> None:
    item, words = items[at], [other.word for other in items[at : at + 4]]
    if words[:3] == ["is", "distinct", "from"] or words == ["is", "not", "distinct", "from"]:
        raise Refused("Redshift has no IS DISTINCT FROM: write a = b OR (a IS NULL AND b IS NULL).", "42601")
    before = items[at - 1] if at else None
    if not item.word or not (item.word == "array" or is_sign(before, "::")):
        return
    if is_sign(items[at + 1] if at + 1 < len(items) else None, "["):
        raise Refused("Redshift has no array type: use SUPER and ARRAY(…).")
    if item.word in UNSUPPORTED_TYPES and is_sign(before, "::"):
        raise Refused(f"Redshift has no type {item.word.upper()}: use {UNSUPPORTED_TYPES[item.word]}.")
