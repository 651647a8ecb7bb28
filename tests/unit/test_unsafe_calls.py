"""What no code that is shipped does: run a text, unpickle, start a shell, trust any certificate, unpack an archive."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

from local_redshift.corpus import cases

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("bench", "bin", "dags", "local", "packages", "plugins")
SCRIPTS = [Path("bin/new-env"), Path("bin/plugins-zip")]
ALLOWED = {
    "plugins/redshift_etl/contracts/front_matter.py": {"yaml.load"},  # BaseLoader: texts, lists and dicts alone
    "packages/local-redshift/local_redshift/corpus/cases.py": {"yaml.load"},  # a SafeLoader, see below
}

CALLS = {
    *("eval", "exec", "compile", "__import__", "breakpoint", "os.system", "os.popen", "os.startfile", "pty.spawn"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell", "tempfile.mktemp"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"),
    *("ssl._create_unverified_context", "shutil.unpack_archive"),
}
MODULES = {"cloudpickle", "code", "codeop", "commands", "dill", "joblib", "jsonpickle", "marshal", "pickle", "shelve"}
PROGRAMS = re.compile(r"subprocess\.(run|Popen|call|check_call|check_output)|os\.(exec|spawn|posix_spawn)\w*")


def unsafe(text: str) -> Iterator[str]:
    """Each such thing in a module, by the name that it has there."""
    nodes = list(ast.walk(ast.parse(text)))
    names = set(imported(nodes))
    yield from (CALLS & names) | (MODULES & {name.partition(".")[0] for name in names})
    archives = any(name.partition(".")[0] in ("tarfile", "zipfile") for name in names)
    for node in nodes:
        if isinstance(node, ast.Call):
            yield from unsafe_call(node, archives)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from {"check_hostname", "verify_mode"} & {node.attr}
        elif isinstance(node, ast.Attribute) and node.attr == "CERT_NONE":
            yield node.attr


def unsafe_call(call: ast.Call, archives: bool) -> Iterator[str]:
    name = ast.unparse(call.func)
    if name in CALLS or name.endswith(".extractall") or (archives and name.endswith(".extract")):
        yield name
    if PROGRAMS.fullmatch(name) and call.args and isinstance(call.args[0], ast.Constant | ast.JoinedStr | ast.BinOp):
        yield f"{name} of a text"
    for keyword in call.keywords:
        if keyword.arg == "shell" or (keyword.arg == "verify" and ast.unparse(keyword.value) == "False"):
            yield f"{keyword.arg}={ast.unparse(keyword.value)}"


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What a module imports, anywhere in it: `a`, `a.b` or, by `from a import b`, `a.b`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def modules() -> list[Path]:
    """Below the repository's root, without tests and what is built."""
    files = [path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return SCRIPTS + [path for path in files if not {"build", "tests"} & set(path.parts)]


def test_no_module_does_anything_of_that() -> None:
    texts = {path.as_posix(): (ROOT / path).read_text(encoding="utf-8") for path in modules()}
    assert len(texts) > 300
    assert {path.partition("/")[0] for path in texts} == set(FOLDERS)
    assert {path: found for path, text in texts.items() if (found := set(unsafe(text)))} == ALLOWED


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("eval(x)", "eval"),
        ("def f():\n    exec('x')", "exec"),
        ("from pickle import loads", "pickle"),
        ("import os, shelve", "shelve"),
        ("from os import path, system", "os.system"),
        ("os.system('x')", "os.system"),
        ("subprocess.run(command, shell=True)", "shell=True"),
        ("subprocess.run(command, shell=shell)", "shell=shell"),
        ("subprocess.Popen(f'ls {x}')", "subprocess.Popen of a text"),
        ("subprocess.run('ls ' + x)", "subprocess.run of a text"),
        ("requests.get(x, verify=False)", "verify=False"),
        ("context.check_hostname = False", "check_hostname"),
        ("yaml.load(x, yaml.Loader)", "yaml.load"),
        ("import tarfile\ntar.extract(x)", "tar.extract"),
        ("archive.extractall()", "archive.extractall"),
    ],
)
def test_each_of_them_is_found(text: str, found: str) -> None:
    assert list(unsafe(text)) == [found]


@pytest.mark.parametrize(
    "text", ["yaml.safe_load(x)", "subprocess.run([x], check=True)", "re.compile(x)", "lake.extract(x)"]
)
def test_what_is_safe_is_not_found(text: str) -> None:
    assert list(unsafe(text)) == []


def test_the_loaders_that_are_allowed_make_plain_values_alone() -> None:
    assert issubclass(cases._Text, yaml.SafeLoader)
    text = (ROOT / "plugins/redshift_etl/contracts/front_matter.py").read_text(encoding="utf-8")
    assert re.findall(r"yaml\.(\w*Loader)", text) == ["BaseLoader", "BaseLoader"]


def test_no_template_of_airflow_renders_a_connection_or_a_variable() -> None:
    """What is rendered is stored in the metadata database and shown in the UI."""
    found = []
    for folder in ("dags", "include", "plugins"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".sql"):
                found += re.findall(r"{{[^}]*\b(?:conn|var)\b[^}]*}}", path.read_text(encoding="utf-8"))
    assert found == []
