"""A task that has failed: what its error says, who must act, and the commands that run the failed part again. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from redshift_etl.contracts import personal
from redshift_etl.contracts.model import Contract
from redshift_etl.errors import EtlError, TransientError
from redshift_etl.redaction import redact

KILLED = "Killed"
SERVICE_FAILED = ("TransientError", KILLED)
"""The classes of failures that say nothing about the batch."""


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
