"""The requirement files: exact, complete, the constraints hold what they resolve to, and installations check hashes."""

import ast
import functools
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION, LOCAL, CONSTRAINTS = "requirements.txt", "requirements-local.txt", "constraints.txt"
HASHES, CLIENTS = "constraints-hashes.txt", "requirements-clients.txt"
UNREACHABLE = re.compile(
    r"failed to fetch|error sending request|dns error|network|offline|timed out|connect", re.IGNORECASE
)
OWN = {"airflow_dags_backfill", "bench", "dags", "local", "local_redshift", "redshift_etl", "tests"}
# What comes with a declared package as part of its interface.
PULLED_IN = {
    "botocore": "boto3",
    "cyclonedx": "pip-audit",
    "openlineage": "apache-airflow-providers-openlineage",
    "sqlalchemy": "apache-airflow",
    "starlette": "fastapi",
    "urllib3": "requests",
    "werkzeug": "moto",
}


def requirements(name: str) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def pin(requirement: Requirement) -> Version:
    (specifier,) = requirement.specifier
    assert specifier.operator == "==", f"{requirement} is not exact"
    return Version(specifier.version)


def constrained() -> dict[str, Version]:
    """What constraints.txt installs on this interpreter and system."""
    fits = [entry for entry in requirements(CONSTRAINTS) if entry.marker is None or entry.marker.evaluate()]
    return {canonicalize_name(entry.name): pin(entry) for entry in fits}


@pytest.mark.parametrize("name", [PRODUCTION, LOCAL, CONSTRAINTS])
def test_every_line_is_exact(name: str) -> None:
    assert requirements(name)
    for requirement in requirements(name):
        pin(requirement)


@pytest.mark.parametrize("name", [PRODUCTION, LOCAL])
def test_each_pin_is_in_the_constraints_at_the_same_version(name: str) -> None:
    resolved = {(canonicalize_name(entry.name), pin(entry)) for entry in requirements(CONSTRAINTS)}
    missing = [entry for entry in requirements(name) if (canonicalize_name(entry.name), pin(entry)) not in resolved]
    assert not missing, f"run `make lock`: {[str(entry) for entry in missing]}"


def test_no_package_is_named_in_both_files() -> None:
    names = [{canonicalize_name(entry.name) for entry in requirements(name)} for name in (PRODUCTION, LOCAL)]
    assert not names[0] & names[1]


@pytest.mark.parametrize(
    ("package", "allowed"), [("celery", "<5.7"), ("duckdb", ">=1.5.6,<2.1"), ("apache-airflow", "==3.3.2")]
)
def test_a_version_stays_where_it_is_known_to_work(package: str, allowed: str) -> None:
    assert constrained()[package] in Requirement(package + allowed).specifier


def test_what_the_requirements_pull_in_is_constrained_to_what_is_installed() -> None:
    """Follows the installed packages' own metadata, so that it needs no index."""
    resolved, wrong = constrained(), []
    for requirement in closure([*requirements(PRODUCTION), *requirements(LOCAL)]):
        name = canonicalize_name(requirement.name)
        if name not in resolved or resolved[name] not in requirement.specifier or version(name) != resolved[name]:
            wrong.append(f"{requirement}: constrained to {resolved.get(name)}, installed {version(name)}")
    assert not wrong


def version(name: str) -> Version | None:
    try:
        return Version(metadata.version(name))
    except metadata.PackageNotFoundError:
        return None


def closure(direct: list[Requirement]) -> Iterator[Requirement]:
    queue, seen = list(direct), set[tuple[str, frozenset[str]]]()
    while queue:
        requirement = queue.pop()
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        yield requirement
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen or version(requirement.name) is None:
            continue
        seen.add(key)
        for text in metadata.requires(requirement.name) or []:
            needed = Requirement(text)
            extras = ["", *requirement.extras]
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                needed.marker = None
                queue.append(needed)


@pytest.mark.parametrize(
    ("folders", "files"),
    [
        (["dags", "plugins", "packages/airflow-dags-backfill/airflow_dags_backfill"], [PRODUCTION]),
        (["local", "tests", "bench"], [PRODUCTION, LOCAL]),
    ],
)
def test_every_import_is_declared_by_the_file_of_its_side(folders: list[str], files: list[str]) -> None:
    declared = {canonicalize_name(entry.name) for name in files for entry in requirements(name)}
    undeclared = {
        f"{path.relative_to(ROOT)}: {module}"
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        for module in imports(path)
        if not distributions(module) & declared
    }
    assert not undeclared


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if not is_ours(name.name))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level and not is_ours(node.module):
            yield node.module


