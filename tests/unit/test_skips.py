"""The rule of conftest.py: with CI=true a skipped test fails, unless its reason is listed there."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = (Path(__file__).resolve().parents[2] / "conftest.py").read_text(encoding="utf-8")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Tests that skip in every way, one for a listed reason, and one that is expected to fail."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        test_module="import pytest; pytest.importorskip('no_such_library')\ndef test_it(): ...",
        test_each="""
            import pytest

            @pytest.mark.skipif(True, reason="there is no such server")
            def test_marked(): ...

            def test_inside():
                pytest.skip("there is no such server")

            @pytest.fixture
            def server():
                pytest.skip("there is no such server")

            def test_in_a_fixture(server): ...

            def test_listed():
                pytest.skip("no docker compose here")

            @pytest.mark.xfail
            def test_expected_to_fail():
                raise ValueError
        """,
    )
    return pytester


def test_skips_are_skips_on_a_laptop(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    assert project.runpytest_subprocess(
        "-p",
        "no:warnings",
    ).parseoutcomes() == {"skipped": 5, "xfailed": 1}


def test_skips_fail_on_ci_but_for_the_listed_reason(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    result = project.runpytest_subprocess("-p", "no:warnings", "--continue-on-collection-errors")

    # The module and the fixture count as errors, as they do for any exception there.
    assert result.parseoutcomes() == {"failed": 1, "errors": 3, "skipped": 1, "xfailed": 1}
    result.stdout.fnmatch_lines(["*skipped, which fails with CI=true: there is no such server*"])
