"""PostgreSQL's errors as those of this package: who must act, where, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from sqlglot import exp

from redshift_etl.connections import no_connection, of_another_host
from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.extract.source_columns import parsed

ColumnsToday = Callable[[], dict[str, str]]

_REFUSED = re.compile(
    r"authentication failed|no pg_hba|role .* does not exist|database .* does not exist|no password", re.I
)
_SETTINGS = re.compile(r"invalid (connection option|integer value|\w+ value)|SSL|certificate", re.I)
_QUOTED_MARK = re.compile(r"'%\((start|end)\)s'")
_NAMED = re.compile(r'"([^"]+)"|column ([\w.]+) does not exist')


@contextmanager
def translated(
    conn_id: str, sql: str, sql_file: str = "include/sql/extract", columns_today: ColumnsToday = dict
) -> Iterator[None]:
    """PostgreSQL's errors as ours; ``sql_file`` is what to correct, ``columns_today`` describes those of the source."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        yield
    except AirflowNotFoundException as error:
        raise no_connection(conn_id) from error
    except psycopg.Error as error:
        raise _from_postgres(error, conn_id, sql, sql_file, columns_today) from error


def _from_postgres(
    error: psycopg.Error, conn_id: str, sql: str, sql_file: str, columns_today: ColumnsToday
) -> Exception:
    message = " ".join(str(error).split())
    if isinstance(error, (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable)):
        named = _NAMED.search(message)
        name = next(filter(None, named.groups()), None) if named else None
        kind = "column" if isinstance(error, psycopg.errors.UndefinedColumn) else "relation"
        return SourceError(
            f"The source lacks a {kind} that the query needs: {message}",
            fix=f"ask the source's owner to provide it, or change {sql_file}",
            connection=conn_id,
            source=_tables(sql),
            **{kind: name},
            **(columns_today() if kind == "column" else {}),
        )
    if isinstance(error, psycopg.errors.InsufficientPrivilege) or (not error.sqlstate and _REFUSED.search(message)):
        return ConfigError(
            f"The source refuses the connection's user: {message}",
            fix="correct the connection, or grant SELECT",
            connection=conn_id,
            source=_tables(sql),
        )
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction) or str(error.sqlstate).startswith("42"):
        fix = f"correct {sql_file}{_mark_hint(message, sql)}"
        return ConfigError(f"The query's SQL is refused: {message}", fix=fix, connection=conn_id)
    if not error.sqlstate and (wrong := _wrong_settings(message, conn_id)):
        return wrong
    if isinstance(error, psycopg.OperationalError):
        return TransientError(
            f"The connection to the source failed: {message}",
            fix="it is retried; if it lasts, check host and port of the connection, and the network",
            connection=conn_id,
        )
    return SourceError(
        f"The source could not run the query: {message}",
        fix=f"check the source's data and {sql_file}",
        connection=conn_id,
        source=_tables(sql),
    )


def _wrong_settings(message: str, conn_id: str) -> ConfigError | None:
    """The error of a connection that could not be made, where its settings are the cause; None for any other."""
    if " on socket " in message:
        return ConfigError("The Airflow connection has no host.", fix="add the host of the source", connection=conn_id)
    if _SETTINGS.search(message):
        return ConfigError(
            f"The source or its driver refuses a setting of the Airflow connection: {message}",
            fix="correct its extra",
            connection=conn_id,
        )
    return of_another_host(conn_id)


def _mark_hint(message: str, sql: str) -> str:
    """What to write in the place of a placeholder that is not one."""
    if _QUOTED_MARK.search(sql):
        return ": write %(start)s and %(end)s without quotation marks, they come with their own"
    return ": the placeholders are %(start)s and %(end)s" if 'near "%"' in message else ""


def _tables(sql: str) -> str:
    """The tables that a query reads, for a message."""
    query = parsed(sql)
    return ", ".join(table.sql() for table in query.find_all(exp.Table)) if query else "see include/sql/extract"
