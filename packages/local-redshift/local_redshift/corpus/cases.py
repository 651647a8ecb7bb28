"""The corpus: statements with the values, or the error, of Redshift's documentation; and its reader.

The data is in data/*.yaml. A file is a heading; a group is a topic of one AWS page with an optional
`setup`; a case is `sql` (a statement, or a list of which the last counts) and the expected result:

- `is: value`, `rows: [[…], …]` (one column may drop the inner lists), `ok: true` when it only has to run;
- `error: 22001`, the SQLSTATE, or `error: any` where the page shows an error without a code;
- `refused: words`: the local Redshift does not model it; its error contains these words. Left out on a cluster.

`files` of a group are put into S3 first; `{s3}` and `{role}` in SQL are replaced by their prefix and the IAM role,
`{schema}` by the run's own schema. `runner` runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "data"
PAGES = "https://docs.aws.amazon.com/redshift/latest/dg/{}.html"
_KINDS = ("is", "rows", "ok", "error", "refused")


@dataclass(frozen=True)
class Case:
    """Statements and the expected result of the last one: `kind` is one of is, rows, ok, error, refused."""

    sql: tuple[str, ...]
    kind: str
    expected: Any
    ordered: bool = True


@dataclass(frozen=True)
class Group:
    """The cases of one topic and the AWS page they come from."""

    topic: str
    page: str
    setup: tuple[str, ...]
    files: Mapping[str, str]
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Heading:
    """One data file."""

    name: str
    title: str
    groups: tuple[Group, ...]


class _Text(yaml.SafeLoader):
    """Scalars stay text, so that 08:00 is no number; only null, true and false are read."""


_Text.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in ("tag:yaml.org,2002:null",)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(folder: Path = FOLDER) -> list[Heading]:
    """All headings, in the order of their files. Raises ValueError with the file and what it lacks."""
    return [_heading(path) for path in sorted(folder.glob("*.yaml"))]


def _heading(path: Path) -> Heading:
    data = yaml.load(path.read_text(), _Text)  # noqa: S506 - a SafeLoader
    return Heading(path.stem, data["heading"], tuple(_group(path, group) for group in data["groups"]))


def _group(path: Path, data: Mapping[str, Any]) -> Group:
    missing = [key for key in ("topic", "page", "cases") if not data.get(key)]
    if missing:
        raise ValueError(f"{path.name}: a group has no {missing[0]}: {data}")
    cases = tuple(_case(path, case) for case in data["cases"])
    return Group(data["topic"], data["page"], tuple(data.get("setup", ())), data.get("files", {}), cases)


def _case(path: Path, data: Mapping[str, Any]) -> Case:
    kinds = [kind for kind in _KINDS if kind in data]
    if len(kinds) != 1 or "sql" not in data:
        raise ValueError(f"{path.name}: a case needs sql and one of {', '.join(_KINDS)}: {data}")
    sql = data["sql"]
    return Case(
        tuple(sql) if isinstance(sql, list) else (sql,), kinds[0], data[kinds[0]], data.get("ordered", "true") == "true"
    )
