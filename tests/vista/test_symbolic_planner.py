"""The planner over memory in the loop: each question for the next subtask tells it how the last one ended."""

from __future__ import annotations

import numpy as np
import pytest

from robomemory import HashingEmbedder, RoboMemory
from tests.conformance.implementations import observation
from tests.mocks import MockItem, MockMemory
from vista.errors import ConfigError
from vista.perception import DetectorBase
from vista.planner.symbolic.planner import FixedPlanner, RememberingPlanner, phrases
from vista.protocols import Critic, Planner
from vista.robot.contract import load_robot
from vista.skill import Relation, Skill, Verb
from vista.types import Cause, Detection, Done, Impossible, State, Subtask, SubtaskResult

pytest.importorskip("unified_planning")
PLACES = load_robot("panda").places


class Eyes(DetectorBase):
    """An exact detector that sees what ``at`` says."""

    exhaustive = True

    def __init__(self, **at: tuple[float, float, float]) -> None:
        self.at = {name.replace("_", " "): np.array(place) for name, place in at.items()}

    def detect(self, obs):
        box = np.array([0, 0, 1, 1], np.float32)
        return [Detection(name, 1.0, box, place, 0.01) for name, place in self.at.items()]


def failed(step: Subtask, reason: str) -> SubtaskResult:
    return SubtaskResult(step, 0.0, 2.0, State.FAILED, reason, 0.5, Cause.NOT_HELD)


def test_it_plans_explains_criticises_and_remembers():
    obs = observation(load_robot("panda"))
    eyes = Eyes(red_cube=(0.5, -0.1, 0.02), tray=(0.6, 0.15, 0.0))
    with RoboMemory(":memory:", embedder=HashingEmbedder()) as memory:
        planner = RememberingPlanner(memory, eyes, PLACES)
        assert isinstance(planner, Planner)
        assert isinstance(planner, Critic)
        says = "put the red cube in the tray"
        planner.reset()
        first = planner.next(obs, says, ())
        assert isinstance(first, Subtask)
        assert (first.skill, first.index) == (Skill(Verb.GRASP, "red cube"), 0)
        assert first.why
        planner.reset()  # it failed
        again = planner.next(obs, says, (), failed(first, "the fingers hold nothing"))
        assert isinstance(again, Subtask)
        assert again.skill == first.skill
        eyes.at["red cube"] = np.array([0.6, 0.15, 0.02])
        assert isinstance(planner.next(obs, says, ()), Done)
        told = [record.text for record in memory.records("episodic")]
        assert told[0].startswith(f"{says}: success")
        assert "failed step: grasp | red cube | on table" in told[0]
        assert "'grasp the red cube' failed: the fingers hold nothing" in told[0]


def test_the_cause_of_a_failure_is_that_of_the_last_subtask_whatever_is_recalled(monkeypatch):
    obs = observation(load_robot("panda"))
    planner = RememberingPlanner(None, Eyes(red_cube=(0.5, -0.1, 0.02), tray=(0.6, 0.15, 0.0)), PLACES)
    causes: list[tuple[bool, str]] = []
    result = planner._core.result

    def heard(step, reached, cause, before, after):
        causes.append((reached, cause))
        result(step, reached, cause, before, after)

    monkeypatch.setattr(planner._core, "result", heard)
    says, noise = "put the red cube in the tray", [MockItem("the moon is full", "semantic", 1.0)]
    step = planner.next(obs, says, noise)
    planner.reset()
    step = planner.next(obs, says, noise, failed(step, "the fingers hold nothing"))
    planner.reset()  # a critic of somebody else rejected it
    step = planner.next(obs, says, noise, None)
    planner.next(obs, says, noise, SubtaskResult(step, 2.0, 4.0, State.REACHED))
    assert causes == [
        (False, "'grasp the red cube' failed: the fingers hold nothing"),
        (False, "another critic rejected it"),
        (True, ""),
    ]


