"""A switcher is judged by when it says "reached" and when it became true."""

from __future__ import annotations

import pytest

from vista.skill import Relation, Skill, Verb
from vista.switcher.timing import Switch, agreement
from vista_bench.switch_times import SwitchTimes, Turn

GRASP, PLACE = Skill(Verb.GRASP, "can"), Skill(Verb.PLACE, "can", Relation.IN, "tray")


def test_a_hit_is_no_more_than_half_a_second_apart():
    assert Switch("grasp", 2.5, 2.0).hit
    assert Switch("grasp", 1.5, 2.0).hit
    assert not Switch("grasp", 2.6, 2.0).hit
    assert not Switch("grasp", None, 2.0).hit
    assert not Switch("grasp", 2.0, None).hit


def test_too_late_and_too_early_count_against_both():
    found = agreement(
        [
            Switch("grasp", 2.0, 2.1),
            Switch("place", 5.0, 3.0),
            Switch("grasp", 7.0, None),
            Switch("place", None, 9.0),
        ]
    )
    assert (found.hits, found.calls, found.true) == (1, 3, 3)
    assert found.precision == pytest.approx(1 / 3)
    assert found.recall == pytest.approx(1 / 3)
    nothing = agreement([])
    assert (nothing.precision, nothing.recall) == (1.0, 1.0)


def test_the_first_time_it_became_true_within_the_subtask_counts():
    moments = SwitchTimes()
    moments.begin(Skill(Verb.GRASP, "red cube"), 0.0)
    for now, lifted in ((1.0, False), (1.1, True), (1.2, False), (1.5, True), (1.8, True)):
        moments.look(Turn.GRASP, lifted, now)
    moments.end(True, 1.8)
    moments.begin(PLACE, 1.8)
    moments.look(Turn.PLACE, True, 4.0)
    moments.end(True, 4.4)
    assert moments.switches() == [Switch("grasp", 1.8, 1.1), Switch("place", 4.4, 4.0)]


def test_what_was_true_before_is_true_at_the_start_and_a_little_later_counts_too():
    moments = SwitchTimes()
    moments.look(Turn.GRASP, True, 0.5)
    moments.begin(GRASP, 2.0)
    moments.end(True, 2.4)
    moments.begin(None, 2.4)  # an executor that is told the whole instruction
    moments.end(True, 5.0)
    moments.look(Turn.PLACE, True, 5.4)
    moments.begin(GRASP, 6.0)
    moments.look(Turn.GRASP, False, 6.1)
    moments.end(False, 9.0)
    assert moments.switches() == [
        Switch("grasp", 2.4, 2.0),
        Switch("place", 5.0, 5.4),
        Switch("grasp", None, 6.0),
    ]


def test_what_ended_before_the_subtask_began_does_not_count():
    moments = SwitchTimes()
    moments.look(Turn.GRASP, True, 0.5)
    moments.look(Turn.GRASP, False, 1.0)
    moments.begin(GRASP, 2.0)
    moments.end(True, 2.4)
    assert moments.switches() == [Switch("grasp", 2.4, None)]


def test_a_call_counts_when_it_is_made_not_when_the_hand_has_withdrawn():
    moments = SwitchTimes()
    for judged in (2.0, None):
        moments.begin(PLACE, 1.0)
        if judged is not None:
            moments.judged(judged)
        moments.end(True, 3.5)
    assert [s.said_s for s in moments.switches()] == [2.0, 3.5]
