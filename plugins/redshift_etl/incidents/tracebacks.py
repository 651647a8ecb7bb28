"""A traceback for the report: it names files as the repository and the packages do, never the server's folders."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
_FILE = re.compile(r'File "([^"]+)"')
_PACKAGES = re.compile(r".*/(?:site-packages|dist-packages|lib/python\d\.\d+)/")


def traceback_of(error: BaseException, *, with_messages: bool) -> str:
    """The causes, then the error. ``with_messages`` False: their classes alone, for the messages have values."""
    parts = [_part(it, with_messages) for it in reversed(_chain(error))]
    return _FILE.sub(lambda found: f'File "{_short(found[1])}"', "\nThen:\n\n".join(parts))


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _part(error: BaseException, with_message: bool) -> str:
    if with_message:
        return "".join(traceback.format_exception(error, chain=False))
    return "".join([*traceback.format_tb(error.__traceback__), f"{type(error).__name__}\n"])


def _short(path: str) -> str:
    if Path(path).is_relative_to(_ROOT) and "site-packages" not in path:
        return str(Path(path).relative_to(_ROOT))
    short = _PACKAGES.sub("", path)
    return short if short != path else Path(path).name
