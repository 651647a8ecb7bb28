"""PG_CLASS, PG_ATTRIBUTE and PG_ATTRDEF as a cluster has them: their names in a statement become those of views.

The views have the columns that PostgreSQL's catalogs lack; they are in catalog/sql/89_columns_of_catalogs.sql.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from local_redshift.query.unsupported.names import cte_names
from local_redshift.sql.token_tree import Group, Item, is_sign, name_of, parse, walk

# The catalogs, with the names without which a statement does not need the view. PG_ATTRIBUTE's has also fewer rows.
_NEEDED_FOR = {"pg_class": ("reldiststyle",), "pg_attribute": ("pg_attribute",), "pg_attrdef": ("adsrc",)}
CATALOG_WORDS = tuple(word for words in _NEEDED_FOR.values() for word in words)
_SYSTEM_COLUMNS = frozenset(["tableoid", "ctid", "xmin"])  # which a view does not have
_AFTER_FROM = frozenset(
    [
        "where",
        "group",
        "order",
        "having",
        "limit",
        "offset",
        "qualify",
        "union",
        "intersect",
        "except",
        "minus",
        "select",
    ]
)


def with_redshift_columns(items: Sequence[Item]) -> Sequence[Item]:
    """Return the statement with the views in place of the catalogs whose own columns or rows it reads."""
    names = {name_of(token) for token in walk(items)}
    catalogs = frozenset(name for name, words in _NEEDED_FOR.items() if name in names and not names.isdisjoint(words))
    if not catalogs or not names.isdisjoint(_SYSTEM_COLUMNS):
        return items
    return tuple(_replaced(items, catalogs, catalogs - set(cte_names(items)), in_from=False))


def _replaced(
    items: Sequence[Item], catalogs: frozenset[str], unqualified: frozenset[str], *, in_from: bool
) -> Iterator[Item]:
    """Yield the items. A name without its schema is that of a table after FROM, JOIN and the commas of FROM."""
    is_table = in_from
    for at, item in enumerate(items):
        name = name_of(items[at + 2]) if at + 2 < len(items) else ""
        if isinstance(item, Group):
            inner = tuple(_replaced(item.items, catalogs, unqualified, in_from=is_table))
            yield Group(inner, item.space, item.end)
        elif name in catalogs and name_of(item) == "pg_catalog" and is_sign(items[at + 1], "."):
            yield from parse(f"{item.space}redshift_internal")
        elif is_table and name_of(item) in unqualified:
            yield from parse(f"{item.space}redshift_internal.{name_of(item)}")
        else:
            yield item
        in_from = item.word == "from" or (in_from and item.word not in _AFTER_FROM)
        is_table = item.word in ("from", "join") or (in_from and is_sign(item, ","))
