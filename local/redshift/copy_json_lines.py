"""JSON COPY's fast path: each line into one json column, then one INSERT that reads all keys of a line at once.

For `auto` and one value a line. Whatever it cannot take (a value over several lines, one that a column's type refuses) fails, and the
load goes through the stage, which knows the reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.redshift.lexer import quote_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from local.redshift.load import Job
    from local.redshift.session import Session

_STAGE = 'pg_temp."redshift$json"'
# Bytes that JSON text never holds unescaped: with them as quote and delimiter, a line is one field.
_LAYOUT = "FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02', NULL '', ENCODING 'UTF8'"


def suits(job: Job) -> bool:
    """Whether the command's options leave the fast path open."""
    command = job.command
    strict = command.max_errors <= 1 and command.replace_invalid is None and not command.flags - {"manifest", "explicit_ids"}
    plain = command.null_as is None and command.date_format in (None, "auto") and command.time_format in (None, "auto")
    scaled = any(column.type == "numeric" for column in job.columns)
    return command.json_paths == "auto" and strict and plain and not scaled


async def run(session: Session, job: Job, data: AsyncIterator[bytes]) -> None:
    """Load. Raises BackendError where the stage must be tried."""
    backend = session.backend
    await backend.ask('CREATE TEMPORARY TABLE "redshift$json" (line json)')
    await backend.ask_copy(f"COPY {_STAGE} FROM STDIN WITH ({_LAYOUT})", data)
    names = [quote_name(column.name) for column in job.columns]
    typed = ", ".join(f"{name} {column.sized_type}" for name, column in zip(names, job.columns, strict=True))
    listed = ", ".join(names)
    overriding = " OVERRIDING SYSTEM VALUE" if any(column.identity for column in job.columns) else ""
    values = ", ".join(f"r.{name}" for name in names)
    answer = await backend.ask(
        f"INSERT INTO {job.target} ({listed}){overriding} SELECT {values} FROM {_STAGE} s, json_to_record(s.line) AS r({typed})"
    )
    job.rows = int(answer.tags[0].split()[2])
    await backend.ask(f"DROP TABLE {_STAGE}")
