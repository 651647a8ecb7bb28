"""Values of columns that the contract marks as ``pii``: never in reports, rejects, alerts, check failures or the page.

The logs of a task have them: whoever runs the pipelines must see which row to correct. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from redshift_etl.contracts.model import Contract

HIDDEN = "(hidden: pii)"
_QUOTED = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"")


def columns(declared: object, names: Sequence[str]) -> tuple[str, ...]:
    """The columns of a contract's ``pii``. Raises ValueError for one that the table does not have."""
    if not declared:
        return ()
    if not isinstance(declared, list):
        raise ValueError("`pii` is a list of columns, e.g. `pii: [email, phone]`")
    unknown = [name for name in declared if name not in names]
    if unknown:
        raise ValueError(f"`pii` names the column {unknown[0]}, which the table does not have")
    return tuple(map(str, declared))


def may_show(contract: Contract, column: object) -> bool:
    """Whether values of the column may be shown.

    Of a table with personal data only those of its other columns: a raw column may become any of them.
    """
    return not contract.pii or (column in contract.column_names and column not in contract.pii)


def key(contract: Contract, values: Mapping[str, str | None]) -> dict[str, str | None]:
    """A row's key with what must be hidden replaced."""
    return {name: value if may_show(contract, name) else HIDDEN for name, value in values.items()}


def reason(contract: Contract, sql: str, text: str) -> str:
    """Why a row fails a check, unless the check's SQL reads personal data, or every column.

    The columns of the key are selected by each check: one of them is read by its reason where it occurs a second time.
    """
    read = any(_occurrences(name, sql) > (name in contract.key) for name in contract.pii)
    return HIDDEN if read or (contract.pii and "*" in sql) else text


def _occurrences(name: str, sql: str) -> int:
    return len(re.findall(rf"\b{re.escape(name)}\b", sql, re.IGNORECASE))


def message(contract: Contract, text: str) -> str:
    """A message of this library or of an engine, its quoted parts hidden but for the table's and its columns' names."""
    if not contract.pii:
        return text
    names = {*contract.column_names, contract.table, contract.name}
    return _QUOTED.sub(lambda found: found[0] if (found[1] or found[2]) in names else HIDDEN, text)


def where(contract: Contract, places: Mapping[str, str]) -> dict[str, str]:
    """Where an error is: the value only of a column that may be shown, keys only where no column of them is hidden."""
    hidden = set()
    if not may_show(contract, places.get("column")):
        hidden.add("value")
    if not all(may_show(contract, name) for name in contract.key):
        hidden |= {"key", "keys"}
    return {name: HIDDEN if name in hidden else value for name, value in places.items()}
