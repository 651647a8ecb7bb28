"""Each mutation of the product is found by a history. Their own target: `make faults-mutations`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import pytest

from tests.faults import histories
from tests.faults.mutations import MUTATIONS
from tests.faults.plan import draw, seed_of

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
SEED, MOST = 5, 40


def seeds(kind: str) -> Iterator[int]:
    """Those of histories of a kind."""
    return (seed for seed in (seed_of(SEED, number) for number in count()) if draw(seed).kind == kind)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_found(name: str, redshift_server: Any, with_bookkeeping: str) -> None:
    mutation = MUTATIONS[name]
    with mutation.applied():
        for number, seed in enumerate(islice(seeds(mutation.kind), MOST), 1):
            result = histories.run(seed, redshift_server, with_bookkeeping)
            if result.wrong:
                print(f"\n{name}: found by history {number}: {result.wrong[0]}")
                return
    pytest.fail(f"{MOST} histories did not find it")
