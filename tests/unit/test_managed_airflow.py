"""docs/managed-airflow.md and the files of deploy/, held against the repository and the compose file."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from airflow.cli import cli_parser
from packaging.requirements import Requirement
from packaging.version import Version

from tests.unit.compose import ENV_EXAMPLE, ROOT, read_env
from tests.unit.policies import DOCUMENT as CONNECT

DOCUMENT = ROOT / "docs" / "managed-airflow.md"
ASTRO = ROOT / "deploy" / "astro.Dockerfile"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))
VARIABLES = {
    name
    for service in COMPOSE["services"].values()
    for name in service.get("environment", {})
    if name.startswith("AIRFLOW_")
}
SETTINGS = {name for name in VARIABLES if name.startswith("AIRFLOW__REDSHIFT_ETL__")}
CONNECTIONS = {name.removeprefix("AIRFLOW_CONN_").lower() for name in VARIABLES if name.startswith("AIRFLOW_CONN_")}
# The chart's own names for what it makes variables of (its templates/_helpers.yaml), and their keys in the secrets.
BUILT_IN = {
    "executor": ("AIRFLOW__CORE__EXECUTOR", None),
    "data.metadataSecretName": ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "connection"),
    "data.resultBackendSecretName": ("AIRFLOW__CELERY__RESULT_BACKEND", "connection"),
    "data.brokerUrlSecretName": ("AIRFLOW__CELERY__BROKER_URL", "connection"),
    "fernetKeySecretName": ("AIRFLOW__CORE__FERNET_KEY", "fernet-key"),
    "jwtSecretName": ("AIRFLOW__API_AUTH__JWT_SECRET", "jwt-secret"),
    "apiSecretKeySecretName": ("AIRFLOW__API__SECRET_KEY", "api-secret-key"),
}


def document() -> str:
    return DOCUMENT.read_text(encoding="utf-8")


def pins() -> dict[str, Requirement]:
    """requirements.txt without the tests' part."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8").split("\n# Tests\n")[0]
    found = [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]
    return {requirement.name: requirement for requirement in found}


def airflow_version() -> str:
    return str(pins()["apache-airflow"].specifier).removeprefix("==")


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "deploy" / "helm-values.yaml").read_text(encoding="utf-8")))


def at(values: dict[str, Any], path: str) -> Any:
    for name in path.split("."):
        values = values[name]
    return values


# Amazon MWAA


def test_what_mwaa_offers_is_what_the_pinned_boto3_says_of_its_api() -> None:
    shape = (
        boto3.client("mwaa", region_name="us-east-1")
        .meta.service_model.operation_model("CreateEnvironment")
        .input_shape
    )
    offered = [
        Version(found) for found in re.findall(r"<code>([\d.]+)</code>", shape.members["AirflowVersion"].documentation)
    ]
    assert f"as boto3 {version('boto3')} describes it, offers up to {max(offered)}" in document()
    assert all(found < Version(airflow_version()) for found in offered), "it can be had now: say so"


def test_the_requirements_for_mwaa_are_ours_without_what_its_image_fixes() -> None:
    (command,) = re.findall(r"^(\{ echo .*\}) > build/requirements\.txt$", document(), re.MULTILINE)
    done = subprocess.run(["sh", "-ec", command], cwd=ROOT, capture_output=True, text=True, check=True)
    constraint, *lines = done.stdout.splitlines()
    assert constraint == '--constraint "/usr/local/airflow/dags/constraints.txt"'
    written = {Requirement(line).name for line in lines if line and not line.startswith("#")}
    assert written == set(pins()) - {"apache-airflow", "celery"}


def test_mwaa_is_given_every_setting_and_the_place_of_the_sql() -> None:
    options = set(re.findall(r"^\| `redshift_etl\.(\w+)` \|", document(), re.MULTILINE))
    assert options == {name.removeprefix("AIRFLOW__REDSHIFT_ETL__").lower() for name in SETTINGS} | {"sql_dir"}


def test_mwaa_is_given_every_connection_but_its_own_role() -> None:
    (kwargs,) = re.findall(r"^\| `secrets\.backend_kwargs` \| `(.*)` \|$", document(), re.MULTILINE)
    pattern = json.loads(kwargs.replace("\\|", "|"))["connections_lookup_pattern"]
    assert {name for name in CONNECTIONS if re.match(pattern, name)} == CONNECTIONS - {"aws_default"}
    assert set(re.findall(r"`airflow/connections/(\w+)`", document())) == CONNECTIONS - {"aws_default"}


# Kubernetes


def test_the_charts_variables_are_those_of_the_compose_file(values: dict[str, Any]) -> None:
    built_in = [name for path, (name, _) in BUILT_IN.items() if at(values, path)]
    names = [entry["name"] for entry in values["env"]] + [entry["envName"] for entry in values["secret"]] + built_in
    assert len(names) == len(set(names))
    assert set(names) == VARIABLES


def test_no_password_stands_in_the_values(values: dict[str, Any]) -> None:
    for entry in values["env"]:
        assert not re.search(r"password|secret", str(entry["value"]).replace("/passwords.json", ""), re.IGNORECASE)
    assert {
        "name": "UI_PASSWORD",
        "valueFrom": {"secretKeyRef": {"name": "airflow-keys", "key": "ui-password"}},
    } in values["apiServer"]["env"]


