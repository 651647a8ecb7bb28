"""What the table must hold after each committed load, computed row by row from the files that were loaded. Pure.

It shares nothing with the product but the definition: the newest version wins, then the state that was read later, then
the tombstone; a window's rows are those of its latest read; a history has each state until the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from redshift_etl.backfill.request import own_id
from redshift_etl.window import Window

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Loaded:
    """A row of ``etl.load_history`` and the rows of its files. Times are UTC without a zone."""

    kind: str
    table: str
    run_id: str
    load_id: str
    window: Window | None
    extracted_at: datetime
    rows: tuple[Row, ...]
    rows_after: int


def _order(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)


@dataclass
class Upsert:
    """The newest state of each key. ``key`` and ``version`` are columns; ``deleted`` one that tombstones have."""

    columns: Sequence[str]
    key: Sequence[str]
    version: str
    deleted: str | None = None
    state: dict[Row, tuple[Row, datetime]] = field(default_factory=dict)
    shadows: dict[str, Upsert] = field(default_factory=dict)
    replaced: dict[str, dict[Row, tuple[Row, datetime]]] = field(default_factory=dict)

    def at(self, row: Row, name: str) -> Any:
        """A value of a row."""
        return row[list(self.columns).index(name)]

    def key_of(self, row: Row) -> Row:
        """The key as Redshift compares it: without blanks at its end."""
        return tuple(
            value.rstrip(" ") if isinstance(value, str) else value
            for value in (self.at(row, name) for name in self.key)
        )

    def rank(self, row: Row, read: datetime) -> tuple[Any, ...]:
        """Its place in the order; the greatest stands."""
        tombstone = self.deleted is not None and self.at(row, self.deleted) is not None
        rest = [_order(self.at(row, name)) for name in self.columns if name not in (*self.key, self.version)]
        return (self.at(row, self.version), read, tombstone, *rest)

    def apply(self, load: Loaded) -> None:
        """A load, a comparison of keys, a swap, or its undo."""
        if load.kind == "hard_deletes":
            self._compare_keys(load)
        elif load.kind in ("rewrite", "undo"):
            (self._swap if load.kind == "rewrite" else self._undo)(load.run_id.split("-", 1)[1])
        else:
            for row in load.rows:
                key = self.key_of(row)
                known = self.state.get(key)
                if known is None or self.rank(row, load.extracted_at) > self.rank(*known):
                    self.state[key] = (row, load.extracted_at)

    def _compare_keys(self, load: Loaded) -> None:
        keys, place = {row[:1] for row in load.rows}, list(self.columns).index(self.deleted or "")
        for key, (row, read) in self.state.items():
            if key not in keys and row[place] is None and read < load.extracted_at:
                gone = (*row[:place], load.extracted_at, *row[place + 1 :])
                self.state[key] = (gone, load.extracted_at)

    def _swap(self, run: str) -> None:
        shadow, replaced = self.shadows[own_id(f"stage-{run}")].state, self.replaced.setdefault(run, {})
        for key, (row, read) in shadow.items():
            known = self.state.get(key)
            if known and (self.at(known[0], self.version), known[1]) > (self.at(row, self.version), read):
                continue
            if known:
                replaced[key] = known
            self.state[key] = (row, read)

    def _undo(self, run: str) -> None:
        for key, (row, read) in self.shadows[own_id(f"stage-{run}")].state.items():
            if self.state.get(key) == (row, read):
                del self.state[key]
        for key, known in self.replaced[run].items():
            self.state.setdefault(key, known)

    def table(self) -> list[Row]:
        """Its rows."""
        return [row for row, _ in self.state.values()]


@dataclass
class Refresh:
    """The rows of the latest read."""

    rows: tuple[Row, ...] = ()
    read: datetime | None = None

    def apply(self, load: Loaded) -> None:
        """A load."""
        if self.read is None or load.extracted_at >= self.read:
            self.rows, self.read = load.rows, load.extracted_at

    def table(self) -> list[Row]:
        """Its rows."""
        return list(self.rows)


@dataclass
class Windows:
    """Each moment's rows are those of the load that read its window last. ``time`` is the column's place."""

    time: int
    loads: list[Loaded] = field(default_factory=list)

    def apply(self, load: Loaded) -> None:
        """A load."""
        self.loads.append(load)

    def table(self) -> list[Row]:
        """Its rows."""
        return [row for load in self.loads for row in load.rows if self._owner(row) is load]

    def _owner(self, row: Row) -> Loaded:
        value = row[self.time]
        moment = value if isinstance(value, datetime) else datetime.combine(value, datetime.min.time())
        holding = [load for load in self.loads if load.window and _holds(load.window, moment)]
        return max(enumerate(holding), key=lambda numbered: (numbered[1].extracted_at, numbered[0]))[1]


def _holds(window: Window, moment: datetime) -> bool:
    return window.start.replace(tzinfo=None) <= moment < window.end.replace(tzinfo=None)


@dataclass
class Changes:
    """The history of each key, from its versions. Columns: code, changed_at, amount, deleted_at."""

    states: dict[tuple[str, datetime], tuple[Row, datetime]] = field(default_factory=dict)

    def apply(self, load: Loaded) -> None:
        """A load."""
        for row in load.rows:
            known = self.states.get(row[:2])
            if known is None or _rank(row, load.extracted_at) > _rank(*known):
                self.states[row[:2]] = (row, load.extracted_at)

    def table(self) -> list[Row]:
        """Its rows with their intervals."""
        return _intervals([(row, row[1]) for row, _ in self.states.values()], {})


def _rank(row: Row, read: datetime) -> tuple[Any, ...]:
    return (read, row[3] is not None, _order(row[2]), _order(row[3]))


@dataclass
class Copies:
    """The history of each key, from full copies. Columns: code, amount."""

    copies: dict[datetime, tuple[Row, ...]] = field(default_factory=dict)

    def apply(self, load: Loaded) -> None:
        """A load; the same copy again changes nothing."""
        self.copies.setdefault(load.extracted_at, load.rows)

    def table(self) -> list[Row]:
        """Its rows with their intervals."""
        states: list[tuple[Row, datetime]] = []
        ends: dict[tuple[str, datetime], datetime] = {}
        open_states: dict[str, Row] = {}
        begun: dict[str, datetime] = {}
        for read in sorted(self.copies):
            rows = {row[0]: row for row in self.copies[read]}
            for code in [code for code in open_states if open_states[code] != rows.get(code)]:
                ends[code, begun[code]] = read
                del open_states[code]
            for code, row in rows.items():
                if code not in open_states:
                    open_states[code], begun[code] = row, read
                    states.append((row, read))
        return _intervals(states, ends)


def _intervals(states: Sequence[tuple[Row, datetime]], ends: dict[tuple[str, datetime], datetime]) -> list[Row]:
    ordered = sorted(states, key=lambda state: (state[0][0], state[1]))
    found = []
    for place, (row, start) in enumerate(ordered):
        following = ordered[place + 1] if place + 1 < len(ordered) else None
        end = ends.get((row[0], start))
        if end is None and following and following[0][0] == row[0]:
            end = following[1]
        found.append((*row, start, end, end is None))
    return found


Model = Upsert | Refresh | Windows | Changes | Copies


def model(kind: str) -> Model:
    """The empty table of a kind of load."""
    if kind == "incremental":
        return Upsert(
            ("code", "changed_at", "day", "amount", "name", "deleted_at"), ("code",), "changed_at", "deleted_at"
        )
    if kind == "api":
        return Upsert(("place", "hour", "level", "as_of"), ("place", "hour"), "as_of")
    plain: dict[str, Model] = {
        "full_refresh": Refresh(), "append": Windows(1), "partition": Windows(0), "changes": Changes(),
        "copies": Copies(),
    }  # fmt: skip
    return plain[kind]


def states(kind: str, loads: Sequence[Loaded]) -> tuple[list[list[Row]], list[str]]:
    """The table before the first load and after each one, and where the history's ``rows_after`` are not its rows."""
    table = model(kind)
    found, wrong = [_sorted(table.table())], []
    for load in loads:
        if load.table != "core.items":
            assert isinstance(table, Upsert)
            backfill_id = load.table.rsplit("__", 1)[1]
            shadow = table.shadows.setdefault(
                backfill_id, Upsert(table.columns, table.key, table.version, table.deleted)
            )
            shadow.apply(load)
            continue
        table.apply(load)
        found.append(_sorted(table.table()))
        if load.rows_after != len(found[-1]):
            wrong.append(f"{load.run_id}: the history has {load.rows_after} rows after it, the truth {len(found[-1])}")
    return found, wrong


def _sorted(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=repr)


def parse(text: str | None, kind: str) -> Any:
    """A value of a staged file, as a reader of the table gets it."""
    if text is None:
        return None
    readers: dict[str, Any] = {"TIMESTAMP": datetime.fromisoformat, "DATE": date.fromisoformat, "BIGINT": int}
    return readers.get(kind, str)(text)