def is_ours(module: str) -> bool:
    top = module.split(".", maxsplit=1)[0]
    return top in OWN or top in sys.stdlib_module_names


@functools.cache
def distributions(module: str) -> set[str]:
    """The distributions an import may come from: Airflow's providers by their names, the rest of Airflow by its own."""
    parts = module.split(".")
    if parts[:2] == ["airflow", "providers"]:
        return {"-".join(["apache-airflow-providers", *parts[2:end]]) for end in range(3, len(parts) + 1)}
    if parts[0] == "airflow":
        return {"apache-airflow"}
    if parts[0] in PULLED_IN:
        return {PULLED_IN[parts[0]]}
    return {canonicalize_name(name) for name in installed().get(parts[0], [parts[0]])}


@functools.cache
def installed() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def test_every_file_of_every_locked_package_has_its_hash() -> None:
    lines = (ROOT / HASHES).read_text().splitlines()
    locked = [line.removesuffix(" \\") for line in lines if re.match(r"\w", line)]
    assert locked == [line for line in (ROOT / CONSTRAINTS).read_text().splitlines() if re.match(r"\w", line)]
    assert [line for line in lines if re.match(r"\w", line) and not line.endswith(" \\")] == []
    assert [line for line in lines if not re.match(r"\w|#|    --hash=sha256:[0-9a-f]{64}( \\)?$", line)] == []


@pytest.mark.parametrize("path", ["bin/setup", "Dockerfile"])
def test_an_installation_from_the_index_requires_the_hashes(path: str) -> None:
    text = (ROOT / path).read_text().replace("\\\n", " ")
    installations = [
        line for line in re.findall(r"pip (?:install|download) .*?(?=&&|\n)", text) if "pip install" in line
    ]
    unchecked = [line for line in installations if "--require-hashes" not in line and "--no-deps" not in line]
    assert len(installations) >= 3
    assert unchecked == []


def test_a_package_with_another_hash_is_refused(tmp_path: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    wheel = tmp_path / "replaced-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("replaced.py", "")
        archive.writestr("replaced-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: replaced\nVersion: 1.0\n")
        archive.writestr("replaced-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("replaced-1.0.dist-info/RECORD", "")
    (tmp_path / "requirements.txt").write_text("replaced==1.0\n")
    (tmp_path / "constraints.txt").write_text(f"replaced==1.0 --hash=sha256:{'0' * 64}\n")
    command = [uv, "pip", "install", "--no-index", "--find-links", str(tmp_path), "--target", str(tmp_path / "target")]
    hashed = [*command, "--require-hashes", "--constraint", "constraints.txt", "--requirement", "requirements.txt"]
    done = subprocess.run(hashed, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "Hash mismatch" in done.stderr


def test_every_client_of_the_local_redshift_is_exact_and_has_hashes() -> None:
    locked = re.findall(
        r"^(\S+).*?((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", (ROOT / CLIENTS).read_text(), re.MULTILINE
    )
    packages = {canonicalize_name(pin_.partition("==")[0]): (pin_, hashes) for pin_, hashes in locked if pin_ != "#"}
    assert {"awswrangler", "dbt-redshift", "dlt", "sqlalchemy-redshift"} <= packages.keys()
    assert [pin_ for pin_, hashes in packages.values() if "==" not in pin_ or not hashes] == []


@pytest.mark.parametrize("name", [CONSTRAINTS, HASHES, CLIENTS])
def test_the_constraints_say_which_command_wrote_them_and_make_lock_is_that_command(name: str) -> None:
    command = lock_command(name)
    assert command[:3] == ["uv", "pip", "compile"]
    makefile = (ROOT / "Makefile").read_text()
    recipe = makefile[makefile.index("\nlock:") :]
    assert all(word in recipe for word in command)


@pytest.mark.slow
def test_a_recompile_changes_nothing(tmp_path: Path) -> None:
    """Pins that still satisfy the requirements stay, so a new release of anything does not turn this red."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    assert uv, "uv is in requirements-local.txt"
    for name in (PRODUCTION, LOCAL, CONSTRAINTS, HASHES):
        shutil.copy(ROOT / name, tmp_path)
    for name in (CONSTRAINTS, HASHES):
        command = [uv, *lock_command(name)[1:]]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        if done.returncode and UNREACHABLE.search(done.stderr):
            pytest.skip("no package index answers")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name).read_text() == (ROOT / name).read_text(), "run `make lock`"


def lock_command(name: str) -> list[str]:
    return (ROOT / name).read_text().splitlines()[1].lstrip("# ").split()
