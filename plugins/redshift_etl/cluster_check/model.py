"""A check, its result, and what the checks of one run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from redshift_etl.lake.storage import Lake
from redshift_etl.warehouse.model import Run
from redshift_etl.warehouse.session import Connect

TOTAL = timedelta(minutes=5)
STATEMENT = timedelta(minutes=1)
"""A statement that takes longer is cancelled: it waits for a lock or in a queue."""


class Status(StrEnum):
    """How a check ended. A warning is something to know; a check that could not be carried out is unknown."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Result:
    """What a check has seen, and in one sentence what to do about it."""

    status: Status
    seen: str
    fix: str = ""


@dataclass(frozen=True)
class Cluster:
    """The warehouse to check, and the name that everything has that the checks create.

    ``name`` is a schema, the prefix of its tables' names in other schemas, and part of the keys in the lake.
    """

    connect: Connect
    name: str

    @cached_property
    def lake(self) -> Lake:
        """The lake, by one client for all checks."""
        return Lake.connect()

    def run(self, step: str) -> Run:
        """What the bookkeeping records as the task."""
        return Run("check_cluster", self.name, step, 1)


@dataclass(frozen=True)
class Advice:
    """The fix of an error whose message matches a pattern (a regular expression, in any case)."""

    pattern: str
    fix: str


@dataclass(frozen=True)
class Check:
    """One question to the cluster.

    ``function`` returns a Result or, when all is well, the text of what it has seen; an exception is a failure.
    ``section`` is a heading's anchor of docs/connect-a-cluster.md. ``fix`` is for failures that no ``advice`` matches.
    ``needs`` are checks without whose success this one is not carried out.
    """

    name: str
    function: Callable[[Cluster], Result | str]
    section: str
    fix: str
    advice: tuple[Advice, ...] = ()
    needs: tuple[str, ...] = ()


def warning(seen: str, fix: str) -> Result:
    """Something that works and should be changed."""
    return Result(Status.WARNING, seen, fix)


def failed(seen: str, fix: str) -> Result:
    """Something that does not work."""
    return Result(Status.FAILED, seen, fix)


def unknown(seen: str) -> Result:
    """Something that could not be found out."""
    return Result(Status.UNKNOWN, seen)
