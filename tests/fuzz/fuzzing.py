"""Runs one entry of the stack on generated inputs, counts them, and makes every run repeatable.

``VISTA_FUZZ_SEED=7 ./run test --all tests/fuzz`` draws other inputs than the default seed 0. What fails is
shrunk by hypothesis to the smallest input that still fails, and printed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Value = TypeVar("Value")

SEED = int(os.environ.get("VISTA_FUZZ_SEED", "0"))
INPUTS: Counter[str] = Counter()  # kind of entry -> inputs tried in this process


def counts(short: int, full: int) -> pytest.MarkDecorator:
    """Parametrises ``count``: ``short`` inputs in ``./run test``, ``full`` inputs in ``./run test --all``,
    which may take half an hour where the machine is busy."""
    long = [pytest.mark.long, pytest.mark.timeout(1_800)]
    return pytest.mark.parametrize("count", [short, pytest.param(full, marks=long)])


def explore(
    kind: str,
    values: SearchStrategy[Value],
    check: Callable[[Value], None],
    count: int,
    *,
    shrink: bool = True,
) -> None:
    """Call ``check`` on ``count`` inputs drawn from ``values``.

    Args:
        kind: Kind of entry that the inputs are counted under ("memory calls", "endpoint answers").
        check: Raises where the entry misbehaves: a raw exception, a false success, a lost record.
        shrink: Look for the smallest input that fails; not where each try takes a deadline of seconds.
    """
    drawn = [0]

    def run(value: Value) -> None:
        drawn[0] += 1
        INPUTS[kind] += 1
        check(value)

    limits = settings(
        max_examples=count, deadline=None, database=None, print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
    )  # fmt: skip

    @st.composite  # which has a short name: hypothesis writes out other strategies with all their texts
    def inputs(draw: st.DrawFn) -> Value:
        return draw(values)

    seed(SEED)(limits(given(inputs())(run)))()
    assert drawn[0] >= count, f"{kind}: only {drawn[0]} different inputs exist, {count} expected"
