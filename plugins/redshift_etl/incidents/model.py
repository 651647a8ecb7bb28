"""What an incident is, which failures are the same one, and the report that is half written when someone looks. Pure.

The same cause makes one incident, however many tasks, windows and DAGs it stops. A cause is the class of the error,
what it concerns (a table, a connection; the DAG if the error names neither) and its message without the values. An
incident takes further failures until it is resolved, or until it has been quiet for ``QUIET``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from redshift_etl.errors import EtlError
from redshift_etl.redaction import redact

QUIET = timedelta(hours=48)  # a daily DAG that fails each day is never quiet for so long
FAILURE, LATE = "failure", "late"
SUMMARY_CHARS = 500
MAX_PARTS = 200
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9a-f]{8,}\b|\d+([.:T-]\d+)*", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """A run that failed, and its window (UTC) if it has one: what must be loaded before the incident is over."""

    run_id: str
    start: datetime | None = None
    end: datetime | None = None

    def as_list(self) -> list[str | None]:
        """For JSON."""
        return [self.run_id, *(moment.isoformat() if moment else None for moment in (self.start, self.end))]

    @classmethod
    def from_list(cls, value: Sequence[str | None]) -> Part:
        """Back from JSON."""
        run_id, *moments = value
        return cls(str(run_id), *(datetime.fromisoformat(moment) if moment else None for moment in moments))


@dataclass(frozen=True)
class Incident:
    """One cause. Times are UTC; ``report`` is where the Markdown file is; ``parts`` the first ``MAX_PARTS`` runs."""

    incident_id: str
    cause: str
    kind: str
    table_name: str
    dag_id: str
    run_id: str
    task_id: str
    error_class: str
    who_acts: str
    summary: str
    report: str
    opened_at: datetime
    last_seen_at: datetime
    occurrences: int = 1
    parts: tuple[Part, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        plain = {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in self.row().items()
        }
        return {**plain, "parts": [part.as_list() for part in self.parts]}

    def row(self) -> dict[str, Any]:
        """What ``etl.incidents`` has of it."""
        return {name: value for name, value in asdict(self).items() if name != "parts"}

    def again(self, other: Incident) -> Incident:
        """With one more failure of the same cause."""
        parts = self.parts + tuple(part for part in other.parts if part not in self.parts)
        seen = max(self.last_seen_at, other.last_seen_at)
        return replace(self, occurrences=self.occurrences + 1, last_seen_at=seen, parts=parts[:MAX_PARTS])

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Incident:
        """Back from JSON."""
        times = {name: datetime.fromisoformat(value[name]) for name in ("opened_at", "last_seen_at")}
        parts = tuple(Part.from_list(part) for part in value.get("parts", ()))
        return cls(**{**value, **times, "parts": parts})


@dataclass(frozen=True)
class Failure:
    """A task that failed after its last try, as far as could be found out."""

    dag_id: str
    run_id: str
    task_id: str
    error_class: str
    message: str
    who_acts: str
    failed_at: datetime
    map_index: int = -1
    try_number: int = 1
    window_start: datetime | None = None
    window_end: datetime | None = None
    started_at: datetime | None = None
    log_url: str = ""
    fix: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    traceback: str = ""
    tables: tuple[str, ...] = ()

    @property
    def window(self) -> str:
        """The data window, or nothing."""
        if not (self.window_start and self.window_end):
            return ""
        return f"[{self.window_start:%Y-%m-%dT%H:%M:%SZ}, {self.window_end:%Y-%m-%dT%H:%M:%SZ})"

    @property
    def table(self) -> str:
        """The table that it concerns: the error's own, else the only one that the task writes, else none."""
        return self.where.get("table") or (self.tables[0] if len(self.tables) == 1 else "")


def concerned(failure: Failure) -> tuple[str, ...]:
    """The tables that a failure is about: those that the task writes, and the error's own."""
    return tuple(dict.fromkeys(filter(None, (*failure.tables, failure.table))))


def failure_of(error: BaseException | str | None) -> dict[str, Any]:
    """What an error says of itself: class, message, who must act, the fix and where it is."""
    if isinstance(error, EtlError):
        where = {name: redact(value if isinstance(value, str) else repr(value)) for name, value in error.where.items()}
        named = {"message": redact(error.what), "who_acts": error.who_acts, "fix": redact(error.fix), "where": where}
        return {"error_class": type(error).__name__, **named}
    if isinstance(error, BaseException):
        return {
            "error_class": type(error).__name__,
            "message": redact(str(error)),
            "who_acts": "data engineering: the library does not know this error",
        }
    text = redact(str(error)) if error else "The task's process ended without an error of its own (killed, or lost)."
    return {"error_class": "Killed", "message": text, "who_acts": "whoever runs Airflow: memory, time-outs, workers"}


def cause_of(failure: Failure) -> str:
    """The cause as a short hash: the same for failures that one act would mend."""
    ours = failure.error_class in ("ConfigError", "SourceError", "TransientError")
    concerns = failure.where.get("table") or failure.where.get("connection") or ("shared" if ours else failure.dag_id)
    message = _VALUES.sub("#", failure.message.split("\n", 1)[0]).lower()
    return _hash(FAILURE, failure.error_class, concerns, message)


def late_cause(table: str) -> str:
    """The cause of a table that is late."""
    return _hash(LATE, table)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def incident_id(opened_at: datetime, about: str, cause: str) -> str:
    """Readable, sorted by time, and a safe file name: ``20130102T031500-core-flights-1a2b3c4d``."""
    slug = re.sub("[^a-z0-9]+", "-", about.lower()).strip("-")[:40]
    return f"{opened_at.astimezone(UTC):%Y%m%dT%H%M%S}-{slug}-{cause[:8]}"


def first(failure: Failure) -> Incident:
    """The incident that a failure opens."""
    cause = cause_of(failure)
    name = incident_id(failure.failed_at, failure.table or failure.dag_id, cause)
    return Incident(
        incident_id=name,
        cause=cause,
        kind=FAILURE,
        table_name=failure.table,
        dag_id=failure.dag_id,
        run_id=failure.run_id,
        task_id=failure.task_id,
        error_class=failure.error_class,
        who_acts=failure.who_acts,
        summary=failure.message[:SUMMARY_CHARS],
        report=f"incidents/{failure.failed_at:%Y-%m-%d}/{name}.md",
        opened_at=failure.failed_at,
        last_seen_at=failure.failed_at,
        parts=(Part(failure.run_id, failure.window_start, failure.window_end),),
    )


def commands(failure: Failure, days: Sequence[str], form: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What runs the failed part again, the narrowest first.

    ``days`` are the UTC days of the window; ``form`` the dates that the run was started with, if it was.
    """
    found = [f"airflow dags clear {failure.dag_id} --run-id '{failure.run_id}' --only-failed --yes"]
    if form:
        dates = ", ".join(f'"{name}": "{value}"' for name, value in form.items())
        found.append(f"airflow dags trigger {failure.dag_id} --conf '{{{dates}}}'")
    elif days:
        found.append(f"airflow dags backfill {failure.dag_id} -s {days[0]} -e {days[-1]} --rerun-failed-tasks")
    return tuple(found)
