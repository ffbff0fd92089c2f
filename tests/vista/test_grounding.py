"""Where the thing and the place of a skill are: asked once, and handed on by the loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests import mocks
from tests.conformance.implementations import observation
from tests.mocks import mock_spec
from tests.tiny import panda
from vista.errors import InvalidValueError
from vista.loop import Parts, run_task
from vista.perception import DetectorBase
from vista.perception.grounding import HAND_M, UPON_M, Grounder
from vista.skill import Relation, Skill, Verb
from vista.types import Detection, Ground, GroundedBy, Grounding, ObjectKind, Progress, State

MUG, TRAY = "blue mug", "tray"


class Sees(DetectorBase):
    """Sees a blue mug and a tray; ``asked``: (name, height) of each map."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, float | None]] = []

    def detect(self, obs):
        box = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
        mug = Detection(MUG, 0.75, box, np.array([0.5, 0.1, 0.02]), 0.01, by=GroundedBy.EXEMPLAR)
        tray = Detection(TRAY, 0.9, box, np.array([0.4, -0.1, 0.0]), 0.01, kind=ObjectKind.CONTAINER)
        return [mug, tray]

    def evidence(self, obs, label, above_m=None):
        self.asked.append((label, above_m))
        return np.full((4, 4), 0.5 if above_m is None else above_m, np.float32)


@pytest.fixture
def obs():
    return observation(mock_spec())


def test_a_grasp_ends_where_the_thing_is_seen(obs):
    found = Grounder(Sees()).ground(obs, Skill(Verb.GRASP, MUG))
    assert found.thing is not None
    assert (found.thing.name, found.thing.by, found.thing.score) == (MUG, GroundedBy.EXEMPLAR, 0.75)
    np.testing.assert_allclose(found.thing.position, [0.5, 0.1, 0.02])
    assert found.place is None
    for each in (found.thing_end, found.hand_end, found.thing.evidence):
        assert (np.asarray(each) == 0.5).all()


def test_a_thing_that_is_put_on_another_ends_above_it(obs):
    detector = Sees()
    found = Grounder(detector).ground(obs, Skill(Verb.PLACE, "red cube", Relation.ON, MUG))
    assert found.thing is None  # it is in the hand
    assert found.place is not None
    assert found.place.name == MUG
    assert np.asarray(found.thing_end).max() == pytest.approx(UPON_M)
    assert np.asarray(found.hand_end).max() == pytest.approx(HAND_M)


def test_a_container_is_what_the_contract_or_the_detector_says(obs):
    into = Skill(Verb.PLACE, MUG, Relation.IN, TRAY)
    assert Grounder(Sees()).ground(obs, into).place.kind is ObjectKind.CONTAINER
    unseen = Skill(Verb.PLACE, MUG, Relation.IN, "left drawer")
    found = Grounder(Sees(), panda().places).ground(obs, unseen)
    assert (found.place.by, found.place.kind, found.place.position) == (
        GroundedBy.CONTRACT, ObjectKind.HANDLE, None,
    )  # fmt: skip
    assert Grounder(Sees()).ground(obs, unseen) == Grounding()
    assert found.thing_end is None


def test_the_loop_grounds_each_attempt_once_and_hands_it_on():
    detector, model, told = Sees(), mocks.MockWorldModel(0.1, 0.9), []

    def pursue(subgoal, listener, should_stop):
        told.append(subgoal.grounding)
        return Progress(State.REACHED, 1.0)

    steps = ["grasp the blue mug"]
    robot = mocks.MockRobot()
    parts = Parts(robot, mocks.MockPlanner(*steps), model, pursue, detector=detector)
    run_task(parts, "take the blue mug")
    assert len(told) == 1
    assert told[0].thing.name == MUG
    assert detector.asked == [(MUG, None)]
    assert all(each is model.groundings[0] for each in model.groundings)


@pytest.mark.parametrize(
    "wrong", [{"name": " "}, {"by": "hearsay"}, {"score": 1.5}, {"position": [0, 1]}, {"box": [0, 1]},
              {"evidence": np.ones((2, 3))}, {"evidence": np.full((2, 2), 1.5)}, {"sigma_m": -1.0}],
)  # fmt: skip
def test_what_is_no_ground_is_named(wrong):
    ground = Ground(MUG, GroundedBy.DETECTOR)
    with pytest.raises(InvalidValueError, match=f"Ground.{next(iter(wrong))}"):
        replace(ground, **wrong)
    with pytest.raises(InvalidValueError, match="thing"):
        Grounding(thing="the mug")
    with pytest.raises(InvalidValueError, match="hand_end"):
        Grounding(hand_end=np.zeros((1, 2)))
