"""The tables that the histories load: one of each kind, its source, and the files of its repository."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from redshift_etl.window import Window

START = datetime(2013, 1, 1, tzinfo=UTC)
MART = "mart.items_day"

# The source of every kind. `changed_at` is the time of the last change, as its application writes it.
SOURCE = """CREATE TABLE items (
    code text, changed_at timestamp, day date, amount bigint, name text, deleted_at timestamp
)"""

_MART_TABLE = """/*
description: Items a day.
owner: us
load: partition
day: day
retention: never
*/
CREATE TABLE mart.items_day (day DATE NOT NULL, items BIGINT NOT NULL, amount BIGINT, PRIMARY KEY (day));"""
_MART_SELECT = """/*
inputs: [core.items]
*/
SELECT day, COUNT(*) AS items, SUM(amount) AS amount
FROM core.items WHERE deleted_at IS NULL AND day IN (:days) GROUP BY day"""


@dataclass(frozen=True)
class Kind:
    """A table: its contract, extract and transform, the length of its windows, and what else is run for it.

    ``columns`` are those of its files; a reader orders the table by all of them.
    """

    name: str
    contract: str
    transform: str
    extract: str = ""
    period: timedelta = timedelta(hours=1)
    columns: str = "*"
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> dict[str, str]:
        """What ``include/sql`` has for it."""
        return {"tables/core/items.sql": self.contract, "transform/items.sql": self.transform, **self.extra}

    def window(self, number: int) -> Window:
        """The window of that number, from 0."""
        start = START + number * self.period
        return Window(start, start + self.period)


def _contract(columns: str, after: str = "", **matter: object) -> str:
    lines = "\n".join(f"{name}: {value}" for name, value in matter.items())
    head = f"/*\ndescription: Items.\nowner: us\nretention: never\n{lines}\n*/"
    return f"{head}\nCREATE TABLE core.items (\n{columns}\n)\n{after};"


def _transform(columns: str, select: str) -> str:
    return f"/*\ninputs: [airline.public.items]\ncolumns: {{{columns}}}\n*/\n{select}\nFROM raw"


_ITEM = """    code VARCHAR(12) NOT NULL, changed_at TIMESTAMP NOT NULL, day DATE, amount BIGINT, name VARCHAR(20),
    deleted_at TIMESTAMP, PRIMARY KEY (code)"""
_RAW = "code: VARCHAR, changed_at: TIMESTAMP, day: DATE, amount: BIGINT, name: VARCHAR, deleted_at: TIMESTAMP"
_ALL = "code, changed_at, day, amount, name, deleted_at"
_IN_WINDOW = f"SELECT {_ALL} FROM items WHERE changed_at >= %(start)s AND changed_at < %(end)s"
# Keys that end with a blank are rejected, row by row: for Redshift they equal those without.
_REJECTS = 1000

INCREMENTAL = Kind(
    "incremental",
    _contract(
        _ITEM,
        load="incremental",
        version="changed_at",
        deleted="deleted_at",
        day="day",
        may_shrink_to=0,
        max_rejects=_REJECTS,
    ),
    _transform(_RAW, f"SELECT {_ALL}"),
    _IN_WINDOW,
    columns=_ALL,
    extra={
        "tables/mart/items_day.sql": _MART_TABLE,
        "marts/items_day.sql": _MART_SELECT,
        "keys/core/items.sql": "/*\nconnection: airline_db\n*/\nSELECT code FROM items WHERE code = rtrim(code)",
        "reconcile/core/items.sql": "/*\ndag: items\n*/",
    },
)

FULL_REFRESH = Kind(
    "full_refresh",
    _contract(
        "    code VARCHAR(12) NOT NULL, amount BIGINT, name VARCHAR(20), PRIMARY KEY (code)",
        load="full_refresh",
        may_shrink_to=0.1,
    ),
    _transform("code: VARCHAR, amount: BIGINT, name: VARCHAR", "SELECT code, amount, name"),
    columns="code, amount, name",
)

APPEND = Kind(
    "append",
    _contract(
        "    code VARCHAR(12), changed_at TIMESTAMP NOT NULL, amount BIGINT",
        load="append",
        time="changed_at",
        settle="15 minutes",
        max_rejects=_REJECTS,
    ),
    _transform("code: VARCHAR, changed_at: TIMESTAMP, amount: BIGINT", "SELECT code, changed_at, amount"),
    "SELECT code, changed_at, amount FROM items WHERE changed_at >= %(start)s AND changed_at < %(end)s",
    columns="code, changed_at, amount",
)

PARTITION = Kind(
    "partition",
    _contract(
        "    day DATE NOT NULL, code VARCHAR(12) NOT NULL, amount BIGINT, PRIMARY KEY (day, code)",
        load="partition",
        day="day",
        may_shrink_to=0.01,
        max_rejects=_REJECTS,
    ),
    _transform("day: DATE, code: VARCHAR, amount: BIGINT", "SELECT day, code, amount"),
    "SELECT day, code, amount FROM items WHERE day >= %(start)s AND day < %(end)s",
    period=timedelta(days=1),
    columns="day, code, amount",
)

_HISTORY = (
    "    valid_from TIMESTAMP NOT NULL, valid_to TIMESTAMP, current BOOLEAN NOT NULL, PRIMARY KEY (code, valid_from)"
)

CHANGES = Kind(
    "changes",
    _contract(
        "    code VARCHAR(12) NOT NULL, changed_at TIMESTAMP NOT NULL, amount BIGINT, deleted_at TIMESTAMP,\n"
        + _HISTORY,
        load="snapshot",
        version="changed_at",
        deleted="deleted_at",
        max_rejects=_REJECTS,
    ),
    _transform(
        "code: VARCHAR, changed_at: TIMESTAMP, amount: BIGINT, deleted_at: TIMESTAMP",
        "SELECT code, changed_at, amount, deleted_at",
    ),
    "SELECT code, changed_at, amount, deleted_at FROM items WHERE changed_at >= %(start)s AND changed_at < %(end)s",
    columns="code, changed_at, amount, deleted_at, valid_from, valid_to, current",
)

COPIES = Kind(
    "copies",
    _contract(
        "    code VARCHAR(12) NOT NULL, amount BIGINT,\n" + _HISTORY,
        load="snapshot",
        may_shrink_to=0.01,
        max_rejects=_REJECTS,
    ),
    _transform("code: VARCHAR, amount: BIGINT", "SELECT code, amount"),
    "SELECT code, amount FROM items",
    columns="code, amount, valid_from, valid_to, current",
)

API = Kind(
    "api",
    _contract(
        "    place VARCHAR(5) NOT NULL, hour TIMESTAMP NOT NULL, level BIGINT, as_of TIMESTAMP NOT NULL,\n"
        "    PRIMARY KEY (place, hour)",
        "SORTKEY (hour)",
        load="incremental",
        version="as_of",
    ),
    """/*
inputs: [api.items]
format: columnar_json
about: [place, as_of]
columns: {place: VARCHAR, time: TIMESTAMP, level: BIGINT, as_of: TIMESTAMP}
units: {}
*/
SELECT place, time AS hour, level, as_of FROM raw""",
    period=timedelta(days=1),
    columns="place, hour, level, as_of",
)

KINDS = {kind.name: kind for kind in (INCREMENTAL, FULL_REFRESH, APPEND, PARTITION, CHANGES, COPIES, API)}
