"""What is called done is doubted where the fingers hold nothing, or the thing is seen elsewhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.conformance.implementations import observation
from tests.mocks import mock_spec
from tests.tiny import panda
from vista.perception import DetectorBase
from vista.perception.grounding import Grounder
from vista.switcher import CalibratedSwitcher, DoubtingSwitcher, SwitcherConfig
from vista.types import ActionChunk, ActionSpace, Cause, Detection, ObjectKind, State, Subgoal, Subtask

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


class Finds(DetectorBase):
    """Sees a thing at ``now`` in the camera's image and at ``shown`` in the goal image, with ``score``; all
    is of ``kind``."""

    def __init__(
        self, now: float, shown: float, score: float = 0.9, kind: ObjectKind = ObjectKind.THING
    ) -> None:
        self.now, self.shown, self.score, self.asked = now, shown, score, list[str]()
        self.kind = kind

    def detect(self, obs):
        return []

    def find(self, obs, label):
        self.asked.append(label)
        x = self.shown if np.array_equal(obs.images["front"], GOAL) else self.now
        box = np.array([x - 0.02, 0.4, x + 0.02, 0.5], np.float32)
        return Detection(label, self.score, box, np.zeros(3), 0.01, "front", self.kind)


def started(text: str, detector: Finds | None = None, image: bool = True, places=None) -> DoubtingSwitcher:
    inner = CalibratedSwitcher(SwitcherConfig(threshold=0.7))
    switcher = DoubtingSwitcher(inner, detector)
    subtask, grounding = Subtask.said(text), None
    if subtask.skill is not None and detector is not None:
        grounder = Grounder(detector, panda().places if places is None else places)
        grounding = grounder.ground(at(0), subtask.skill)
        detector.asked.clear()
    images = {"front": GOAL} if image else {}
    switcher.reset(Subgoal(subtask, images, 1.0, 0, SECOND, grounding), SECOND)
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
    assert first.cause is Cause.NOT_HELD
    assert switcher.judge(at(2.4, opening=opening, told_open=told_open), chunk()).state is State.RUNNING
    last = switcher.judge(at(2.6, opening=opening, told_open=told_open), chunk())
    assert (last.state, last.cause) == (State.FAILED, Cause.NOT_HELD)
    again = started(GRASP)
    again.judge(at(1, opening=opening, told_open=told_open), chunk())
    assert again.judge(at(1.8), chunk()).state is State.REACHED


def test_what_slips_out_on_the_way_is_lost_at_once():
    switcher = started(PLACE)
    assert switcher.judge(at(1), chunk(done=False)).state is State.RUNNING
    lost = switcher.judge(at(1.4, opening=0.01), chunk(done=False))
    assert (lost.state, lost.cause) == (State.FAILED, Cause.NOT_HELD)
    assert "lost the blue mug" in lost.reason


def test_a_hand_that_never_held_anything_has_lost_nothing():
    """A drawer is shut with closed fingers, and a placing may begin with a measurement of before."""
    assert started("close the drawer").judge(at(1, opening=0.0), chunk(done=False)).state is State.RUNNING
    assert started(PLACE).judge(at(1, opening=0.0), chunk(done=False)).state is State.RUNNING


def test_a_placing_has_failed_when_the_thing_is_seen_elsewhere_and_not_when_it_is_where_it_should_be():
    away = started(PLACE, Finds(now=0.2, shown=0.7)).judge(at(1, opening=1.0, told_open=True), chunk())
    assert (away.state, away.cause) == (State.FAILED, Cause.SEEN_ELSEWHERE)
    assert "the blue mug is seen elsewhere" in away.reason
    there = started(PLACE, Finds(now=0.65, shown=0.7)).judge(at(1, opening=1.0, told_open=True), chunk())
    assert (there.state, there.cause) == (State.REACHED, Cause.REACHED)


@pytest.mark.parametrize(
    "text", ["place the blue mug on the red cube", "place the blue mug in the left drawer"]
)
def test_it_does_not_look_where_a_detector_sees_badly(text):
    detector = Finds(now=0.2, shown=0.7)
    assert started(text, detector).judge(at(1, opening=1.0, told_open=True), chunk()).state is State.REACHED
    assert detector.asked == []
    lost = started(text, detector)
    lost.judge(at(1), chunk(done=False))
    assert lost.judge(at(1.4, opening=0.01), chunk(done=False)).state is State.FAILED


def test_a_weak_sight_a_goal_without_image_and_no_detector_give_no_doubt():
    seen = at(1, opening=1.0, told_open=True)
    assert started(PLACE, Finds(0.2, 0.7, score=0.2)).judge(seen, chunk()).state is State.REACHED
    assert started(PLACE, Finds(0.2, 0.7), image=False).judge(seen, chunk()).state is State.REACHED
    assert started(PLACE).judge(seen, chunk()).state is State.REACHED


def test_it_looks_only_when_something_is_called_done_and_at_the_goal_once():
    detector = Finds(now=0.7, shown=0.7)
    switcher = started(PLACE, detector)
    switcher.judge(at(1), chunk(done=False))
    assert detector.asked == []
    for _ in range(2):
        switcher.judge(at(2, opening=1.0, told_open=True), chunk())
    assert detector.asked == ["blue mug"] * 3
    other = Finds(now=0.1, shown=0.9)
    assert started(OPEN, other).judge(at(1, opening=1.0, told_open=True), chunk()).state is State.REACHED
    assert other.asked == []


OPENED = at(1, opening=1.0, told_open=True)


@pytest.mark.parametrize(("kind", "doubted"), [(ObjectKind.CONTAINER, True), (ObjectKind.THING, False)])
def test_a_container_that_the_contract_does_not_know_is_one_if_the_detector_says_so(kind, doubted):
    detector = Finds(0.2, 0.7, kind=kind)
    answer = started("place the blue mug in the bowl", detector, places={}).judge(OPENED, chunk())
    assert answer.state is (State.FAILED if doubted else State.REACHED)
    assert detector.asked == (["blue mug"] * 2 if doubted else [])


def test_a_container_of_the_contract_needs_no_certain_name():
    places = {"bin": dataclasses.replace(panda().places["tray"], name="bin")}
    answer = started("place the blue mug in the bin", Finds(0.2, 0.7), places=places).judge(OPENED, chunk())
    assert answer.cause is Cause.SEEN_ELSEWHERE


@pytest.mark.parametrize(
    "sentence", ["put it where it belongs", "put the blue mug in the tray, then the red cube"]
)
def test_a_sentence_that_is_no_skill_is_not_checked(sentence):
    detector = Finds(0.2, 0.7)
    switcher = started(sentence, detector)
    assert switcher.judge(at(1), chunk(done=False)).state is State.RUNNING
    assert switcher.judge(at(1.4, opening=0.0), chunk()).state is State.REACHED
    assert detector.asked == []
