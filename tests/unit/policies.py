"""The IAM policies and connections of docs/connect-a-cluster.md, as data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "connect-a-cluster.md"
CLUSTER = "Permissions of `redshift-copy`"
TRUST = "Trust policy of `redshift-copy`"
WORKER = "Permissions of `airflow-worker`"


def read_policies() -> dict[str, dict[str, Any]]:
    """Each policy by the heading right above it."""
    block = re.compile(r"^### ([^\n]+)\n\n```json\n(.*?)```", re.MULTILINE | re.DOTALL)
    blocks = block.findall(DOCUMENT.read_text(encoding="utf-8"))
    return {heading: json.loads(text) for heading, text in blocks}


def read_extras() -> list[dict[str, Any]]:
    """The values of REDSHIFT_EXTRA in the documents."""
    texts = [path.read_text(encoding="utf-8") for path in (DOCUMENT, ROOT / "docs" / "deploying.md")]
    return [json.loads(value) for text in texts for value in re.findall(r"REDSHIFT_EXTRA='(.*?)'", text)]


def as_list(value: str | list[str]) -> list[str]:
    """IAM takes one or many."""
    return [value] if isinstance(value, str) else value


def grants(policy: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every pair of an action and a resource that the policy allows."""
    for statement in policy["Statement"]:
        for action in as_list(statement["Action"]):
            yield from ((action, resource) for resource in as_list(statement["Resource"]))


def allows(policy: dict[str, Any], action: str, resource: str) -> bool:
    """Whether a policy without conditions and denials allows it."""
    return any(allowed == action and fnmatchcase(resource, pattern) for allowed, pattern in grants(policy))
