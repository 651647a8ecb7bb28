"""What must be true of a contract as a whole: the keys of each kind of load, and the types that they need. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redshift_etl.contracts.contract import Contract

LOADS = ("full_refresh", "incremental", "partition", "append", "snapshot")
_BELONGS = {
    "version": ("incremental", "snapshot"),
    "deleted": ("incremental", "snapshot"),
    "lookback": ("incremental", "snapshot"),
    "time": ("append",),
    "settle": ("append",),
}
BOOKKEEPING = "etl"
"""The schema of the tables that loads write about themselves: appended to, and never extracted."""

"""The kinds of load that a key of the front matter has a meaning for; the others have one for every kind."""


def verify_contract(contract: Contract) -> None:
    """Raises ValueError with one sentence about what does not fit together."""
    if contract.load not in LOADS:
        raise ValueError(f"load is {contract.load!r}; use one of {', '.join(LOADS)}")
    for key, loads in _BELONGS.items():
        if getattr(contract, key) and contract.load not in loads:
            raise ValueError(f"`{key}` is for a table that is loaded by {' or '.join(loads)}, not by {contract.load}")
    _verify_key(contract)
    if contract.load == "snapshot":
        _verify_snapshot(contract)
    for part, column in _named(contract):
        if column not in contract.column_names:
            raise ValueError(f"`{part}` names the column {column}, which the table does not have")
    _verify_types(contract)
    _verify_identity(contract)
    taken = [column.name for column in contract.added if column.name in contract.column_names]
    if taken:
        raise ValueError(f"the column {taken[0]} is added by the loads; give yours another name")


def _verify_key(contract: Contract) -> None:
    if contract.load in ("full_refresh", "incremental") and not contract.key:
        raise ValueError(f"a {contract.load} table needs a PRIMARY KEY")
    if contract.load == "incremental" and not contract.version:
        raise ValueError("an incremental table needs `version`: the column whose newest value wins")
    if contract.schema == BOOKKEEPING:
        return
    if contract.load == "partition" and not contract.day:
        raise ValueError("a partition table needs `day`: the column by which a row belongs to a day")
    if contract.load == "append":
        if contract.key:
            raise ValueError("an append table has no PRIMARY KEY: its window is replaced, whatever rows it has")
        if not contract.time:
            raise ValueError("an append table needs `time`: the column by which a row belongs to a window")


_VALIDITY = {"valid_from": ("TIMESTAMP", False), "valid_to": ("TIMESTAMP", True), "current": ("BOOLEAN", False)}


def _verify_snapshot(contract: Contract) -> None:
    """A history by intervals; its key is that of the source and the start of the interval."""
    for name, (kind, nullable) in _VALIDITY.items():
        column = next((column for column in contract.columns if column.name == name), None)
        if column is None or (column.type.name, column.nullable) != (kind, nullable):
            raise ValueError(f"a snapshot needs the column `{name} {kind}{'' if nullable else ' NOT NULL'}`")
    if "valid_from" not in contract.key or not contract.natural_key:
        raise ValueError("the PRIMARY KEY of a snapshot is the source's key and valid_from")
    if contract.day:
        raise ValueError("a snapshot has no `day`: a row belongs to all days of its interval")
    if contract.version in _VALIDITY or (contract.version and not contract.column(contract.version).type.is_time):
        raise ValueError("the `version` of a snapshot is a time of the source's, from which a state is valid")
    if not contract.version and (contract.lookback or contract.deleted):
        raise ValueError("`lookback` and `deleted` are for a snapshot from changes, which needs a `version`")


def _named(contract: Contract) -> Iterator[tuple[str, str]]:
    """Each key that names a column, and the column."""
    for part in ("version", "deleted", "day", "time"):
        if column := getattr(contract, part):
            yield part, column
    if contract.retention:
        yield "retention", contract.retention.column
    for column in contract.accepted:
        yield "accepted", column


def _verify_types(contract: Contract) -> None:
    """Versions have an order in time or number: that of texts is the alphabet's, by which 9 is newer than 10."""
    if contract.version:
        version = contract.column(contract.version)
        if version.nullable:
            raise ValueError(f"the version column {version.name} must be NOT NULL")
        if not (version.type.is_time or version.type.is_number):
            raise ValueError(f"`version` is {version.name} {version.type}; a version is a time or a number")
    if contract.deleted:
        deleted = contract.column(contract.deleted)
        if not (deleted.nullable and deleted.type.is_time):
            raise ValueError(
                f"`deleted` is {deleted.name} {deleted.type}; it is the time of the deletion, NULL for rows that exist"
            )
    for part, name in _named(contract):
        if part in ("day", "time", "retention") and not contract.column(name).type.is_time:
            raise ValueError(f"`{part}` is {name} {contract.column(name).type}; it is a DATE, TIMESTAMP or TIMESTAMPTZ")
    if contract.time and contract.column(contract.time).nullable:
        raise ValueError(f"the column {contract.time}, which `time` names, must be NOT NULL")


def _verify_identity(contract: Contract) -> None:
    """UPDATE leaves an IDENTITY column as it is; where rows are deleted and inserted, each load would number anew."""
    used = {name for _, name in _named(contract)} | set(contract.key)
    for column in (column for column in contract.columns if column.identity == "always"):
        if column.name in used:
            raise ValueError(
                f"the IDENTITY column {column.name} is generated, so it cannot be the key or another key's value"
            )
        if contract.load not in ("incremental", "full_refresh"):
            raise ValueError(
                f"a {contract.load} table replaces rows, so the IDENTITY column {column.name} would have other numbers "
                "after each load; leave it out, or load the table as incremental or full_refresh"
            )
