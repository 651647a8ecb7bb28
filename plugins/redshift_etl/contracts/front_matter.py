"""The front matter of a SQL file. Imports no SQL parser, so that a DAG file can import it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from redshift_etl import settings
from redshift_etl.errors import ConfigError


def front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Split a SQL file into its leading ``/* YAML */`` and the SQL after it. Raises ValueError when there is none.

    Every value is the text that is written, so that ``on``, ``010`` and ``2013-01-01`` are not read as something else.
    """
    import yaml

    opened, closed = text.find("/*"), text.find("*/")
    if text[:opened].strip() or opened < 0 or closed < 0:
        raise ValueError("it must begin with front matter: /* key: value … */")
    try:
        _refuse_repeated(yaml.compose(text[opened + 2 : closed], yaml.BaseLoader))
        matter = yaml.load(text[opened + 2 : closed], yaml.BaseLoader)  # noqa: S506 — it makes texts, lists and dicts alone
    except yaml.YAMLError as error:
        raise ValueError(f"its front matter is not YAML: {error}") from error
    if not isinstance(matter, dict):
        raise ValueError("its front matter must be `key: value` lines")
    return matter, text[closed + 2 :].strip()


def _refuse_repeated(node: Any) -> None:
    """Raises ValueError for a key that is written twice: YAML would read the second one alone."""
    values = getattr(node, "value", None)
    if not isinstance(values, list):
        return
    names = [it[0].value for it in values if isinstance(it, tuple)]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise ValueError(f"its front matter has {repeated} twice, in line {node.start_mark.line + 1} and after it")
    for it in values:
        _refuse_repeated(it[1] if isinstance(it, tuple) else it)


def refuse_unknown(matter: dict[str, Any], known: Iterable[str]) -> None:
    """Raises ValueError for keys that nothing reads, naming those that there are."""
    unknown = sorted(set(matter) - set(known))
    if unknown:
        raise ValueError(f"unknown front matter {', '.join(unknown)}; the keys are {', '.join(sorted(known))}")


def number(matter: dict[str, Any], name: str, default: str, pattern: str) -> str:
    """The text of a number. Raises ValueError for what is none of the kind."""
    text = str(matter.get(name, default))
    if not re.fullmatch(pattern, text):
        raise ValueError(f"`{name}` is {text!r}; write a number, e.g. {default}")
    return text


def flag(matter: dict[str, Any], name: str) -> bool:
    """A value that is true or false, which is the default. Raises ValueError for another."""
    text = str(matter.get(name, "false"))
    if text not in ("true", "false"):
        raise ValueError(f"`{name}` is {text!r}; write true or false")
    return text == "true"


def tables_in(folder: str) -> tuple[str, ...]:
    """Every table that has a file in this folder of ``include/sql``, by name."""
    root = settings.sql_dir() / folder
    return tuple(sorted(f"{path.parent.name}.{path.stem}" for path in root.glob("*/*.sql")))


ABOUT = ("description", "owner", "load", "version", "fresh_within", "retention")


def about(table: str) -> dict[str, str]:
    """The descriptive front matter of the contract of ``schema.table`` (``ABOUT``); empty when there is none.

    Raises ConfigError when the file cannot be read.
    """
    path = settings.sql_dir() / "tables" / f"{table.replace('.', '/', 1)}.sql"
    if not path.is_file():
        return {}
    try:
        matter, _ = front_matter(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"The contract cannot be read: {error}.", fix=f"edit {settings.shown(path)}", table=table
        ) from error
    return {name: str(matter[name]) for name in ABOUT if name in matter}
