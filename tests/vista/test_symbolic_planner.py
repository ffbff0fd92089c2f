"""The planner over memory in the loop: each question for the next subtask tells it how the last one ended."""

from __future__ import annotations

import numpy as np
import pytest

from robomemory import HashingEmbedder, Memory, RoboMemory
from robomemory.planning.manipulation import BENCHTOP
from robomemory.planning.planner import MemoryPlanner
from tests.conformance.implementations import observation
from tests.mocks import MockItem, MockMemory
from vista.errors import ConfigError
from vista.perception import DetectorBase
from vista.planner.instruction.values import Understood
from vista.planner.symbolic.planner import FixedPlanner, RememberingPlanner, engine
from vista.protocols import Critic, Planner
from vista.robot.contract import load_robot
from vista.skill import Relation, Skill, Verb
from vista.types import (
    Answered,
    Cause,
    Detection,
    Done,
    Impossible,
    Question,
    Refusal,
    State,
    Subtask,
    SubtaskResult,
)

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


def test_it_says_what_it_does_not_understand():
    planner = RememberingPlanner(None, Eyes(tray=(0.6, 0.15, 0.0)), PLACES)
    answer = planner.next(observation(load_robot("panda")), "sing a song", ())
    assert isinstance(answer, Impossible)
    assert answer.why is Refusal.UNKNOWN_ACTION
    assert "no skill does 'sing'" in answer.reason


@pytest.mark.parametrize(
    "says",
    [
        "move the red cube 10 cm to the left",
        "put the red cube behind the tray",
        "put the red cube in the back left corner",
    ],
)
def test_a_free_point_of_the_table_is_understood_and_refused(says: str):
    planner = RememberingPlanner(None, Eyes(red_cube=(0.5, -0.1, 0.02), tray=(0.6, 0.15, 0.0)), PLACES)
    obs = observation(load_robot("panda"))
    assert isinstance(planner.reading(obs, says), Understood)
    answer = planner.next(obs, says, ())
    assert isinstance(answer, Impossible)
    assert answer.why is Refusal.IMPOSSIBLE
    assert "not possible yet" in answer.reason


