"""The progress of a backfill as text. Pure functions of the runs' states."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

FINISHED = ("success", "failed")
BAR_WIDTH = 30


@dataclass(frozen=True)
class Snapshot:
    """The state of each date's run: 'queued', 'running', 'success', 'failed', or 'gone' when the run was deleted."""

    states: Mapping[datetime, str]

    def count(self, *states: str) -> int:
        """Return how many dates are in any of these states."""
        counts = Counter(self.states.values())
        return sum(counts[state] for state in states)

    @property
    def total(self) -> int:
        """How many dates the backfill covers."""
        return len(self.states)

    @property
    def unended(self) -> int:
        """How many runs have not ended."""
        return self.count("queued", "running")

    @property
    def ended(self) -> bool:
        """Whether every run has ended."""
        return self.unended == 0

    @property
    def unsuccessful(self) -> list[datetime]:
        """The dates that did not end in success, oldest first."""
        return sorted(date for date, state in self.states.items() if state in ("failed", "gone"))


def line(dag_id: str, snapshot: Snapshot, seconds: float) -> str:
    """Return one line of progress, for a log."""
    failed = snapshot.count("failed", "gone")
    parts = [f"{snapshot.count(*FINISHED, 'gone')}/{snapshot.total} done", f"{snapshot.count('running')} running"]
    if failed:
        parts.append(f"{failed} failed")
    return f"{dag_id}: {', '.join(parts)}, {clock(seconds)}"


def bar(dag_id: str, snapshot: Snapshot, seconds: float) -> str:
    """Return a progress bar and the line, for a terminal."""
    done = snapshot.count(*FINISHED, "gone")
    filled = BAR_WIDTH * done // max(snapshot.total, 1)
    return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {line(dag_id, snapshot, seconds)}"


def clock(seconds: float) -> str:
    """Return a duration in seconds as minutes:seconds, or hours:minutes:seconds."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"
