"""The data model of incidents, and the rule by which failures belong to the same one. Pure.

One cause is one incident, however many tasks, windows and DAGs it stops. A cause is the class of the error, what it
concerns (a table or a connection; the DAG if the error names neither) and its message without the values. Further
failures of the cause are counted in its incident until that is resolved or has had no failure for ``QUIET``.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from redshift_etl.contracts import personal
from redshift_etl.contracts.model import Contract
from redshift_etl.errors import EtlError, TransientError
from redshift_etl.redaction import redact

QUIET = timedelta(hours=48)  # longer than a daily DAG that fails each day is without a failure
FAILURE, LATE = "failure", "late"
KILLED = "Killed"
SERVICE_FAILED = ("TransientError", KILLED)
"""The classes of failures that say nothing about the batch."""
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


@dataclass(frozen=True)
class FailedTry:
    """A try of a task that failed before its last one."""

    number: int
    failed_at: datetime
    error_class: str
    message: str

    def as_dict(self) -> dict[str, Any]:
        """For the task's state store."""
        return {**vars(self), "failed_at": self.failed_at.isoformat()}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> FailedTry:
        """Back from it."""
        return cls(**{**value, "failed_at": datetime.fromisoformat(value["failed_at"])})


@dataclass(frozen=True)
class Failure:
    """A task that failed after its last try. What could not be read has its default.

    ``first_try`` is the first one since the run was last cleared, ``run_started_at`` (UTC) when it began after that.
    """

    dag_id: str
    run_id: str
    task_id: str
    error_class: str
    message: str
    who_acts: str
    failed_at: datetime
    map_index: int = -1
    try_number: int = 1
    first_try: int = 1
    window_start: datetime | None = None
    window_end: datetime | None = None
    started_at: datetime | None = None
    run_started_at: datetime | None = None
    log_url: str = ""
    fix: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    traceback: str = ""
    tables: tuple[str, ...] = ()
    wrong_data: bool = False

    @property
    def window(self) -> str:
        """The data window as text; empty if there is none."""
        if not (self.window_start and self.window_end):
            return ""
        return f"[{self.window_start:%Y-%m-%dT%H:%M:%SZ}, {self.window_end:%Y-%m-%dT%H:%M:%SZ})"

    @property
    def table(self) -> str:
        """The table that is late because of it: the only one that the task writes, else the one that the error names.

        Empty if there is none. An error also names other tables: one that the task's refers to, or the load history.
        """
        return self.tables[0] if len(self.tables) == 1 else self.where.get("table", "")

    @property
    def source(self) -> str:
        """What failed on the source's side: what the error names of it, and by which connection it is read."""
        named = next((self.where[name] for name in ("source", "url", "file") if self.where.get(name)), "")
        return ": ".join(filter(None, (self.where.get("connection", ""), named)))

    @property
    def affected_tables(self) -> tuple[str, ...]:
        """The tables that the task writes, and the one that the error names."""
        return tuple(dict.fromkeys(filter(None, (*self.tables, self.where.get("table")))))


def describe_error(error: BaseException | str | None, contract: Contract | None = None) -> dict[str, Any]:
    """The fields of a Failure that come from its error: class, message, who must act, fix and where it is.

    Without the personal data of the contract's table.
    """
    described = _described(error)
    if contract is None or not contract.pii:
        return described
    texts = {name: personal.message(contract, described[name]) for name in ("message", "fix") if name in described}
    return described | texts | {"where": personal.where(contract, described.get("where", {}))}


def _described(error: BaseException | str | None) -> dict[str, Any]:
    if isinstance(error, EtlError):
        where = {name: redact(value if isinstance(value, str) else repr(value)) for name, value in error.where.items()}
        who, fix = _after_the_last_try(error) if isinstance(error, TransientError) else (error.who_acts, error.fix)
        texts = {"message": redact(error.what), "who_acts": who, "fix": redact(fix), "where": where}
        return {"error_class": type(error).__name__, "wrong_data": error.wrong_data, **texts}
    if isinstance(error, BaseException):
        return {
            "error_class": type(error).__name__,
            "message": redact(str(error)),
            "who_acts": "data engineering: the error has no class of this library",
        }
    text = redact(str(error)) if error else "The task's process ended without an error of its own (killed, or lost)."
    return {"error_class": KILLED, "message": text, "who_acts": "whoever runs Airflow: memory, time-outs, workers"}


def _after_the_last_try(error: TransientError) -> tuple[str, str]:
    """Who must act on an error that is not tried again, and what to do: its own texts are of the tries before."""
    _, lasting, fix = error.fix.partition("if it lasts,")
    if not lasting:
        _, lasting, fix = error.fix.partition("if it happens again")
    return (
        "data engineering: every try has failed, and there is no further one",
        fix.strip() if lasting else "find out whether what the error names works again, then run it again",
    )


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


def rerun_commands(failure: Failure, days: Sequence[str], form: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The commands that run the failed part again, the narrowest first.

    What was refused is in the batch that the run has, so the whole run is cleared and reads the source again; only
    after a failure of the services is the batch as good as before.
    ``days`` are the UTC days of the window; ``form`` has the dates that the DAG is triggered with, if it was, or has no
    schedule. A window that is no whole days has the logical date at which it starts.
    """
    only = "--only-failed " if failure.error_class in SERVICE_FAILED else ""
    commands = [f"airflow dags clear {failure.dag_id} --run-id {shlex.quote(failure.run_id)} {only}--yes"]
    moments = failure.window_start, failure.window_end
    if form:
        dates = ", ".join(f'"{name}": "{value}"' for name, value in form.items())
        commands.append(f"airflow dags trigger {failure.dag_id} --conf '{{{dates}}}'")
    elif days:
        whole = all(moment is None or moment.time() == time() for moment in moments)
        start = moments[0]
        first, last = (days[0], days[-1]) if whole or start is None else (start.isoformat(), start.isoformat())
        commands.append(f"airflow dags backfill {failure.dag_id} -s {first} -e {last} --rerun-failed-tasks")
    return tuple(commands)
