"""Which part of its source a load reads, and which window it is recorded for, by its contract. Pure."""

from __future__ import annotations

from datetime import timedelta

from redshift_etl.contracts.contract import Contract
from redshift_etl.window import Window

LOOKBACK = timedelta(minutes=15)
"""How far the extract from a database reaches back unless the contract has a ``lookback``.

A transaction commits rows later than the time that it wrote into them: what it changed just before the end of a window
is seen by nobody until it commits.
"""


def recorded(contract: Contract, window: Window) -> Window:
    """The window that the load is recorded for, and that it replaces where the kind of load replaces rows.

    That of an ``append`` is earlier by ``settle``, at both ends, so that windows still follow each other without a gap;
    that of a ``partition`` is widened to whole days (UTC).
    """
    if contract.load == "append":
        return Window(window.start - contract.settle, window.end - contract.settle)
    return window.whole_days if contract.load == "partition" else window


def read(contract: Contract, window: Window, default: timedelta = timedelta(0)) -> Window:
    """What the extract for ``recorded`` reads: an incremental load's reaches back by ``lookback``.

    ``default`` is that of the kind of source. The rows read twice are unchanged, or newer.
    """
    if contract.load not in ("incremental", "snapshot") or not contract.version:
        return window
    lookback = default if contract.lookback is None else contract.lookback
    return Window(window.start - lookback, window.end)