def test_it_rejects_only_what_it_proposed():
    obs = observation(load_robot("panda"))
    planner = RememberingPlanner(None, Eyes(red_cube=(0.5, -0.1, 0.02), tray=(0.6, 0.15, 0.0)), PLACES)
    says = "put the red cube in the tray"
    step = planner.next(obs, says, ())
    assert planner.review(obs, says, step, ()) is None
    assert planner.review(obs, says, Subtask("grasp the red cube"), ()) is None


def test_a_fixed_plan_is_one_of_skills():
    obs = observation(load_robot("panda"))
    planner = FixedPlanner(Eyes(red_cube=(0.5, -0.1, 0.02), tray=(0.6, 0.15, 0.0)), PLACES)
    says = "put the red cube in the tray"
    steps = [planner.next(obs, says, ()) for _ in range(3)]
    assert [step.skill for step in steps[:2]] == [
        Skill(Verb.GRASP, "red cube"), Skill(Verb.PLACE, "red cube", Relation.IN, "tray"),
    ]  # fmt: skip
    assert isinstance(steps[2], Done)


def test_a_grasp_out_of_a_drawer_is_a_grasp():
    obs = observation(load_robot("panda"))
    eyes = Eyes(red_cube=(0.4, 0.0, 0.02), tray=(0.6, 0.15, 0.0))
    eyes.at["drawer"] = np.array([0.25 + 0.072 + 0.15, 0.0, 0.1])
    step = RememberingPlanner(None, eyes, PLACES).next(obs, "put the red cube in the tray", ())
    assert step.skill == Skill(Verb.GRASP, "red cube")
    eyes.at["drawer"] = np.array([0.25 + 0.072, 0.0, 0.1])
    step = RememberingPlanner(None, eyes, PLACES).next(obs, "open the drawer", ())
    assert step.skill == Skill(Verb.OPEN, "drawer")


class MisnamingEyes(Eyes):
    """Takes the orange box for a cube, but finds it when asked for it."""

    exhaustive = False

    def find(self, obs, label):
        named = {"orange box": "orange cube", "red cube": "red cube"}
        if label not in named:
            return None
        score = 0.9 if named[label] == label else 0.1
        return Detection(label, score, np.array([0, 0, 1, 1], np.float32), self.at[named[label]], 0.01)


def test_a_place_that_is_misnamed_is_looked_for_by_its_name():
    eyes = MisnamingEyes(red_cube=(0.5, -0.1, 0.02), orange_cube=(0.6, 0.15, 0.02))
    planner = RememberingPlanner(None, eyes, PLACES, fresh=True)
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
    planner = RememberingPlanner(None, Eyes(tray=(0.6, 0.15, 0.0)), PLACES)
    answer = planner.next(observation(load_robot("panda")), "sing a song", ())
    assert isinstance(answer, Impossible)
    assert "not understood" in answer.reason


@pytest.mark.parametrize(("fresh", "name"), [(False, "memory"), (True, "fresh")])
def test_it_needs_eyes(fresh: bool, name: str):
    with pytest.raises(ConfigError, match=f"planner '{name}'.*detector"):
        RememberingPlanner(None, None, PLACES, fresh=fresh)
    with pytest.raises(ConfigError, match=r"planner 'fixed'.*detector"):
        FixedPlanner(None, PLACES)


def test_the_words_of_a_reference_make_these_planners_and_their_critic():
    from vista.assembly import loading

    eyes = Eyes(tray=(0.6, 0.15, 0.0))
    for word, kind in (
        ("memory", RememberingPlanner),
        ("fresh", RememberingPlanner),
        ("fixed", FixedPlanner),
    ):
        planner = loading.load_planner(word, detector=eyes, places=PLACES)
        assert isinstance(planner, kind)
        assert (loading.load_critic(planner=planner) is planner) == (kind is RememberingPlanner)
    assert loading.load_critic(planner=loading.load_planner("scripted")) is None


def test_a_memory_without_a_scene_is_refused_by_name():
    with pytest.raises(ConfigError, match="MockMemory has no scene"):
        RememberingPlanner(MockMemory(), Eyes(), PLACES)
