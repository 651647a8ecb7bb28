"""Which files of a folder have a secret in them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def files_with_secrets(folder: Path, secrets: Mapping[str, str]) -> list[Path]:
    """The files that have one, but for the id of the S3 key, which is the name of a user there."""
    values = [value.encode() for name, value in secrets.items() if name != "aws_access_key_id"]
    found = []
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):  # a running stack removes files
            if path.is_file() and any(value in path.read_bytes() for value in values):
                found.append(path)
    return found
