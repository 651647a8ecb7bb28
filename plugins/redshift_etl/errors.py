"""The three kinds of failure, named after who must act.

``AirflowFailException`` ends a task without further tries (Airflow, "Tasks: failing without retry"), so that a
retry is spent only where trying again can help.
"""

from __future__ import annotations

from typing import Self

from airflow.sdk.exceptions import AirflowException, AirflowFailException

MAX_VALUE_CHARS = 200


def describe(what: str, fix: str, where: dict[str, object]) -> str:
    """One message a person can act on: what happened, where, what to do."""
    places = ", ".join(f"{name}={_short(value)}" for name, value in where.items() if value is not None)
    return f"{what}{f' [{places}]' if places else ''} Fix: {fix}"


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, list | tuple | set | dict) else str(value)
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}… ({len(text)} characters)"


class EtlError(Exception):
    """Base of the library's errors: ``what`` happened, ``where`` (table, column, key, file …), and the ``fix``.

    ``table`` is a table of the warehouse; what the source calls its own is ``source``.
    """

    who_acts = "the owner of this repository"
    wrong_data = False

    def __init__(self, what: str, *, fix: str, **where: object) -> None:
        super().__init__(describe(what, fix, where))
        self.what = what
        self.fix = fix
        self.where = {name: value for name, value in where.items() if value is not None}

    def of_wrong_data(self) -> Self:
        """The same error, marked: rows of the warehouse are wrong, and not only late."""
        self.wrong_data = True
        return self


class ConfigError(EtlError, AirflowFailException):
    """The repository, a connection or a setting is wrong: a person changes it. Never retried."""

    who_acts = "data engineering: a file of this repository, a connection or a setting"


class FormError(ConfigError):
    """What a run was started with is wrong: the person who started it corrects that. No incident for a run by hand."""

    who_acts = "the person who started the run: its form or conf"


class SourceError(EtlError, AirflowFailException):
    """The source's data or contract is wrong: the source's owner decides. Never retried."""

    who_acts = "the owner of the source"


class TransientError(EtlError, AirflowException):
    """Something that a retry may solve: a lost connection, a serialization conflict, a throttled API."""

    who_acts = "nobody yet: it is retried"
