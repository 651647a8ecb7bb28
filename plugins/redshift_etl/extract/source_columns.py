"""The columns of a source's tables: those of the last extract, and what is new among those of today."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import sqlglot
from sqlglot import exp

from redshift_etl.lake.batch import RAW
from redshift_etl.lake.storage import Lake

log = logging.getLogger(__name__)

_COLUMNS = (
    "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped "
    "ORDER BY attnum"
)


def parsed(sql: str) -> exp.Expr | None:
    """An extract's query; None where the parser does not know it."""
    try:
        return sqlglot.parse_one(re.sub(r"%\(\w+\)s", "NULL", sql), dialect="postgres")
    except sqlglot.errors.SqlglotError:
        return None


def read(conn: Any, sql: str) -> list[str]:
    """The columns that the tables of a query have now, in their order. Raises psycopg.Error."""
    query, names = parsed(sql), list[str]()
    for table in query.find_all(exp.Table) if query else ():
        name = exp.Table(this=table.this, db=table.args.get("db")).sql("postgres")
        names += [str(column) for (column,) in conn.execute(_COLUMNS, [name]).fetchall()]
    return names


def remember(conn: Any, sql: str, table: str, lake: Lake) -> None:
    """Store the columns beside the raw files of the table that is loaded, unless they are the stored ones."""
    names = json.dumps(read(conn, sql)).encode()
    stored = lake.get(_key(table))
    if stored is None or stored[0] != names:
        lake.put(_key(table), names)


def compare(conn_id: str, sql: str, table: str, lake: Lake) -> dict[str, str]:
    """The source's columns of today, and those that it did not have at the last extract; nothing if unreadable."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    try:
        with PostgresHook(postgres_conn_id=conn_id).get_conn() as conn:
            today = read(conn, sql)
        stored = lake.get(_key(table))
        known = set(json.loads(stored[0])) if stored else set[str]()
    except Exception as error:  # noqa: BLE001 — what failed first is what the person must know
        log.warning("The source's columns cannot be read: %s", " ".join(str(error).split()))
        return {}
    if stored is None:
        return {"source_columns": ", ".join(today)}
    return {
        "source_columns": ", ".join(today),
        "new_columns": ", ".join(name for name in today if name not in known) or "none",
    }


def _key(table: str) -> str:
    return f"{RAW}/{table}/source_columns.json"
