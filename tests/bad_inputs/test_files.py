"""Files that others drop: broken, in another form than declared, or not there."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import zstandard

from tests.bad_inputs.cases import Case, each
from tests.bad_inputs.messages import Messages
from tests.bad_inputs.world import DROPS, Pipelines

KEYS = {"files", "key", "text", "hex", "packed", "encoding", "cut", "more", "transform", "then"}


def _zip(body: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("drops.csv", body)
    return file.getvalue()


PACKED: Mapping[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress, "zip": _zip}


def body_of(given: Mapping[str, Any]) -> bytes:
    """The bytes of the file."""
    text = str(given.get("text", DROPS)).encode(given.get("encoding", "utf-8"))
    body = bytes.fromhex(given["hex"]) if "hex" in given else text
    if "packed" in given:
        body = PACKED[given["packed"]](body)
    return body[: len(body) - given.get("cut", 0)] + bytes.fromhex(given.get("more", ""))


def land(pipelines: Pipelines, given: Mapping[str, Any]) -> dict[str, Any]:
    """The raw batch of the file."""
    assert set(given) <= KEYS
    pipelines.clear_landing()
    key = given.get("key", "drops.csv")
    pipelines.drop(key, body_of(given))
    if "transform" in given:
        pipelines.edit("transform/drops.sql", {"/*\n": f"/*\n{given['transform']}\n"})
    return pipelines.land("core.drops", *given.get("files", [key]))


def run(pipelines: Pipelines, given: Mapping[str, Any]) -> object:
    raw = land(pipelines, given)
    if "then" in given:
        pipelines.clear_landing()
        if given["then"]:
            pipelines.drop("drops.csv", given["then"].encode())
    return pipelines.load("core.drops", raw)


@each("files")
def test_a_bad_file_is_refused(pipelines: Pipelines, messages: Messages, case: Case) -> None:
    messages.refused(case, lambda: run(pipelines, case.input))


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"packed": "gzip", "key": "drops.csv.gz"},
        {"packed": "zstd", "key": "drops.csv.zst"},
        {"encoding": "utf-16", "transform": "encoding: utf-16"},
        {"files": ["*.csv"], "transform": "header: by_name", "text": "n,id,name,more\n1,1,a,x\n2,2,b,y\n"},
    ],
)
def test_the_same_without_the_mistake_is_read(pipelines: Pipelines, given: Mapping[str, Any]) -> None:
    batch = pipelines.transform(land(pipelines, given))
    assert (batch["rows"], batch["rejected"]) == (2, 0)
