"""The data model of incidents, and the rule by which failures belong to the same one. Pure.

One cause is one incident, however many tasks, windows and DAGs it stops. A cause is the class of the error, what it
concerns (a table or a connection; the DAG if the error names neither) and its message without the values. Further
failures of the cause are counted in its incident until that is resolved or has had no failure for ``QUIET``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from redshift_etl.incidents.failure import Failure

QUIET = timedelta(hours=48)  # longer than a daily DAG that fails each day is without a failure
FAILURE, LATE = "failure", "late"
SUMMARY_CHARS, SOURCE_CHARS = 500, 500
MAX_FAILED_RUNS = 200
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9a-f]{8,}\b|\d+([.:T-]\d+)*", re.IGNORECASE)


@dataclass(frozen=True)
class FailedRun:
    """A run that failed, its window (UTC), and the table that is late because of it, each if it has one.

    What must be loaded before the incident is resolved.
    """

    run_id: str
    start: datetime | None = None
    end: datetime | None = None
    dag_id: str = ""
    table: str = ""

    def as_list(self) -> list[str | None]:
        """For JSON."""
        moments = (moment.isoformat() if moment else None for moment in (self.start, self.end))
        return [self.run_id, *moments, self.dag_id, self.table]

    @classmethod
    def from_list(cls, value: Sequence[str | None]) -> FailedRun:
        """Back from JSON; that of earlier versions has no DAG and no table."""
        run_id, start, end, *names = value
        window = [datetime.fromisoformat(moment) if moment else None for moment in (start, end)]
        return cls(str(run_id), window[0], window[1], *map(str, names))


@dataclass(frozen=True)
class Incident:
    """One cause. It is open while ``resolved_at`` is None.

    Times are UTC. ``report`` is the key of the Markdown file in the lake; in ``etl.incidents`` it is the file's URL.
    ``table_name`` is the table that was late first because of it, empty if none is; ``tables`` has all of them.
    ``source`` is what failed on the source's side: a relation, a file, a connection. ``failed_runs`` has the first
    ``MAX_FAILED_RUNS`` runs; only the lake stores them.
    """

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
    resolved_at: datetime | None = None
    source: str = ""
    tables: tuple[str, ...] = ()
    failed_runs: tuple[FailedRun, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """An open incident as JSON-ready values, for the lake and for alerts."""
        plain = {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in self.row().items()
        }
        return {**plain, "parts": [run.as_list() for run in self.failed_runs]}

    def row(self) -> dict[str, Any]:
        """The columns of ``etl.incidents`` that are written when the incident is opened."""
        return {name: value for name, value in vars(self).items() if name not in ("resolved_at", "failed_runs")}

    def with_failure(self, other: Incident) -> Incident:
        """The incident with one more failure of the same cause, which ``other`` would have opened."""
        runs = self.failed_runs + tuple(run for run in other.failed_runs if run not in self.failed_runs)
        return replace(
            self,
            occurrences=self.occurrences + 1,
            last_seen_at=max(self.last_seen_at, other.last_seen_at),
            tables=tuple(dict.fromkeys((*self.tables, *other.tables))),
            failed_runs=runs[:MAX_FAILED_RUNS],
        )

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Incident:
        """Back from JSON."""
        plain = {name: part for name, part in value.items() if name != "parts"}
        times = {name: datetime.fromisoformat(value[name]) for name in ("opened_at", "last_seen_at")}
        runs = tuple(FailedRun.from_list(run) for run in value.get("parts", ()))
        tables = tuple(value.get("tables") or filter(None, [value["table_name"]]))
        return cls(**{**plain, **times, "tables": tables, "failed_runs": runs})


def cause_of(failure: Failure) -> str:
    """The cause as a short hash: the same for failures that have one fix."""
    ours = failure.error_class in ("ConfigError", "SourceError", "TransientError")
    named = next((failure.where[name] for name in ("source", "table", "connection") if failure.where.get(name)), "")
    concerns = named or ("shared" if ours else failure.dag_id)
    message = _VALUES.sub("#", failure.message.split("\n", 1)[0]).lower()
    return _hash(FAILURE, failure.error_class, concerns, message)


def late_cause(table: str) -> str:
    """The cause, as a hash, of the incident of a table that is late."""
    return _hash(LATE, table)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def incident_id(opened_at: datetime, subject: str, cause: str) -> str:
    """An id that sorts by time and is a safe file name: ``20130102T031500-core-flights-1a2b3c4d``."""
    slug = re.sub("[^a-z0-9]+", "-", subject.lower()).strip("-")[:40]
    return f"{opened_at.astimezone(UTC):%Y%m%dT%H%M%S}-{slug}-{cause[:8]}"


def new_incident(failure: Failure) -> Incident:
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
        source=failure.source[:SOURCE_CHARS],
        tables=failure.tables or tuple(filter(None, [failure.table])),
        failed_runs=(
            FailedRun(failure.run_id, failure.window_start, failure.window_end, failure.dag_id, failure.table),
        ),
    )
