"""The container files, checked without a container engine: schema, lint, and their conventions."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.configuration import conf

from tests.unit.compose import ENV_EXAMPLE, ROOT, interpolate, read_env

COMPOSE = ROOT / "docker-compose.yaml"
ONE_SHOT = {"airline-seed", "check-secrets", "init", "landing-files", "quickstart"}
AIRFLOW = {"webserver", "scheduler", "worker", "dag-processor", "triggerer"}
LOCAL = {"airline-seed", "landing-files", "local-postgres", "local-redshift", "s3", "quickstart", "weather-api"}
PUBLISHED = {"API_SECRET_KEY", "FERNET_KEY", "JWT_SECRET", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "UI_PASSWORD"}
SECRET = re.compile(r"PASSWORD|SECRET|FERNET|_KEY$|ACCESS_KEY")


@cache
def services(**changes: str) -> dict[str, dict[str, Any]]:
    """The services as Compose sees them with .env.example, some of its values changed."""
    text = interpolate(COMPOSE.read_text(), {**read_env(ENV_EXAMPLE), **changes})
    return dict(yaml.safe_load(text)["services"])


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is in requirements-local.txt"
    return found


def test_the_compose_file_follows_the_compose_specification() -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_filled_in_compose_file_follows_it_too(tmp_path: Path) -> None:
    filled = tmp_path / "docker-compose.yaml"
    filled.write_text(interpolate(COMPOSE.read_text(), read_env(ENV_EXAMPLE)))
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(filled)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_itself_reads_the_file_where_it_is_installed() -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("no docker compose here")
    command = [docker, "compose", "--env-file", str(ENV_EXAMPLE), "-f", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_dockerfile_has_no_lint() -> None:
    done = subprocess.run([tool("hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "pattern", [r"#\s*syntax=", r"\bcurl\b", r"\bwget\b", r"\bgit\b", r"^ADD\b", r"github", r"apt-get"]
)
def test_the_build_downloads_from_the_base_image_and_the_package_index_only(pattern: str) -> None:
    assert not re.search(pattern, (ROOT / "Dockerfile").read_text(), re.MULTILINE | re.IGNORECASE)


def test_images_from_outside_have_a_name_and_a_digest() -> None:
    values = read_env(ENV_EXAMPLE)
    images = [values[name] for name in ("BASE_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE")]
    assert [image for image in images if not re.fullmatch(r"[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}", image)] == []
    assert f"ARG BASE_IMAGE={values['BASE_IMAGE']}\n" in (ROOT / "Dockerfile").read_text()


def test_the_address_of_a_package_index_is_no_argument_of_the_build() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^ARG (\w+)", text, re.MULTILINE) == ["BASE_IMAGE"]
    assert [set(service["build"]["args"]) for service in services().values() if "build" in service] == [
        {"BASE_IMAGE"},
        {"BASE_IMAGE"},
    ]
    steps = re.findall(r"^RUN (?:.*\\\n)*.*", text, re.MULTILINE)
    fetching = [step for step in steps if re.search(r"pip install (?!.*--no-deps --no-build)|pip download", step)]
    assert len(fetching) == 3
    assert [step for step in fetching if "--mount=type=secret" not in step] == []


def test_every_copied_path_exists_and_reaches_the_build() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for copy in copies for source in copy.split()[:-1]}
    assert sources == allowed
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_neither_secrets_nor_history_reach_the_build_and_no_secret_reaches_git() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    assert not {"!.", "!.env", "!.git", "!.local", "!**", "!*"} & set(patterns)
    assert {".env", ".local/"} <= set((ROOT / ".gitignore").read_text().splitlines())


def test_both_images_run_as_an_ordinary_user() -> None:
    stages = re.split(r"^FROM .* AS ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    final = {stage.split()[0]: stage for stage in stages if stage.split()[0] in ("airflow", "local")}
    assert {name: re.findall(r"^USER (.*)$", stage, re.MULTILINE) for name, stage in final.items()} == {
        "airflow": ["50000:0"],
        "local": ["50000:0"],
    }


def test_every_variable_is_documented_and_every_documented_variable_is_used() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)\}", COMPOSE.read_text()))
    assert used == set(read_env(ENV_EXAMPLE))


def test_every_variable_has_a_comment_above_it() -> None:
    block = ""
    for line in ENV_EXAMPLE.read_text().splitlines():
        if line.startswith("#") and not line.startswith("# ---"):
            block = line
        elif not line or line.startswith("# ---"):
            block = ""
        else:
            assert block, f"{line.split('=')[0]} is not explained"


def test_no_secret_is_in_the_compose_file() -> None:
    found = []
    for name, service in yaml.safe_load(COMPOSE.read_text())["services"].items():
        for key, value in (service.get("environment") or {}).items():
            if SECRET.search(key) and not key.endswith("_FILE") and "${" not in str(value):
                found.append(f"{name}: {key}")
        for text in (*service.get("command", []), *service.get("healthcheck", {}).get("test", [])):
            found += [f"{name}: {variable}" for variable in re.findall(r"(?<!\$)\$\{(\w+)\}", text)]
    assert not found, "a secret's value, or an argument that everybody on the machine can read"


@pytest.mark.parametrize(
    ("name", "file"),
    [("redis", "/tmp/redis.conf"), ("webserver", '"$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"')],
)
def test_a_password_that_a_program_reads_from_a_file_is_its_users_alone(name: str, file: str) -> None:
    umask, write, start = services()[name]["command"][-1].splitlines()
    assert (umask, write.rpartition("> ")[2]) == ("umask 077", file)
    assert start in ("exec redis-server /tmp/redis.conf", "exec airflow api-server")


def test_each_service_has_only_the_secrets_that_it_needs() -> None:
    metadata = {"AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"}
    queue = {"AIRFLOW__CELERY__BROKER_URL", "AIRFLOW__CELERY__RESULT_BACKEND"}
    tokens = {"AIRFLOW__API_AUTH__JWT_SECRET"}
    warehouse = {"AIRFLOW_CONN_AWS_DEFAULT", "AIRFLOW_CONN_REDSHIFT_DEFAULT"}
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert {name: secrets_of(service) for name, service in services().items()} == {
        "airline-seed": {"AIRLINE_DSN", "AIRLINE_READER_PASSWORD"},
        "check-secrets": PUBLISHED,
        "dag-processor": metadata | warehouse,
        "init": metadata,
        "landing-files": keys,
        "local-postgres": {"POSTGRES_PASSWORD"},
        "local-redshift": keys | {"LOCAL_REDSHIFT_PASSWORD", "LOCAL_REDSHIFT_PG_PASSWORD"},
        "postgres": {"POSTGRES_PASSWORD"},
        "quickstart": metadata,
        "redis": {"REDIS_PASSWORD", "REDISCLI_AUTH"},
        "s3": keys,
        "scheduler": metadata | queue | tokens,
        "triggerer": metadata,
        "weather-api": set(),
        "webserver": metadata | tokens | warehouse | {"AIRFLOW__API__SECRET_KEY", "UI_PASSWORD"},
        "worker": queue | warehouse | {"AIRFLOW_CONN_AIRLINE_DB"},
    }


def secrets_of(service: dict[str, Any]) -> set[str]:
    """The variables whose value has a secret of .env.example."""
    secrets = [value for name, value in read_env(ENV_EXAMPLE).items() if SECRET.search(name)]
    environment = service.get("environment", {})
    return {name for name, value in environment.items() if any(secret in str(value) for secret in secrets)}


@pytest.mark.parametrize("name", sorted(services()))
def test_each_container_can_write_little_and_do_little(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert "/tmp" in (*service["tmpfs"], *service.get("volumes", ()))
    ours = service["image"].startswith("redshift-etl/")
    assert ours or service["user"] in ("postgres", "redis"), "the images of ours have their user"
    mounted = [volume.split(":") for volume in service.get("volumes", ()) if volume.startswith("./")]
    assert [parts for parts in mounted if parts[-1] != "ro"] == []


def test_stand_ins_reach_neither_the_metadata_database_nor_the_queue() -> None:
    networks = {name: set(service.get("networks", ())) for name, service in services().items()}
    assert networks["postgres"] == networks["redis"] == {"airflow"}
    assert {name for name in LOCAL - {"quickstart"} if networks[name] != {"outside"}} == set()
    assert yaml.safe_load(COMPOSE.read_text())["networks"]["airflow"] == {"internal": True}
    published = [name for name, service in services().items() if service.get("ports")]
    assert [name for name in published if "outside" not in networks[name]] == [], "an internal network has no ports"


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, ""),
        ({"UI_URL": "http://127.0.0.1:8080"}, ""),
        ({"LOCAL_PARTS": "0"}, " ".join(sorted(PUBLISHED))),
        (
            {"UI_URL": "https://airflow.example.com", "UI_PASSWORD": "own"},
            " ".join(sorted(PUBLISHED - {"UI_PASSWORD"})),
        ),
        ({"UI_URL": "http://localhost.example.com:8080"}, " ".join(sorted(PUBLISHED))),
        ({**dict.fromkeys(PUBLISHED, "own"), "LOCAL_PARTS": "0"}, ""),
    ],
    ids=["this laptop", "by its number", "a real cluster", "behind a proxy", "a name that begins alike", "own secrets"],
)
def test_published_secrets_are_refused_beyond_this_machine(changes: dict[str, str], refused: str) -> None:
    service = services(**changes)["check-secrets"]
    environment = {"PATH": os.environ["PATH"]} | {name: str(value) for name, value in service["environment"].items()}
    done = subprocess.run(service["command"], env=environment, capture_output=True, text=True)
    assert done.returncode == bool(refused), done.stderr
    assert not refused or f": {refused}. " in done.stderr
    assert "laptop-only" not in done.stderr


def test_nothing_of_airflow_starts_before_the_secrets_are_checked() -> None:
    everything = services()
    assert "check-secrets" in everything["init"]["depends_on"]
    assert {name for name in AIRFLOW if "init" not in everything[name]["depends_on"]} == set()


def test_ports_are_published_on_this_machine_only() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_long_running_service_has_a_health_check_and_is_restarted() -> None:
    running = {name: service for name, service in services().items() if name not in ONE_SHOT}
    assert set(running) >= AIRFLOW | {"postgres", "redis", "local-redshift", "s3", "weather-api"}
    assert [name for name, service in running.items() if not service.get("healthcheck", {}).get("test")] == []
    assert {service["restart"] for service in running.values()} == {"unless-stopped"}


def test_one_shots_are_never_restarted_and_waited_for_until_they_succeed() -> None:
    everything = services()
    assert {everything[name]["restart"] for name in ONE_SHOT} == {"no"}
    for service in everything.values():
        for name, dependency in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if name in ONE_SHOT else "service_healthy"
            assert dependency["condition"] == wanted, name


def test_one_shots_have_no_health_check_and_inherit_none_of_their_image() -> None:
    stages = re.split(r"^FROM .* AS ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    checked = {stage.split()[0] for stage in stages if re.search(r"^HEALTHCHECK (?!NONE)", stage, re.MULTILINE)}
    assert checked == {"airflow"}
    images = {service["image"]: service["build"]["target"] for service in services().values() if "build" in service}
    for name in ONE_SHOT:
        service = services()[name]
        default = {"disable": images[service["image"]] not in checked}
        assert service.get("healthcheck", default) == {"disable": True}, name


def test_each_image_of_ours_is_built_by_one_service() -> None:
    built = [service["image"] for service in services().values() if "build" in service]
    used = {service["image"] for service in services().values() if service["image"].startswith("redshift-etl/")}
    assert sorted(built) == sorted(used)


def test_local_parts_off_starts_only_airflow_its_database_and_its_queue() -> None:
    started = {
        name for name, service in services(LOCAL_PARTS="0").items() if service.get("deploy", {}).get("replicas") != 0
    }
    assert started == AIRFLOW | {"check-secrets", "init", "postgres", "redis"}
    assert set(services()) - started == LOCAL


def test_no_other_service_depends_on_a_local_one() -> None:
    for name, service in services().items():
        assert name in LOCAL or not set(service.get("depends_on", {})) & LOCAL


def test_the_airflow_settings_are_settings_of_this_airflow() -> None:
    """A misspelt section or key is ignored by Airflow in silence."""
    conf.load_providers_configuration()
    known = conf.configuration_description
    for name in {name for service in services().values() for name in service.get("environment", {})}:
        match = re.fullmatch(r"AIRFLOW__([A-Z_]+?)__([A-Z_]+)", name)
        if match and match[1] != "REDSHIFT_ETL":
            assert match[2].lower() in known[match[1].lower()]["options"], name


def test_the_connections_are_json_that_airflow_reads_and_point_at_services_of_the_file() -> None:
    connections = {
        name: json.loads(value)
        for name, value in services()["worker"]["environment"].items()
        if name.startswith("AIRFLOW_CONN_")
    }
    assert {name.removeprefix("AIRFLOW_CONN_").lower() for name in connections} == {
        *("airline_db", "aws_default", "redshift_default", "weather_api")
    }
    hosts = {value["host"] for value in connections.values() if "host" in value}
    assert hosts == {"local-redshift", "local-postgres", "weather-api"}
    assert hosts <= set(services())


def test_pointing_at_a_real_cluster_changes_the_environment_alone() -> None:
    environment = services(
        REDSHIFT_HOST="wh.abc.eu-west-1.redshift.amazonaws.com",
        REDSHIFT_EXTRA="{}",
        AIRLINE_EXTRA='{"sslmode": "verify-full"}',
        AWS_EXTRA='{"region_name": "eu-west-1"}',
        AWS_ACCESS_KEY_ID="",
        AWS_SECRET_ACCESS_KEY="",
    )["worker"]["environment"]
    assert json.loads(environment["AIRFLOW_CONN_REDSHIFT_DEFAULT"])["host"].endswith(".amazonaws.com")
    assert json.loads(environment["AIRFLOW_CONN_REDSHIFT_DEFAULT"])["extra"] == {}
    assert json.loads(environment["AIRFLOW_CONN_AIRLINE_DB"])["extra"] == {"sslmode": "verify-full"}
    assert json.loads(environment["AIRFLOW_CONN_AWS_DEFAULT"])["extra"] == {"region_name": "eu-west-1"}


def test_new_env_replaces_every_published_secret_and_keeps_the_rest() -> None:
    loader = SourceFileLoader("new_env", str(ROOT / "bin" / "new-env"))
    spec = spec_from_loader("new_env", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    before, filled = read_env(ENV_EXAMPLE), module.fill(ENV_EXAMPLE.read_text())
    after = {
        line.split("=", 1)[0]: line.split("=", 1)[1].strip("'")
        for line in filled.splitlines()
        if line and not line.startswith("#")
    }
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {name for name in before if SECRET.search(name)}
    assert "laptop-only" not in filled
    assert len(base64.urlsafe_b64decode(after["FERNET_KEY"])) == 32
    assert len({after[name] for name in changed}) == len(changed)
