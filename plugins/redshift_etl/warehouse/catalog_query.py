"""What tables are in the warehouse: one query over the catalogue for all of them.

PG_NAMESPACE, PG_CLASS and PG_ATTRIBUTE are on clusters, in workgroups and in Multi-AZ deployments, where SVV
views are not (https://docs.aws.amazon.com/redshift/latest/mgmt/overview-multi-az.html); they have the tables of others
too, and the leader node alone reads them (https://docs.aws.amazon.com/redshift/latest/dg/c_intro_catalog_views.html).
AWS's own view of a table's DDL reads the same tables, with FORMAT_TYPE and PG_USER
(https://github.com/awslabs/amazon-redshift-utils, v_generate_tbl_ddl).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from redshift_etl.warehouse.session import Session
from redshift_etl.warehouse.statement import Statement

_TYPE_NAMES = {
    "character varying": "VARCHAR", "character": "CHAR", "numeric": "DECIMAL", "integer": "INTEGER",
    "binary varying": "VARBYTE", "time without time zone": "TIME", "time with time zone": "TIMETZ",
    "timestamp without time zone": "TIMESTAMP", "timestamp with time zone": "TIMESTAMPTZ",
}  # fmt: skip
_TABLE, _VIEW = "r", "v"

UNDEFINED_TABLE = ("42P01", "3F000")
"""The SQLSTATEs of a table, and of a schema, that does not exist."""
UNDEFINED = (*UNDEFINED_TABLE, "42703")
"""The same, and that of a column."""


@dataclass(frozen=True)
class ActualColumn:
    """A column as the catalogue describes it."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True)
class ActualTable:
    """A table or view of the catalogue; ``own`` if it belongs to the user who reads this."""

    owner: str
    own: bool
    is_view: bool
    columns: tuple[ActualColumn, ...]


def describe_tables(tables: Sequence[str]) -> Statement:
    """A row for each column of each of ``tables`` that exists, in order; one without a column where it has none."""
    names = [table.split(".", 1) for table in tables]
    condition = "\n    OR ".join("n.nspname = %s AND c.relname = %s" for _ in names)
    return Statement(
        "read the tables' columns",
        "SELECT n.nspname, c.relname, c.relkind, u.usename, u.usename = CURRENT_USER, a.attname,\n"
        "    FORMAT_TYPE(a.atttypid, a.atttypmod), a.attnotnull\n"
        "FROM pg_namespace AS n\n"
        "INNER JOIN pg_class AS c ON c.relnamespace = n.oid\n"
        "LEFT JOIN pg_user AS u ON u.usesysid = c.relowner\n"
        "LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped\n"
        f"WHERE c.relkind IN ('{_TABLE}', '{_VIEW}') AND ({condition})\n"
        "ORDER BY n.nspname, c.relname, a.attnum",
        tuple(part for name in names for part in name),
    )


def read_tables(session: Session, tables: Sequence[str]) -> dict[str, ActualTable]:
    """Those of ``tables`` that exist."""
    found: dict[str, ActualTable] = {}
    for schema, name, kind, owner, own, column, type_text, not_null in session.run(describe_tables(tables)):
        table = f"{schema}.{name}"
        before = found[table].columns if table in found else ()
        columns = (ActualColumn(str(column), type_name(type_text), not not_null),) if column else ()
        found[table] = ActualTable(str(owner), bool(own), kind == _VIEW, (*before, *columns))
    return found


def type_name(text: str) -> str:
    """A type as contracts write it, of FORMAT_TYPE's spelling: ``VARCHAR(10)`` for ``character varying(10)``."""
    base, size = re.fullmatch(r"([^(]*)(\(.*\))?", text.strip()).groups()  # type: ignore[union-attr]
    return _TYPE_NAMES.get(base, base.upper()) + (size or "")
