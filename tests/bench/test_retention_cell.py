"""The cell ``retention`` of the suite ``memory``: what it says of a short time."""

import numpy as np

from vista_bench.suites.memory.retention import _balls, _day, frames


def test_a_short_day_is_kept_asked_and_half_of_it_forgotten(tmp_path):
    row = _day(2_000, np.random.default_rng(0), tmp_path)
    assert row["n"] >= 2_000
    assert row["forgotten_records"] > 10
    assert row["mb_after"] < row["mb_before"]
    assert row["write_longest_ms"] >= row["write_p95_ms"] > 0


def test_the_same_seed_gives_the_same_day():
    one, two = (frames(np.random.default_rng(3)) for _ in range(2))
    assert [next(one) for _ in range(50)] == [next(two) for _ in range(50)]


def test_every_ball_is_answered_rightly():
    assert _balls(2_000, np.random.default_rng(0))["success_rate"] == 1.0