def test_two_that_fit_are_a_question_with_their_positions():
    eyes = Eyes(red_cube=(0.5, -0.1, 0.02), blue_cube=(0.5, 0.1, 0.02), tray=(0.6, 0.15, 0.0))
    asked = RememberingPlanner(None, eyes, PLACES).next(
        observation(load_robot("panda")), "put the cube in the tray", ()
    )
    assert isinstance(asked, Question)
    assert [(o.name, o.where) for o in asked.options] == [
        ("blue cube", "on the left"), ("red cube", "on the right"),
    ]  # fmt: skip
    assert np.allclose(asked.options[0].position, [0.5, 0.1, 0.02])


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("where is the red cube?", "red cube is in"),
        ("what is in the tray?", "red cube"),
        ("what can you see?", "the blue mug, the red cube"),
        ("how many things are on the table?", "2"),
        ("is there a green ball?", "No"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("remembers", [True, False])
def test_a_question_is_answered_and_nothing_moves(says: str, told: str, remembers: bool):
    obs = observation(load_robot("panda"))
    eyes = Eyes(red_cube=(0.6, 0.15, 0.02), blue_mug=(0.5, -0.1, 0.02), tray=(0.6, 0.15, 0.0))
    with RoboMemory(":memory:", embedder=HashingEmbedder()) as memory:
        asks = Memory.over(memory) if remembers else None
        planner = RememberingPlanner(memory if remembers else None, eyes, PLACES, answerer=asks)
        answer = planner.next(obs, says, ())
    assert isinstance(answer, Answered), answer
    assert told.lower() in answer.text.lower()


def test_what_was_told_and_what_was_moved_last_are_names():
    obs = observation(load_robot("panda"))
    eyes = Eyes(red_cube=(0.5, -0.1, 0.02), blue_cube=(0.5, 0.1, 0.02), tray=(0.6, 0.15, 0.0))
    with RoboMemory(":memory:", embedder=HashingEmbedder()) as memory:
        MemoryPlanner(BENCHTOP, engine(), memory).hear("my cube is the blue cube", obs.stamp_ns)
        step = RememberingPlanner(memory, eyes, PLACES).next(obs, "put my cube in the tray", ())
    assert isinstance(step, Subtask)
    assert step.skill == Skill(Verb.GRASP, "blue cube")


def test_a_drawer_is_opened_and_then_cleared_of_what_is_seen_in_it():
    obs = observation(load_robot("panda"))
    eyes = Eyes(tray=(0.6, 0.15, 0.0))
    eyes.at["drawer"] = np.array([0.25 + 0.072, 0.0, 0.1])
    planner = RememberingPlanner(None, eyes, PLACES, fresh=True)
    says = "empty the drawer"
    step = planner.next(obs, says, ())
    assert step.skill == Skill(Verb.OPEN, "drawer")
    eyes.at["drawer"] = np.array([0.25 + 0.072 + 0.15, 0.0, 0.1])
    eyes.at["red cube"] = np.array([0.4, 0.0, 0.02])
    step = planner.next(obs, says, (), SubtaskResult(step, 0.0, 4.0, State.REACHED))
    assert step.skill == Skill(Verb.GRASP, "red cube")


class DimEyes(Eyes):
    """Overlooks the ball in the drawer, but finds it when asked for it."""

    exhaustive = False
    labels = frozenset({"yellow ball", "tray"})

    def find(self, obs, label):
        at, opening = (0.4, 0.0, 0.02), self.at["drawer"][0] - 0.25 - 0.072
        if label != "yellow ball" or opening < 0.1:
            return None
        return Detection(label, 0.1, np.array([0, 0, 1, 1], np.float32), np.array(at), 0.01)


def test_a_hidden_thing_is_looked_for_by_its_name():
    obs = observation(load_robot("panda"))
    eyes = DimEyes(tray=(0.6, 0.15, 0.0))
    eyes.at["drawer"] = np.array([0.25 + 0.072, 0.0, 0.1])
    planner = RememberingPlanner(None, eyes, PLACES, fresh=True)
    says = "put the yellow ball in the tray"
    step = planner.next(obs, says, ())
    assert step.skill == Skill(Verb.OPEN, "drawer")
    eyes.at["drawer"] = np.array([0.25 + 0.072 + 0.15, 0.0, 0.1])
    step = planner.next(obs, says, (), SubtaskResult(step, 0.0, 4.0, State.REACHED))
    assert step.skill == Skill(Verb.GRASP, "yellow ball")


class Head:
    """Proposes ``skill``, whatever is seen."""

    def __init__(self, skill: Skill) -> None:
        self.skill = skill
        self.told: list[str] = []

    def propose(self, obs, instruction: str) -> Skill:
        self.told.append(instruction)
        return self.skill


def test_the_head_chooses_among_steps_that_lead_to_the_goal():
    obs = observation(load_robot("panda"))
    eyes = Eyes(red_cube=(0.5, -0.1, 0.02), blue_cube=(0.5, 0.1, 0.02), tray=(0.6, 0.15, 0.0))
    says = "put all the cubes in the tray"
    firsts = set()
    for label in ("red cube", "blue cube"):
        head = Head(Skill(Verb.GRASP, label))
        step = RememberingPlanner(None, eyes, PLACES, fresh=True, head=head).next(obs, says, ())
        assert step.skill == head.skill
        assert head.told[0] in ("put the red cube in the tray", "put the blue cube in the tray")
        firsts.add(step.skill.thing)
    assert len(firsts) == 2


@pytest.mark.parametrize(
    "proposed",
    [
        Skill(Verb.GRASP, "green can"),
        Skill(Verb.PLACE, "red cube", Relation.IN, "tray"),
        Skill(Verb.OPEN, "drawer"),
    ],
)
def test_what_the_head_proposes_beside_the_plan_is_not_done(proposed: Skill):
    obs = observation(load_robot("panda"))
    eyes = Eyes(red_cube=(0.5, -0.1, 0.02), green_can=(0.5, 0.1, 0.02), tray=(0.6, 0.15, 0.0))
    planner = RememberingPlanner(None, eyes, PLACES, fresh=True, head=Head(proposed))
    step = planner.next(obs, "put the red cube in the tray", ())
    assert step.skill == Skill(Verb.GRASP, "red cube")


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


def test_the_default_plans_over_the_memory_where_the_detector_has_names_for_places():
    from vista.assembly import loading
    from vista.planner.head import HeadPlanner

    eyes = Eyes(red_cube=(0.5, -0.1, 0.02), tray=(0.6, 0.15, 0.0))
    planner = loading.load_planner(detector=eyes, places=PLACES)
    step = planner.next(observation(load_robot("panda")), "put the red cube in the tray", ())
    assert step.skill == Skill(Verb.GRASP, "red cube")
    assert isinstance(planner.chosen, RememberingPlanner)
    assert planner.review(observation(load_robot("panda")), "", step, ()) is None
    eyes.labels = frozenset({"red cube"})
    planner = loading.load_planner(detector=eyes, places=PLACES)
    assert isinstance(planner.chosen, HeadPlanner)
    assert planner.review(observation(load_robot("panda")), "", step, ()) is None
    assert isinstance(loading.load_planner(), HeadPlanner)


def test_a_memory_without_a_scene_is_refused_by_name():
    with pytest.raises(ConfigError, match="MockMemory has no scene"):
        RememberingPlanner(MockMemory(), Eyes(), PLACES)
