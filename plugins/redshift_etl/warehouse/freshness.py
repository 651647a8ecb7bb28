"""Whether a table is as fresh as its contract requires: when its newest load was committed, or its newest day built.

A table is ``fresh``, ``late`` (nothing committed within ``fresh_within``) or ``never`` (nobody has
begun to load it, which is no incident). The age of the data itself is the check ``freshness`` of each load.
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
class Freshness:
    """One table: when it was last loaded (UTC, None for never) and what its contract allows."""

    table: str
    owner: str
    within: timedelta | None
    loaded_at: datetime | None
    status: str

    def sentence(self, now: datetime) -> str:
        """For people."""
        if self.loaded_at is None:
            return f"`{self.table}` has never been loaded."
        age = timedelta(seconds=int((now - self.loaded_at).total_seconds()))
        allowed = f"; its contract allows {self.within}" if self.within else ""
        return f"`{self.table}` is {self.status}: last loaded {self.loaded_at:%Y-%m-%d %H:%M} UTC, {age} ago{allowed}."


def status(within: timedelta | None, loaded_at: datetime | None, now: datetime) -> str:
    """fresh, late or never; a table whose contract sets no limit is fresh once it is there. Pure."""
    if loaded_at is None:
        return NEVER
    return LATE if within is not None and now - loaded_at > within else FRESH


def read_freshness(session: Session, contracts: Sequence[Contract], now: datetime) -> list[Freshness]:
    """The freshness of some tables, in their order."""
    newest = {str(table): aware_utc(moment) for table, moment in session.run(history.newest_commits())}
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
