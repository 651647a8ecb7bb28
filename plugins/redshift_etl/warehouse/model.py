"""The input of a load: a batch, its run, and what became of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from redshift_etl.contracts.contract import Contract
from redshift_etl.window import Window


@dataclass(frozen=True)
class Run:
    """The task instance that loads."""

    dag_id: str
    run_id: str
    task_id: str
    try_number: int


@dataclass(frozen=True)
class CopySource:
    """The input of COPY: the manifest's s3:// URL, the role that Redshift assumes, the bucket's region."""

    manifest_url: str
    iam_role: str
    region: str


@dataclass(frozen=True)
class Load:
    """One batch to load: its contract, manifest (None when there is nothing to copy), window and counts before."""

    contract: Contract
    source: CopySource | None
    window: Window | None
    extracted: int
    rejected: int
    rows: int
    extracted_at: datetime
    run: Run

    @property
    def label(self) -> str:
        """Table, window and run, for log lines."""
        return " ".join(map(str, filter(None, (self.contract.table, self.window, self.run.run_id))))


@dataclass(frozen=True)
class Counts:
    """What became of the rows: those of the table before, plus inserted, less deleted, are those of it after.

    ``marked_deleted``: of the rows inserted and updated, those that are tombstones, or ended intervals of a snapshot.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    superseded: int = 0
    marked_deleted: int = 0

    @property
    def staged(self) -> int:
        """The staged rows that are accounted for."""
        return self.inserted + self.updated + self.unchanged + self.deleted + self.superseded
