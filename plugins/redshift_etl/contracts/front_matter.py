"""The front matter of a SQL file. Imports no SQL parser, so that a DAG file can import it."""

from __future__ import annotations

from typing import Any

from redshift_etl import settings
from redshift_etl.errors import ConfigError


def front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Split a SQL file into its leading ``/* YAML */`` and the SQL after it. Raises ValueError when there is none."""
    import yaml

    opened, closed = text.find("/*"), text.find("*/")
    if text[:opened].strip() or opened < 0 or closed < 0:
        raise ValueError("it must begin with front matter: /* key: value … */")
    try:
        matter = yaml.safe_load(text[opened + 2 : closed])
    except yaml.YAMLError as error:
        raise ValueError(f"its front matter is not YAML: {error}") from error
    if not isinstance(matter, dict):
        raise ValueError("its front matter must be `key: value` lines")
    return matter, text[closed + 2 :].strip()


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
        raise ConfigError(f"The contract cannot be read: {error}.", fix=f"edit {path}", table=table) from error
    return {name: str(matter[name]) for name in ABOUT if name in matter}
