"""Removes from the warehouse what the checks made: their tables and schema, and their rows of the bookkeeping."""

from __future__ import annotations

from redshift_etl.cluster_check.model import Cluster, Result
from redshift_etl.contracts import contract as contracts
from redshift_etl.warehouse.session import Session, open_session
from redshift_etl.warehouse.statement import Statement, ident

_NAMES = ("table_name", "mart_name")
"""The columns of bookkeeping tables that name a table."""


def remove_tables(cluster: Cluster) -> Result | str:
    """Drop the tables in the checks' schema, those that are named after it in other schemas, and the schema."""
    with open_session(cluster.connect, cluster.name) as session:
        query = (
            "SELECT TRIM(schemaname) || '.' || TRIM(tablename) FROM pg_tables\n"
            "WHERE schemaname = %s OR tablename LIKE %s"
        )
        found = Statement("list the checks' tables", query, (cluster.name, f"{cluster.name}%"))
        tables = [str(row[0]) for row in session.run(found)]
        for table in tables:
            session.run(Statement("drop a table", f"DROP TABLE IF EXISTS {ident(table)}"))
            session.commit()
        session.run(Statement("drop the schema", f"DROP SCHEMA IF EXISTS {ident(cluster.name)}"))
        session.commit()
    return f"dropped {len(tables)} tables and the schema {cluster.name}"


def remove_rows(cluster: Cluster) -> Result | str:
    """Delete the rows of the schema ``etl`` that name a table of the checks."""
    removed = {}
    with open_session(cluster.connect, cluster.name) as session:
        query = "SELECT TRIM(tablename) FROM pg_tables WHERE schemaname = 'etl'"
        existing = {f"etl.{row[0]}" for row in session.run(Statement("read the bookkeeping's tables", query))}
        for table in sorted(existing & set(contracts.all_tables())):
            for column in contracts.load(table).column_names:
                if column in _NAMES and (rows := _delete(session, table, column, f"%{cluster.name}%")):
                    removed[table] = rows
    return f"deleted {', '.join(f'{rows} of {table}' for table, rows in removed.items()) or 'none'}"


def _delete(session: Session, table: str, column: str, pattern: str) -> int:
    where = f"FROM {ident(table)} WHERE {ident(column)} LIKE %s"
    rows = int(session.value(Statement("count the checks' rows", f"SELECT COUNT(*) {where}", (pattern,))))
    if rows:
        session.run(Statement("delete the checks' rows", f"DELETE {where}", (pattern,)))
    session.commit()
    return rows
