"""What the documents tell people to type and to open exists: links, commands, files, settings."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from airflow.cli import cli_parser
from airflow.cli.cli_config import GroupCommand
from botocore import xform_name
from cryptography.fernet import Fernet

from tests.unit.compose import ENV_EXAMPLE, ROOT, read_env

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SERVICES = set(yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))["services"])
IGNORED = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
SHELL = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
# The file whose text the page gives: its path ends the heading, or the line, above the block.
GIVEN = re.compile(r"^(?:## .*)?`((?:dags|include)/[^`]+)`:?\n", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def lines(path: Path) -> Iterator[str]:
    """Every line of the document's shell blocks."""
    for block in SHELL.findall(read(path)):
        yield from (line.strip() for line in block.splitlines())


def spans(path: Path) -> Iterator[str]:
    """What is set as code within the text, code blocks left out."""
    yield from SPAN.findall(re.sub(r"^ *```.*?^ *```", "", read(path), flags=re.MULTILINE | re.DOTALL))


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def commands(*programs: str) -> list[list[str]]:
    """The words of every command of these programs in a shell block, `docker compose exec SERVICE` taken off."""
    found = []
    for path in DOCUMENTS:
        for line in lines(path):
            words = shlex.split(line, comments=True)
            if words[:3] == ["docker", "compose", "exec"]:
                words = words[3:][1 + (words[3] == "-T") :]
            if words and words[0] in programs:
                found.append(words)
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings_that_are_there(path: Path) -> None:
    missing = []
    for link in LINK.findall(read(path)):
        if re.match(r"https?:", link):
            continue
        name, _, fragment = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        headings = (
            re.findall(r"^#+ (.+)$", read(target), re.MULTILINE) if target.suffix == ".md" and target.is_file() else []
        )
        if not target.exists() or (fragment and fragment not in map(anchor, headings)):
            missing.append(link)
    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_is_in_the_makefile(path: Path) -> None:
    typed = [*lines(path), *spans(path)]
    targets = {match[1] for text in typed if (match := re.match(r"make (?:-s )?([a-z][a-z-]*)\b", text))}
    assert {target for target in targets if f"\n{target}:" not in MAKEFILE} == set()


FILE = re.compile(r"(?:\.ci|\.github|bench|bin|dags|deploy|docs|include|local|packages|plugins|tests)/[\w./*-]+")


def files(text: str) -> set[str]:
    """The words of a command or of text set as code that are a path in this repository."""
    return {word.rstrip("/.") for word in re.split(r"[\s:=,()]+", text) if FILE.fullmatch(word)}


def test_a_path_is_found_in_a_command_and_a_word_with_a_slash_is_none() -> None:
    assert files(".venv/bin/pytest tests/unit/test_window.py -k a/b") == {"tests/unit/test_window.py"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_is_named_exists_or_is_written_by_the_reader_or_a_command(path: Path) -> None:
    written_by_the_reader = set(GIVEN.findall(read(path)))
    named = {file for text in [*spans(path), *lines(path)] for file in files(text)}
    missing = {file for file in named if not any(ROOT.glob(file)) and f"{file}/" not in IGNORED}
    assert missing <= written_by_the_reader


def test_every_airflow_command_in_a_block_is_one_that_airflow_takes() -> None:
    found = commands("airflow")
    assert len(found) > 8
    for words in found:
        assert cli_parser.get_parser().parse_args(words[1:]).func, words


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_airflow_command_in_the_text_is_one_that_airflow_has(path: Path) -> None:
    top = {command.name: command for command in cli_parser.airflow_commands}
    for text in spans(path):
        words = re.match(r"airflow ((?:[a-z-]+ ?)+)", text)
        if not words or " -" in words[1]:
            continue
        level = top
        for word in words[1].split():
            assert word in level, f"{path.name}: {text}"
            command = level[word]
            if not isinstance(command, GroupCommand):
                break
            level = {each.name: each for each in command.subcommands}


def test_every_service_of_a_compose_command_is_in_the_compose_file() -> None:
    named = set()
    for path in DOCUMENTS:
        for line in [*lines(path), *spans(path)]:
            if match := re.match(r"docker compose (?:stop|exec(?: -T)?|run --rm|restart) (.+)", line):
                words = shlex.split(match[1], comments=True)
                named |= set(words if " stop " in line else words[:1])
    assert {"worker", "scheduler", "init", "postgres"} <= named
    assert named <= SERVICES


def test_every_aws_command_is_one_of_the_api_with_its_options() -> None:
    in_text = [shlex.split(text) for path in DOCUMENTS for text in spans(path) if text.startswith("aws ")]
    for words in [*commands("aws"), *in_text]:
        service, operation, *rest = words[1:]
        if service == "s3":
            assert operation in ("cp", "sync")
            continue
        model = boto3.client(service, region_name="us-east-1").meta.service_model
        shape = model.operation_model(
            next(name for name in model.operation_names if xform_name(name, "-") == operation)
        )
        known = {f"--{xform_name(name, '-')}" for name in shape.input_shape.members}
        assert {word for word in rest if word.startswith("--")} <= known, words


def test_the_secrets_to_rotate_are_those_of_env_that_one_installation_shares_with_others() -> None:
    section = read(ROOT / "docs" / "operations.md").split("## Rotate a secret")[1].split("\n## ")[0]
    rotated = {name for row in re.findall(r"^\| (`[A-Z].*?) \|", section, re.MULTILINE) for name in SPAN.findall(row)}
    secret = {name for name in read_env(ENV_EXAMPLE) if re.search(r"PASSWORD|SECRET|FERNET|ACCESS_KEY", name)}
    assert rotated == secret - {"LOCAL_POSTGRES_PASSWORD"}


def test_the_commands_for_new_values_give_what_env_asks_for() -> None:
    made = [
        subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=True).stdout.strip()
        for words in commands("python3")
    ]
    assert [len(value) for value in made] == [64, 44]


def test_two_fernet_keys_read_what_the_old_one_wrote_and_write_by_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.models.crypto import get_fernet

    new, old = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", f"{new},{old}")
    both: Any = get_fernet.__wrapped__()  # and not the one that this process keeps
    assert both.decrypt(Fernet(old).encrypt(b"kept")) == b"kept"
    assert Fernet(new).decrypt(both.rotate(Fernet(old).encrypt(b"kept"))) == b"kept"


def test_what_leans_on_airflows_internals_is_all_in_the_table_of_the_upgrade() -> None:
    section = read(ROOT / "docs" / "operations.md").split("## Upgrade Airflow")[1]
    listed = {
        name for row in re.findall(r"^ +\| (`\S+\.py`.*?) \|", section, re.MULTILINE) for name in SPAN.findall(row)
    }
    public = re.compile(r"airflow\.(sdk|providers)\b")
    leaning = {"plugins/redshift_etl/operators/retention.py"}  # by the name of a variable
    for folder in ("dags", "local", "packages", "plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            if "tests" in path.parts:
                continue
            modules = re.findall(r"^\s*(?:from|import) (airflow\.[\w.]+)", read(path), re.MULTILINE)
            if any(not public.match(module) for module in modules):
                leaning.add(path.relative_to(ROOT).as_posix())
    assert listed == leaning
