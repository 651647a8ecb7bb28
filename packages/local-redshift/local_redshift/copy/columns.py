"""A column that COPY loads into, and how files write that it has no value."""

from __future__ import annotations

import re
from dataclasses import dataclass

NULL_MARKER = "\\N"


@dataclass(frozen=True)
class Column:
    """A target column: its type without and with its size, as format_type returns it."""

    name: str
    type: str
    sized_type: str
    not_null: bool
    identity: bool

    @property
    def size(self) -> int | None:
        """The length of a CHAR or VARCHAR in bytes, the precision of a DECIMAL."""
        match = re.search(r"\((\d+)", self.sized_type)
        return int(match[1]) if match else None

    @property
    def scale(self) -> int:
        """The decimals of a DECIMAL."""
        match = re.search(r",(\d+)\)", self.sized_type)
        return int(match[1]) if match else 0

    @property
    def is_text(self) -> bool:
        """CHAR or VARCHAR: the types for which an empty field is an empty string."""
        return self.type in ("character varying", "character", "text")

    @property
    def is_time(self) -> bool:
        """DATE, TIMESTAMP or TIMESTAMPTZ: what DATEFORMAT and TIMEFORMAT are for."""
        return self.type in ("date", "timestamp without time zone", "timestamp with time zone")
