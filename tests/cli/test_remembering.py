"""The planner over memory in the loop: asked for the next subtask, told by the next question how it went."""

from __future__ import annotations

import numpy as np
import pytest

from robomemory import HashingEmbedder, RoboMemory
from tests.conformance.implementations import observation
from tests.mocks import MockItem
from vista.assembly import loading
from vista.errors import ConfigError
from vista.planner.symbolic.planner import phrases
from vista.protocols import Critic, Explains, Planner
from vista.robot.contract import load_robot
from vista.types import Detection, Done, Impossible, Subtask

pytest.importorskip("unified_planning")


class Eyes:
    """A detector that sees what ``at`` says."""

    def __init__(self, **at: tuple[float, float, float]) -> None:
        self.at = {name.replace("_", " "): np.array(place) for name, place in at.items()}

    def detect(self, obs):
        box = np.array([0, 0, 1, 1], np.float32)
        return [Detection(name, 1.0, box, place, 0.01) for name, place in self.at.items()]


def test_it_plans_explains_criticises_and_remembers():
    obs = observation(load_robot("panda"))
    eyes = Eyes(red_cube=(0.5, -0.1, 0.02), tray=(0.6, 0.15, 0.0))
    with RoboMemory(":memory:", embedder=HashingEmbedder()) as memory:
        planner = loading.load_planner("memory", finder=eyes, memory=memory)
        assert isinstance(planner, Planner)
        assert isinstance(planner, Explains)
        critic = loading.load_critic(planner=planner)
        assert isinstance(critic, Critic)
        says = "put the red cube in the tray"
        planner.reset()
        first = planner.next(obs, says, ())
        assert isinstance(first, Subtask)
        assert (first.text, first.index) == ("grasp the red cube", 0)
        planner.reset()  # it failed
        again = planner.next(obs, says, [MockItem("the grasp failed", "temporal", 1.0)])
        assert isinstance(again, Subtask)
        assert again.text == first.text
        eyes.at["red cube"] = np.array([0.6, 0.15, 0.02])
        assert isinstance(planner.next(obs, says, ()), Done)
        told = [record.text for record in memory.records("episodic")]
        assert told[0].startswith(f"{says}: success")
        assert "failed step: grasp | red cube | on table" in told[0]


class MisnamingEyes(Eyes):
    """Takes the orange box for a cube, but finds it when asked for it."""

    def find(self, obs, label):
        named = {"orange box": "orange cube", "red cube": "red cube"}
        if label not in named:
            return None
        score = 0.9 if named[label] == label else 0.1
        return Detection(label, score, np.array([0, 0, 1, 1], np.float32), self.at[named[label]], 0.01)


def test_a_place_that_is_misnamed_is_looked_for_by_its_name():
    eyes = MisnamingEyes(red_cube=(0.5, -0.1, 0.02), orange_cube=(0.6, 0.15, 0.02))
    planner = loading.load_planner("fresh", finder=eyes)
    obs = observation(load_robot("panda"))
    step = planner.next(obs, "put the red cube on the orange box", ())
    assert isinstance(step, Subtask), step
    assert step.text == "grasp the red cube"
    absent = planner.next(obs, "put the red cube on the green box", ())
    assert isinstance(absent, Impossible)
    assert "'green box'" in absent.reason


@pytest.mark.parametrize(
    ("instruction", "named"),
    [
        ("put the red cube on the orange box", ["red cube", "orange box"]),
        ("Open the drawer, put the blue mug in, close it.", ["blue mug"]),
        ("take a red can out of the left drawer and put it in my tray", ["red can", "left drawer"]),
        ("open it", []),
    ],
)
def test_phrases_of_an_instruction(instruction: str, named: list[str]):
    assert phrases(instruction) == named


def test_it_says_what_it_does_not_understand():
    planner = loading.load_planner("memory", finder=Eyes(tray=(0.6, 0.15, 0.0)))
    answer = planner.next(observation(load_robot("panda")), "sing a song", ())
    assert isinstance(answer, Impossible)
    assert "not understood" in answer.reason


def test_it_needs_eyes():
    with pytest.raises(ConfigError, match="detector"):
        loading.load_planner("memory")


def test_without_a_planner_of_its_own_there_is_no_critic():
    assert loading.load_critic(planner=loading.load_planner("scripted")) is None
