"""Turns a failed COPY into the row, column and reason that Redshift recorded."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from redshift_etl import settings
from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import ConfigError, EtlError, SourceError
from redshift_etl.warehouse.session import Connect, Session, StatementError, open_session
from redshift_etl.warehouse.statement import Statement

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backend:
    """The process that runs a session's statements, and a moment before its COPY (UTC, of the warehouse's clock).

    The process id alone is not enough: ids come again within the seven days that the views keep, and a COPY that fails
    for want of access records no row.
    """

    process_id: int
    since: datetime


@dataclass(frozen=True)
class LoadError:
    """A row of either view."""

    file: str
    line: int
    column: str
    type: str
    value: str | None
    reason: str

    @property
    def place(self) -> tuple[str, int, str]:
        """The field that is wrong."""
        return self.file, self.line, self.column


def read_backend(session: Session) -> Backend:
    """The session's process, now. GETDATE has the session's time zone, the views have UTC."""
    rows = session.run(
        Statement(
            "read the session's id",
            "SELECT pg_backend_pid(), CAST(GETDATE() AS TIMESTAMPTZ) AT TIME ZONE 'UTC'",
        )
    )
    process_id, since = rows[0]
    return Backend(int(process_id), since)


def load_error_queries(backend: Backend) -> tuple[Statement, ...]:
    """The newest load error of a session since a moment: of the SYS view, else of the STL view.

    STL views are on provisioned clusters alone and only the SYS view is everywhere, but it has no value of the field
    (https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html,
    https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html).
    """
    values = (backend.process_id, backend.since)
    return (
        Statement(
            "read the load error",
            "SELECT TRIM(file_name), line_number, TRIM(column_name), TRIM(column_type),\n"
            "    CAST(NULL AS VARCHAR(1024)), TRIM(error_message)\n"
            "FROM sys_load_error_detail WHERE session_id = %s AND start_time >= %s ORDER BY start_time DESC LIMIT 1",
            values,
        ),
        Statement(
            "read the load error",
            "SELECT TRIM(filename), line_number, TRIM(colname), TRIM(type), TRIM(raw_field_value), TRIM(err_reason)\n"
            "FROM stl_load_errors WHERE session = %s AND starttime >= %s ORDER BY starttime DESC LIMIT 1",
            values,
        ),
    )


def copy_error(connect: Connect, backend: Backend, contract: Contract, error: StatementError) -> EtlError:
    """The error to raise for a COPY that failed in the session of ``backend``.

    Read on a second connection: the failed transaction of the first sees nothing (AWS, STL_LOAD_ERRORS).
    """
    row = _newest_load_error(connect, backend, contract.table)
    if row is None:
        return ConfigError(
            f"COPY failed: {error.message}.",
            fix=_fix(error.message),
            table=contract.table,
            code=error.code,
        )
    return SourceError(
        f"COPY refused a row: {row.reason}.",
        fix="fix the value in the source, or the column's type in the contract",
        table=contract.table,
        column=row.column,
        type=row.type,
        value=row.value,
        file=row.file,
        line=row.line,
    )


def _fix(message: str) -> str:
    """What to do about a COPY that has failed for want of access: the local Redshift has AWS's messages."""
    if "assume" in message:
        return f"correct the setting [{settings.SECTION}] iam_role, or attach the role to the cluster"
    if "Status 301" in message or "PermanentRedirect" in message:
        return f"correct the setting [{settings.SECTION}] region: it is that of the lake's bucket"
    return "compare the manifest with the bucket, and the role's permissions with docs/deploying.md"


def _newest_load_error(connect: Connect, backend: Backend, label: str) -> LoadError | None:
    """The row of the first view that has one, with the field's value of the second if that is of the same field."""
    found = None
    for query in load_error_queries(backend):
        try:
            with open_session(connect, label) as session:
                rows = [LoadError(*row) for row in session.run(query)]
        except EtlError as failure:
            level = logging.INFO if found else logging.WARNING
            log.log(level, "%s: could not read the load error: %s", label, failure)
            continue
        if found and rows and rows[0].place == found.place:
            return replace(found, value=rows[0].value)
        found = found or (rows[0] if rows else None)
    return found
