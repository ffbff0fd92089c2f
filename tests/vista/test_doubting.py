"""What is called done is doubted where the fingers hold nothing, or the thing is seen elsewhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.conformance.implementations import observation
from tests.mocks import mock_spec
from vista.skill import Sentence, parse
from vista.switcher import CalibratedSwitcher, DoubtingSwitcher, SwitcherConfig
from vista.types import ActionChunk, ActionSpace, Detection, State, Subgoal, Subtask

SECOND = 1_000_000_000
GRASP, PLACE, OPEN = "grasp the blue mug", "place the blue mug in the tray", "open the drawer"


def at(seconds: float, *, opening: float = 0.5, told_open: bool = False, seed: int = 0):
    seen = observation(mock_spec(), stamp_ns=SECOND + round(seconds * SECOND), seed=seed)
    return dataclasses.replace(seen, gripper=opening, gripper_command=1.0 if told_open else 0.0)


def chunk(done: bool = True):
    actions = np.zeros((4, 7))
    return ActionChunk(
        actions, 0.1, ActionSpace.EE_DELTA, SECOND, 0.9 if done else 0.2, 0.99 if done else 0.01
    )


GOAL = at(0, seed=1).images["front"]


class Finds:
    """Sees the mug at ``now`` in what the camera sees and at ``shown`` in the goal image, with ``score``."""

    def __init__(self, now: float, shown: float, score: float = 0.9) -> None:
        self.now, self.shown, self.score, self.asked = now, shown, score, list[str]()

    def find(self, obs, label):
        self.asked.append(label)
        x = self.shown if np.array_equal(obs.images["front"], GOAL) else self.now
        box = np.array([x - 0.02, 0.4, x + 0.02, 0.5], np.float32)
        return Detection(label, self.score, box, np.zeros(3), 0.01, "front")


def started(text: str, finder: Finds | None = None, image: bool = True) -> DoubtingSwitcher:
    inner = CalibratedSwitcher(SwitcherConfig(threshold=0.7))
    switcher = DoubtingSwitcher(inner, finder)
    switcher.reset(Subgoal(Subtask(text), {"front": GOAL} if image else {}, 1.0, 0, SECOND), SECOND)
    return switcher


def test_a_grasp_is_reached_with_something_between_the_fingers():
    assert started(GRASP).judge(at(1), chunk()).state is State.REACHED
    assert started(GRASP).judge(at(1), chunk(done=False)).state is State.RUNNING


@pytest.mark.parametrize(("opening", "told_open"), [(0.02, False), (0.1, False), (0.9, True)])
def test_a_grasp_of_nothing_may_try_again_for_a_while_and_then_has_failed(opening, told_open):
    switcher = started(GRASP)
    first = switcher.judge(at(1, opening=opening, told_open=told_open), chunk())
    assert first.state is State.RUNNING
    assert "hold nothing" in first.reason
    assert switcher.judge(at(2.4, opening=opening, told_open=told_open), chunk()).state is State.RUNNING
    assert switcher.judge(at(2.6, opening=opening, told_open=told_open), chunk()).state is State.FAILED
    again = started(GRASP)
    again.judge(at(1, opening=opening, told_open=told_open), chunk())
    assert again.judge(at(1.8), chunk()).state is State.REACHED


def test_what_slips_out_on_the_way_is_lost_at_once():
    switcher = started(PLACE)
    assert switcher.judge(at(1), chunk(done=False)).state is State.RUNNING
    lost = switcher.judge(at(1.4, opening=0.01), chunk(done=False))
    assert lost.state is State.FAILED
    assert "lost the blue mug" in lost.reason


def test_a_hand_that_never_held_anything_has_lost_nothing():
    """A drawer is shut with closed fingers, and a placing may begin with a measurement of before."""
    assert started("close the drawer").judge(at(1, opening=0.0), chunk(done=False)).state is State.RUNNING
    assert started(PLACE).judge(at(1, opening=0.0), chunk(done=False)).state is State.RUNNING


def test_a_placing_has_failed_when_the_thing_is_seen_elsewhere_and_not_when_it_is_where_it_should_be():
    away = started(PLACE, Finds(now=0.2, shown=0.7)).judge(at(1, opening=1.0, told_open=True), chunk())
    assert away.state is State.FAILED
    assert "the blue mug is seen elsewhere" in away.reason
    there = started(PLACE, Finds(now=0.65, shown=0.7)).judge(at(1, opening=1.0, told_open=True), chunk())
    assert there.state is State.REACHED


@pytest.mark.parametrize(
    "text", ["place the blue mug on the red cube", "place the blue mug in the left drawer"]
)
def test_it_does_not_look_where_a_detector_sees_badly(text):
    finder = Finds(now=0.2, shown=0.7)
    assert started(text, finder).judge(at(1, opening=1.0, told_open=True), chunk()).state is State.REACHED
    assert finder.asked == []
    lost = started(text, finder)
    lost.judge(at(1), chunk(done=False))
    assert lost.judge(at(1.4, opening=0.01), chunk(done=False)).state is State.FAILED


def test_a_weak_sight_a_goal_without_image_and_no_finder_give_no_doubt():
    seen = at(1, opening=1.0, told_open=True)
    assert started(PLACE, Finds(0.2, 0.7, score=0.2)).judge(seen, chunk()).state is State.REACHED
    assert started(PLACE, Finds(0.2, 0.7), image=False).judge(seen, chunk()).state is State.REACHED
    assert started(PLACE).judge(seen, chunk()).state is State.REACHED


def test_it_looks_only_when_something_is_called_done_and_at_the_goal_once():
    finder = Finds(now=0.7, shown=0.7)
    switcher = started(PLACE, finder)
    switcher.judge(at(1), chunk(done=False))
    assert finder.asked == []
    for _ in range(2):
        switcher.judge(at(2, opening=1.0, told_open=True), chunk())
    assert finder.asked == ["blue mug"] * 3
    other = Finds(now=0.1, shown=0.9)
    assert started(OPEN, other).judge(at(1, opening=1.0, told_open=True), chunk()).state is State.REACHED
    assert other.asked == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (GRASP, Sentence("grasp", "blue mug")),
        (PLACE, Sentence("place", "blue mug", "in", "tray")),
        ("Place the blue mug on the red cube", Sentence("place", "blue mug", "on", "red cube")),
        ("place the blue mug in the left drawer", Sentence("place", "blue mug", "in", "left drawer")),
        (OPEN, Sentence("open", "drawer")),
        ("wait", Sentence("wait", "")),
    ],
)
def test_a_sentence_in_its_parts(text, parts):
    assert parse(text) == parts
