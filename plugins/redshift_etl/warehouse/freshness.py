"""Whether a table is as fresh as its contract requires: when it was last written, and up to when its source was read.

A table is ``fresh``, ``late`` or ``never`` (nobody has begun to load it, which is no incident). It is late when nothing
was committed within ``fresh_within``, or when its loads bring old windows only: where a window was ever loaded as it
ended, the newest one must not have ended longer ago than that either. A table that backfills alone have filled has no
such limit: its data is as old as its source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redshift_etl.contracts.contract import Contract
from redshift_etl.warehouse import history
from redshift_etl.warehouse.session import Session
from redshift_etl.window import aware_utc

FRESH, LATE, NEVER = "fresh", "late", "never"


@dataclass(frozen=True)
class Reach:
    """How far a table is (UTC): when it was last written, and the ends of its newest windows, None where it has none.

    They are those of the newest window that was read, that had rows, and that was loaded soon after it had ended.
    """

    loaded_at: datetime
    read_until: datetime | None = None
    data_until: datetime | None = None
    live_until: datetime | None = None


@dataclass(frozen=True)
class Freshness:
    """One table: how far it is (None where it was never loaded) and what its contract allows."""

    table: str
    owner: str
    within: timedelta | None
    reach: Reach | None
    status: str

    def sentence(self, now: datetime) -> str:
        """For people."""
        if self.reach is None:
            return f"`{self.table}` has never been loaded."
        loaded_at, until = self.reach.loaded_at, self.reach.data_until
        age = timedelta(seconds=int((now - loaded_at).total_seconds()))
        data = f"; its data is until {until:%Y-%m-%d %H:%M} UTC" if until else ""
        allowed = f"; its contract allows {self.within}" if self.within else ""
        return f"`{self.table}` is {self.status}: last loaded {loaded_at:%Y-%m-%d %H:%M} UTC, {age} ago{data}{allowed}."


def status(within: timedelta | None, reach: Reach | None, now: datetime) -> str:
    """fresh, late or never; a table whose contract sets no limit is fresh once it is there. Pure."""
    if reach is None:
        return NEVER
    if within is None:
        return FRESH
    behind = reach.live_until and reach.read_until and now - reach.read_until > within
    return LATE if behind or now - reach.loaded_at > within else FRESH


def read_reaches(session: Session) -> dict[str, Reach]:
    """How far each table and mart is that was ever written."""
    return {str(table): reach_of(row) for table, *row in session.run(history.newest())}


def reach_of(moments: Sequence[datetime | None]) -> Reach:
    """From the columns of ``history.newest``."""
    return Reach(*(aware_utc(moment) for moment in moments))  # type: ignore[arg-type]


def read_freshness(session: Session, contracts: Sequence[Contract], now: datetime) -> list[Freshness]:
    """The freshness of some tables, in their order."""
    newest = read_reaches(session)
    return [
        Freshness(
            contract.table,
            contract.owner,
            contract.fresh_within,
            newest.get(contract.table),
            status(contract.fresh_within, newest.get(contract.table), now),
        )
        for contract in contracts
    ]
