"""What the refusals of a run say: no two mistakes may have one message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from redshift_etl.errors import EtlError
from tests.bad_inputs.cases import Case

_VALUES = re.compile(r"s3://\S+|https?://\S+|/\S+/|(?<!\w)'[^']*'|\"[^\"]*\"|\b[0-9a-f]{8,}\b|\d+")


def wording(error: BaseException, given: object) -> str:
    """A message without the values of its case: what was given, quoted texts, numbers, addresses, those of `where`."""
    text = str(error)
    if isinstance(error, EtlError):
        text = f"{error.what} [{', '.join(error.where)}] {error.fix}"
    for value in sorted(texts_of(given), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", text)
    return " ".join(_VALUES.sub("…", text).split())


def texts_of(given: object) -> Iterator[str]:
    """The values of an input, at any depth."""
    if isinstance(given, Mapping):
        given = list(given.values())
    if isinstance(given, list):
        for value in given:
            yield from texts_of(value)
    elif given not in (None, "", True, False):
        yield str(given)


@dataclass
class Messages:
    """The refusals of this run, by case."""

    seen: dict[str, str] = field(default_factory=dict)

    def refused(self, case: Case, run: Callable[[], Any]) -> None:
        """Run the case. It must raise an error of its class, whose message names what its names are."""
        __tracebackhide__ = True
        try:
            returned = run()
        except (Exception, SystemExit) as raised:  # noqa: BLE001 — the class is what is tested
            error: BaseException = raised
        else:
            pytest.fail(f"{case.name}: nothing was refused; it returned {returned!r}")
        message = str(error)
        missing = [name for name in case.names if name not in message]
        if type(error).__name__ != case.error or missing:
            pytest.fail(
                f"{case.name}: expected {case.error} that names {missing or case.names}, "
                f"and it is {type(error).__name__}: {message}"
            )
        self.seen[f"{case.category}: {case.name}"] = wording(error, case.input)

    def alike(self) -> list[tuple[str, list[str]]]:
        """The messages that several cases have, with the cases."""
        by_message: dict[str, list[str]] = {}
        for name, message in self.seen.items():
            by_message.setdefault(message, []).append(name)
        return [(message, names) for message, names in by_message.items() if len(names) > 1]
