"""A switcher judged by time, and a threshold that is chosen by it."""

from __future__ import annotations

import numpy as np
import pytest

from vista.errors import InvalidValueError
from vista.switcher.timing import Switch, Timeline, agreement, choose, switches


def line(*true_s: float, judgements: int = 10, every: float = 0.4) -> Timeline:
    n = len(true_s)
    return Timeline(
        np.tile(np.arange(judgements) * every, n),
        np.repeat(np.array(true_s, float), judgements),
        np.repeat(np.arange(n, dtype=np.int32), judgements),
    )


def test_it_acts_after_enough_judgements_in_a_row():
    said = np.array([0, 1, 0, 0, 1, 1, 1, 0, 0, 0], bool)
    timeline = line(1.5)
    assert switches(said, timeline, 1) == [Switch("", 0.4, 1.5)]
    assert switches(said, timeline, 2) == [Switch("", 2.0, 1.5)]
    assert switches(said, timeline, 4) == [Switch("", None, 1.5)]


def test_a_run_does_not_go_on_into_the_next_subtask_and_some_are_never_done():
    said = np.zeros(20, bool)
    said[[9, 10]] = True
    first, second = switches(said, line(3.6, np.nan), 2)
    assert first.said_s is None
    assert second == Switch("", None, None)
    assert not second.hit


def test_the_choice_is_the_one_with_most_hits():
    rng = np.random.default_rng(0)
    timeline = line(*rng.uniform(1.0, 3.0, 40))
    after = timeline.time_s - timeline.true_s
    # Certain soon after the truth, unsure (0.6) long before it: only a threshold above 0.6 is in time.
    probability = np.where(after > 0, 0.9, np.where(after > -0.5, 0.7, np.where(after > -1.5, 0.6, 0.1)))
    threshold, patience = choose(probability, timeline)
    assert 0.6 <= threshold < 0.9
    found = agreement(switches(probability > threshold, timeline, patience))
    assert found.precision == found.recall == 1.0
    hasty = agreement(switches(probability > 0.5, timeline, 1))
    assert hasty.precision < 0.5


def test_lengths_must_agree():
    with pytest.raises(InvalidValueError, match="3 times, 2 moments"):
        Timeline(np.zeros(3), np.zeros(2), np.zeros(3, np.int32))
