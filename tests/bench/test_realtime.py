"""Suite ``realtime``: paired differences, and what each method puts around the policy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vista.test_late import Straight
from vista.errors import UnknownNameError
from vista_bench.results import Counted, Episode, Key
from vista_bench.suites import BenchSettings, make_suite
from vista_bench.suites.realtime import LATENCIES_S, compared, late
from vista_bench.truth import HandMotion


def records(*success: int) -> list[Counted[Episode]]:
    key = Key("0ms", "synchronous", 1, "f")
    return [Counted(key, Episode(success=bool(s))) for s in success]


def test_the_difference_is_paired():
    base = records(1, 1, 0, 0, 1, 1, 0, 0, 1, 1)
    assert compared(base, base)["difference"] == "+0.0 (+0.0 to +0.0)"
    worse = records(1, 0, 0, 0, 1, 0, 0, 0, 1, 1)
    text = str(compared(worse, base)["difference"])
    assert text.startswith("-20.0 (")
    low, high = (float(v) for v in text[text.index("(") + 1 : -1].split(" to "))
    assert low < -20.0 < high
    # Differences of 0 and -1: their own spread, not that of two separate rates.
    assert high - low == pytest.approx(2 * 196 * np.std([0] * 8 + [-1] * 2, ddof=1) / np.sqrt(10), abs=0.11)
    assert compared(worse, None) == {}


def test_an_arm_that_waits_is_given_rows_to_wait():
    assert [late(cell, "synchronous")[1] for cell in LATENCIES_S] == [4, 5, 7, 14]
    assert [late(cell, "asynchronous")[1] for cell in LATENCIES_S] == [4, 2, 3, 4]
    wrapped = late("300ms", "unfaded")[0](Straight(0.01))
    assert wrapped.action_space is Straight.action_space


def test_every_cell_and_method_is_a_measurement_of_its_own():
    suite = make_suite("realtime")
    marks = [
        suite.identity(BenchSettings(), cell, method) for cell in suite.cells for method in suite.methods
    ]
    assert len({str(m) for m in marks}) == len(suite.cells) * len(suite.methods)
    with pytest.raises(UnknownNameError, match="500ms"):
        suite.check(BenchSettings(cells=("500ms",)))


def test_motion_tells_jerk_and_rest():
    steady, shaking, resting = HandMotion(), HandMotion(), HandMotion()
    for k in range(20):
        steady.add(np.array([0.01 * k, 0, 0]), 1.0)
        shaking.add(np.array([0.01 * k, 0.01 * (-1) ** k, 0]), 1.0)
        resting.add(np.array([0.01 * min(k, 10), 0, 0]), 1.0 if k < 18 else 0.5)
    assert steady.jerk == pytest.approx(0, abs=1e-6)
    assert shaking.jerk == pytest.approx(0.08 / 1e-3, rel=1e-6)
    assert steady.idle_s == 0.0
    assert resting.idle_s == pytest.approx(0.8)  # nine steps at rest, but the fingers move in one of them
    assert HandMotion().jerk == HandMotion().idle_s == 0.0
