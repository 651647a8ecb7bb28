"""The files and commands of docs/add-a-pipeline.md, as they stand there."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs/add-a-pipeline.md"
_MADE = shutil.ignore_patterns(".git", ".venv", ".local", ".*_cache", "__pycache__", ".hypothesis", "build")
_FILE = re.compile(r"^## \d\. [^`\n]*`([^`]+)`\n.*?^```(?:sql|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMANDS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def copy_of_the_repository(folder: Path) -> Path:
    """What a clone has, with this environment as its own."""
    shutil.copytree(REPOSITORY, folder, ignore=_MADE)
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    return folder


def files() -> dict[str, str]:
    """The text of each file by its path."""
    return dict(_FILE.findall(PAGE.read_text(encoding="utf-8")))


def write_files(folder: Path) -> list[str]:
    """Write them below a folder; their paths."""
    for name, text in files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return list(files())


def command(beginning: str) -> str:
    """The one block of commands that has a text."""
    (block,) = (text for text in _COMMANDS.findall(PAGE.read_text(encoding="utf-8")) if beginning in text)
    return str(block)
