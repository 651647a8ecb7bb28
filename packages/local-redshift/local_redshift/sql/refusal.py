"""What the parsers and the rewrite report for a statement that is not run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """A statement that Redshift, or this stand-in, does not run: message, SQLSTATE and what to do instead."""

    message: str
    code: str = "0A000"
    hint: str | None = None
    detail: str | None = None


class RefusedError(Exception):
    """Raised by the parsers; `dispatch.plan` returns its refusal."""

    def __init__(self, message: str, code: str = "0A000", hint: str | None = None) -> None:
        super().__init__(message)
        self.refusal = Refusal(message, code, hint)
