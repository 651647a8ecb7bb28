from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from local.cli import audit


def report(*packages: Mapping[str, object]) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


CLEAN = {"name": "duckdb", "version": "2.0.0", "vulns": []}
VULNERABLE = {"name": "moto", "version": "5.2.5", "vulns": [{"id": "PYSEC-1", "fix_versions": ["5.2.6"]}]}
UNKNOWN = {"name": "rich", "skip_reason": "Dependency not found on PyPI and could not be audited: rich (15.0.0)"}


def test_a_finding_is_an_error_and_names_the_version_that_fixes_it() -> None:
    text, code = audit.evaluate(report(CLEAN, VULNERABLE), "")

    assert code == 1
    assert text.splitlines() == [
        "moto 5.2.5: PYSEC-1, fixed in 5.2.6",
        "1 known vulnerabilities in 2 packages",
    ]


def test_no_finding_is_a_success() -> None:
    assert audit.evaluate(report(CLEAN), "") == ("0 known vulnerabilities in 1 packages", 0)


def test_packages_that_the_service_does_not_have_are_listed() -> None:
    text, code = audit.evaluate(report(CLEAN, UNKNOWN), "")

    assert code == 0
    assert "not checked, as the vulnerability service does not have them: rich" in text


@pytest.mark.parametrize(
    ("output", "errors"),
    [
        (report(UNKNOWN), "No known vulnerabilities found"),
        ("", "ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed\nERROR: Tip: blocked"),
        ("", "Traceback\nrequests.exceptions.ConnectionError: HTTPSConnectionPool(host='pypi.org', port=443)"),
    ],
)
def test_a_service_that_does_not_answer_is_reported_as_not_checked(output: str, errors: str) -> None:
    text, code = audit.evaluate(output, errors)

    assert code == 0
    assert text.startswith("not checked: the vulnerability service did not answer")


def test_a_failure_of_pip_audit_itself_is_an_error() -> None:
    assert audit.evaluate("", "ERROR:pip_audit._cli:requirement x is not pinned") == (
        "ERROR:pip_audit._cli:requirement x is not pinned",
        2,
    )
