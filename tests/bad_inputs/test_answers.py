"""Answers of an API: errors, pages that are no data, and data that is not what was requested."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.bad_inputs.cases import Case, each
from tests.bad_inputs.messages import Messages
from tests.bad_inputs.world import TIDES, Pipelines, weather_connection
from tests.integration.http_service import Answer, Service, serving

KEYS = {"change", "text", "hex", "status", "headers", "transform"}


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with serving() as service:
        yield service


@pytest.fixture
def service(running: Service, pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The API of the connection."""
    assert pipelines
    monkeypatch.setenv("AIRFLOW_CONN_WEATHER_API", weather_connection(running))
    return running


def changed(changes: Mapping[str, Any]) -> bytes:
    """A right answer but for the fields named by their path; None removes one."""
    body: Any = copy.deepcopy(TIDES)
    for path, value in changes.items():
        *outer, last = path.split(".")
        place = body
        for name in outer:
            place = place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return json.dumps(body).encode()


def answer(given: Mapping[str, Any]) -> Answer:
    """What the service sends."""
    if "hex" in given:
        body = bytes.fromhex(given["hex"])
    else:
        body = given["text"].encode() if "text" in given else changed(given.get("change", {}))
    return Answer(body, given.get("status", 200), given.get("headers", {}))


def run(pipelines: Pipelines, service: Service, given: Mapping[str, Any]) -> object:
    assert set(given) <= KEYS
    if "transform" in given:
        pipelines.edit("transform/tides.sql", given["transform"])
    return pipelines.load_tides(service, [answer(given)])


@each("answers")
def test_a_bad_answer_is_refused(pipelines: Pipelines, service: Service, messages: Messages, case: Case) -> None:
    messages.refused(case, lambda: run(pipelines, service, case.input))
