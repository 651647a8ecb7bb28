"""A history as it is drawn from a seed: what changes in the source, which runs there are, and what fails in them. Pure.

A history goes from window to window. In each the source changes; then some runs start together, the window's own and
others; then commit the transactions of the source that were open meanwhile. A run has several tries with faults and a
last one without, as Airflow would try it again, or a person.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.faults.tables import KINDS

WINDOWS = 2
TRIES = 3  # with faults; the last one has none
_WEIGHTS = {
    "incremental": 8, "full_refresh": 3, "append": 3, "partition": 3, "changes": 3, "copies": 3, "api": 2,
}  # fmt: skip

# Faults of the warehouse, by the statement at which they happen; of these the last ones at a COMMIT.
STATEMENT_FAULTS = ("kill", "cut", "conflict", "stop")
COMMIT_FAULTS = ("kill_in_commit", "lost_reply", "late_commit", "cut_after_commit")
INPUT_FAULTS = ("source_lost", "transform_lost", "s3_unavailable", "copy_file_gone", "api_error")
_MOST_STATEMENTS, _MOST_COMMITS = 40, 5


@dataclass(frozen=True)
class Fault:
    """What goes wrong in one try: the kind, and at which statement, COMMIT or request, from 0; how often in a row."""

    kind: str
    at: int
    times: int = 1


@dataclass(frozen=True)
class Change:
    """A change of the source: the operation, the item's number, the minute of the window, and the new amount."""

    operation: str
    item: int
    minute: int
    amount: int


@dataclass(frozen=True)
class Run:
    """A run: what it does, for which window, the faults of each try, and how long after the others it starts (s)."""

    number: int
    action: str
    window: int
    tries: tuple[tuple[Fault, ...], ...] = ()
    delay: float = 0.0


@dataclass(frozen=True)
class Group:
    """One window: its changes, those that commit after the runs, the runs, and the changes after those."""

    window: int
    changes: tuple[Change, ...]
    late: tuple[Change, ...]
    runs: tuple[Run, ...]
    after: tuple[Change, ...]


@dataclass(frozen=True)
class History:
    """All of it."""

    seed: int
    kind: str
    isolation: str
    groups: tuple[Group, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run, in order."""
        return tuple(run for group in self.groups for run in group.runs)


def draw(seed: int) -> History:
    """The history of that seed: always the same."""
    chance = random.Random(seed)
    kind = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    isolation = chance.choice(("SNAPSHOT", "SERIALIZABLE"))
    return History(seed, kind, isolation, tuple(_Drawing(chance, kind).groups()))


class _Drawing:
    """Draws one history; knows the items that the source has, and the numbers of the runs."""

    def __init__(self, chance: random.Random, kind: str) -> None:
        self.chance, self.kind = chance, kind
        self.items: list[int] = []
        self.next_item = 0
        self.runs = 0
        self.again: int | None = None

    def groups(self) -> list[Group]:
        """A group a window, then one without faults that brings everything up to date."""
        found = [self._group(window) for window in range(WINDOWS)]
        return [*found, self._last()]

    def _group(self, window: int) -> Group:
        changes = tuple(self._change(self.chance.randrange(0, 44)) for _ in range(self.chance.randint(3, 9)))
        corrects = self.chance.random() < 0.4 and self.kind not in ("append", "full_refresh", "api")
        late = () if corrects else tuple(self._insert(self.chance.randrange(46, 60)) for _ in range(2))
        after = tuple(self._correct(change) for change in changes[:2]) if corrects else ()
        runs = [self._run("load", window)]
        if self.again is not None:
            runs.append(self._run("load", self.again))
        while self.chance.random() < 0.5:
            runs.append(self._run("load", self.chance.randrange(0, window + 1)))
        runs += [self._run(action, window) for action in self._others(window)]
        # Such rows have no time of a change by which a later window would find them.
        missed = bool(late) and self.kind in ("partition", "api")
        self.again = window if corrects or missed else None
        self.chance.shuffle(runs)
        return Group(window, changes, late, tuple(runs), after)

    def _others(self, window: int) -> list[str]:
        if self.kind != "incremental":
            return []
        chances = {"mart": 0.5, "keys": 0.3, "backfill": 0.35 if window == WINDOWS - 1 else 0.0}
        return [action for action, share in chances.items() if self.chance.random() < share]

    def _last(self) -> Group:
        loads = [WINDOWS] if self.again is None else [self.again, WINDOWS]
        runs = [Run(self._number(), "load", window) for window in loads]
        if self.kind == "incremental":
            runs += [Run(self._number(), "keys", WINDOWS), Run(self._number(), "mart", WINDOWS)]
        return Group(WINDOWS, (), (), tuple(runs), ())

    def _number(self) -> int:
        self.runs += 1
        return self.runs

    def _run(self, action: str, window: int) -> Run:
        tries = tuple(self._faults() for _ in range(self.chance.randint(1, TRIES)))
        return Run(self._number(), action, window, tries, self.chance.choice((0.0, 0.0, 0.05, 0.2)))

    def _faults(self) -> tuple[Fault, ...]:
        """Mostly one; the load tries again after some of them, and then meets the next."""
        return tuple(self._fault() for _ in range(self.chance.choice((1, 2, 3))))

    def _fault(self) -> Fault:
        group = self.chance.choices((STATEMENT_FAULTS, COMMIT_FAULTS, INPUT_FAULTS), (5, 4, 1))[0]
        kind = self.chance.choice(group)
        if kind == "api_error" and self.kind != "api":
            kind = "conflict"
        most = _MOST_COMMITS if kind in COMMIT_FAULTS else 3 if kind in INPUT_FAULTS else _MOST_STATEMENTS
        return Fault(kind, self.chance.randrange(most), self.chance.randint(1, 4) if kind == "conflict" else 1)

    def _insert(self, minute: int) -> Change:
        self.next_item += 1
        self.items.append(self.next_item)
        return Change("insert", self.next_item, minute, self.chance.randrange(1000))

    def _change(self, minute: int) -> Change:
        operations = {
            "append": ("insert",),
            "copies": ("insert", "insert", "update", "remove"),
            "partition": ("insert", "insert", "blank"),
            "incremental": ("insert", "insert", "update", "update", "delete", "remove", "blank"),
            "changes": ("insert", "insert", "update", "delete"),
        }.get(self.kind, ("insert", "insert", "update"))
        operation = self.chance.choice(operations)
        # A source without any row is refused as broken, by design: the first item stays.
        items = self.items[1:] if operation == "remove" else self.items
        if operation == "insert" or not items:
            return self._insert(minute)
        return Change(operation, self.chance.choice(items), minute, self.chance.randrange(1000))

    def _correct(self, change: Change) -> Change:
        """Another amount without another time, as a correction by hand."""
        return Change("correct", change.item, change.minute, self.chance.randrange(1000))


def kinds() -> tuple[str, ...]:
    """Every kind that is drawn."""
    assert set(_WEIGHTS) == set(KINDS)
    return tuple(_WEIGHTS)


def seed_of(base: int, number: int) -> int:
    """The seed of a numbered history of a seed."""
    return base * 1_000_000 + number