def test_values_that_are_json_are_connections_and_settings_that_airflow_reads(values: dict[str, Any]) -> None:
    parsed = {entry["name"]: json.loads(entry["value"]) for entry in values["env"] if entry["value"].startswith("{")}
    assert set(parsed) == {"AIRFLOW__OPENLINEAGE__TRANSPORT", "AIRFLOW_CONN_AWS_DEFAULT", "AIRFLOW_CONN_WEATHER_API"}
    assert all(parsed[name]["conn_type"] for name in parsed if name.startswith("AIRFLOW_CONN_"))


def test_every_secret_of_the_values_is_in_the_documents_table_with_its_key(values: dict[str, Any]) -> None:
    wanted = {(at(values, path), key) for path, (_, key) in BUILT_IN.items() if key} | {("airflow-keys", "ui-password")}
    wanted |= {(entry["secretName"], entry["secretKey"]) for entry in values["secret"]}
    secret, listed = "", set()
    for name, keys in re.findall(
        r"^\| (?:(`airflow-[\w-]+`) )?\| (`[\w-]+`(?:, `[\w-]+`)*) \|", document(), re.MULTILINE
    ):
        secret = name.strip("`") or secret
        listed |= {(secret, key) for key in re.findall(r"[\w-]+", keys)}
    assert listed == wanted


def test_the_chart_runs_the_pinned_airflow_from_the_image_that_compose_builds(values: dict[str, Any]) -> None:
    assert values["airflowVersion"] == airflow_version()
    image = values["images"]["airflow"]
    assert f"{image['repository']}:{image['tag']}" == f"registry.example.com/{read_env(ENV_EXAMPLE)['AIRFLOW_IMAGE']}"
    assert f"{image['repository']}:{image['tag']}" in document()


def test_the_api_server_starts_as_it_does_in_compose(values: dict[str, Any]) -> None:
    assert values["apiServer"]["args"][-1] == COMPOSE["services"]["webserver"]["command"][-1].replace("$$", "$")


def test_nothing_calls_what_only_the_official_image_has(values: dict[str, Any]) -> None:
    assert "/entrypoint" not in yaml.safe_dump(values)
    for part in ("scheduler", "dagProcessor", "triggerer", "workers"):
        assert values[part]["livenessProbe"]["command"]
        assert values[part]["logGroomerSidecar"] == {"enabled": False}


@pytest.mark.parametrize("part", ["scheduler", "dagProcessor", "triggerer"])
def test_a_probe_is_a_command_that_airflow_has(values: dict[str, Any], part: str) -> None:
    for probe in ("livenessProbe", "startupProbe"):
        if probe in values[part]:
            program, *arguments = values[part][probe]["command"]
            assert (program, cli_parser.get_parser().parse_args(arguments).job_type[-3:]) == ("airflow", "Job")


def test_the_workers_probe_is_the_one_of_compose(values: dict[str, Any]) -> None:
    compose = COMPOSE["services"]["worker"]["healthcheck"]["test"][-1].replace("$$", "$")
    assert values["workers"]["livenessProbe"]["command"][-1] == compose


def test_the_pods_have_the_role_and_the_places_of_connect_a_cluster(values: dict[str, Any]) -> None:
    text, settings = CONNECT.read_text(encoding="utf-8"), {entry["name"]: entry["value"] for entry in values["env"]}
    for place in ("LAKE", "LANDING"):
        assert f"`{settings[f'AIRFLOW__REDSHIFT_ETL__{place}']}`" in text
    assert settings["AIRFLOW__REDSHIFT_ETL__IAM_ROLE"] in text
    roles = {
        values[part]["serviceAccount"]["annotations"]["eks.amazonaws.com/role-arn"] for part in ("apiServer", "workers")
    }
    assert roles == {"arn:aws:iam::123456789012:role/airflow-worker"}


# Astronomer


def test_the_astro_dockerfile_has_no_lint() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint, "hadolint is in requirements-local.txt"
    done = subprocess.run([hadolint, str(ASTRO)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_astro_image_is_of_the_same_airflow_line_and_a_python_that_is_locked() -> None:
    runtime = re.search(
        r"^FROM (\S+/runtime:(\d+\.\d+)-\d+-python-(\d+\.\d+)-base)$", ASTRO.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert runtime
    assert airflow_version().startswith(f"{runtime[2]}.")
    assert runtime[3] in ("3.11", "3.12", "3.13")
    assert runtime[1] in document()


def test_what_the_astro_image_copies_is_what_the_document_puts_beside_it() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (.+)$", ASTRO.read_text(encoding="utf-8"), re.MULTILINE)
        for source in line.split()[:-1]
    }
    (listed,) = re.findall(r"^cp -R (.+) \.\./astro$", document(), re.MULTILINE)
    assert set(listed.split()) == copied


def test_the_astro_image_installs_the_lock_without_airflow_itself(tmp_path: Path) -> None:
    for name in ("constraints.txt", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (grep,) = re.findall(r"^RUN (.+?) \\\n    && (.+?) \\\n", ASTRO.read_text(encoding="utf-8"), re.MULTILINE)
    for command in grep:
        subprocess.run(["sh", "-ec", command.replace("/tmp/", f"{tmp_path}/own-")], cwd=tmp_path, check=True)
    kept = [
        Requirement(line).name
        for line in (tmp_path / "own-constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert {"duckdb", "apache-airflow-providers-amazon"} <= set(kept)
    assert not {"apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk"} & set(kept)
    assert "apache-airflow==" not in (tmp_path / "own-requirements.txt").read_text()
