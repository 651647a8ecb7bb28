"""Histories with faults: as many as end in a few seconds. `make faults` plays more, on purpose."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.faults import histories
from tests.faults.plan import seed_of

SEED, FEWEST, SECONDS = 0, 5, 20


def test_histories_with_faults_end_in_the_right_table(
    redshift_server: Any, with_bookkeeping: str, capsys: pytest.CaptureFixture[str]
) -> None:
    began, results = time.monotonic(), list[histories.Result]()
    while len(results) < FEWEST or time.monotonic() - began < SECONDS:
        results.append(histories.run(seed_of(SEED, len(results)), redshift_server, with_bookkeeping))
    faults = sum(sum(result.faults.values()) for result in results)
    with capsys.disabled():
        print(f"\n{len(results)} histories, {faults} faults")
    assert faults > len(results)
    assert {result.seed: result.wrong for result in results if result.wrong} == {}
