"""Turns a failed COPY into the row, column and reason that Redshift recorded."""

from __future__ import annotations

import logging

from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import ConfigError, EtlError, SourceError, TransientError
from redshift_etl.warehouse.session import Connect, StatementError, open_session
from redshift_etl.warehouse.statement import Statement

log = logging.getLogger(__name__)


def load_error_queries(backend: int) -> tuple[Statement, ...]:
    """The newest load error of a session: STL views are not on serverless, SYS views are on both (AWS, "SYS views")."""
    return (
        Statement(
            "read the load error",
            "SELECT TRIM(filename), line_number, TRIM(colname), TRIM(type), TRIM(raw_field_value), TRIM(err_reason)\n"
            "FROM stl_load_errors WHERE session = %s ORDER BY starttime DESC LIMIT 1",
            (backend,),
        ),
        Statement(
            "read the load error",
            "SELECT TRIM(file_name), line_number, TRIM(column_name), TRIM(column_type), NULL, TRIM(error_message)\n"
            "FROM sys_load_error_detail WHERE session_id = %s ORDER BY start_time DESC LIMIT 1",
            (backend,),
        ),
    )


def copy_error(connect: Connect, backend: int, contract: Contract, error: StatementError) -> EtlError:
    """The error to raise for a COPY that failed in session ``backend``.

    Read on a second connection: the failed transaction of the first sees nothing (AWS, STL_LOAD_ERRORS).
    """
    row = _newest_load_error(connect, backend, contract.table)
    if row is None:
        return ConfigError(
            f"COPY failed: {error.message}.",
            fix="compare the manifest with the bucket, and the role's permissions with docs/deploying.md",
            table=contract.table,
            code=error.code,
        )
    file, line, column, kind, value, reason = row
    return SourceError(
        f"COPY refused a row: {reason}.",
        fix="fix the value in the source, or the column's type in the contract",
        table=contract.table,
        column=column,
        type=kind,
        value=value,
        file=file,
        line=line,
    )


def _newest_load_error(connect: Connect, backend: int, label: str) -> tuple[object, ...] | None:
    for query in load_error_queries(backend):
        try:
            with open_session(connect, label) as session:
                rows = session.run(query)
        except (StatementError, TransientError) as failure:
            log.warning("%s: could not read the load error: %s", label, failure)
            continue
        if rows:
            return rows[0]
    return None
