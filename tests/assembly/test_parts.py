"""All parts at once: one detector for all, a memory that is closed, the truth only from an oracle."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.mocks import MockDetector, MockPlanner, MockPolicy, MockRobot, MockSwitcher, MockWorldModel
from vista import Refs, load_parts
from vista.assembly import loading
from vista.assembly.parts import PartsLoader, default_motion
from vista.errors import ConfigError
from vista.executor.latency_compensation import EXECUTE_ROWS
from vista.loop import MotionParts
from vista.protocols import Policy
from vista.robot.contract import load_robot
from vista.robot.retreat import Retreat
from vista.skill import Skill, Verb

WORDS = Refs(policy="mock", world_model="mock", planner="whole", detector="none", switcher="scripted")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    from robomemory.embed.embedder import HashingEmbedder

    monkeypatch.setattr(loading, "embedder", lambda name="": HashingEmbedder())


@dataclass
class Knowing:
    """An oracle that gives mocks, and counts how often it is asked."""

    skills: tuple[Skill, ...] = (Skill(Verb.GRASP, "mug"),)
    asked: list[str] = field(default_factory=list)

    def policy(self) -> MockPolicy:
        self.asked.append("policy")
        return MockPolicy()

    def world_model(self) -> MockWorldModel:
        self.asked.append("world_model")
        return MockWorldModel()

    def detector(self) -> MockDetector:
        self.asked.append("detector")
        return MockDetector()


def test_a_memory_of_its_own_is_closed_with_the_block_and_a_given_one_is_not():
    from robomemory.errors import MemoryClosedError

    robot = MockRobot()
    with load_parts(robot, refs=WORDS) as parts:
        own = parts.memory
        assert own is not None
    with pytest.raises(MemoryClosedError):
        own.recall(["where is the mug"])
    with loading.open_memory() as memory:
        with load_parts(robot, refs=WORDS, memory=memory) as parts:
            assert parts.memory is memory
        memory.recall(["where is the mug"])


def test_subgoals_are_pursued_as_the_executor_was_measured():
    robot = MockRobot()
    with load_parts(robot, refs=WORDS) as parts:
        assert isinstance(parts.pursue, MotionParts)
        assert parts.pursue.robot is parts.robot is robot
        motion = default_motion(load_robot("panda"))
        assert parts.pursue.settings == motion
    assert motion.execute_rows == EXECUTE_ROWS
    assert motion.retreat == Retreat()


@pytest.mark.parametrize(
    ("refs", "said"),
    [
        (Refs("scripted", "mock", "whole", "none", "scripted"), "executor 'scripted'"),
        (Refs("mock", "oracle", "whole", "none", "scripted"), "world model 'oracle'"),
        (Refs("mock", "mock", "whole", "oracle", "scripted"), "detector 'oracle'"),
    ],
)
def test_a_part_that_reads_the_truth_needs_an_oracle(refs: Refs, said: str):
    with (
        pytest.raises(ConfigError, match=f"{said} reads the simulator's truth"),
        load_parts(MockRobot(), refs=refs),
    ):
        pass


def test_the_oracle_is_asked_for_each_episode_and_other_parts_are_kept():
    loader = PartsLoader(Refs("scripted", "mock", "scripted", "oracle", "scripted"), load_robot("panda"))
    first, second = Knowing(), Knowing()
    one, two = (loader.parts(MockRobot(), None, oracle) for oracle in (first, second))
    assert first.asked == second.asked == ["detector", "policy"]
    assert one.detector is not two.detector
    assert one.world_model is two.world_model  # it holds nothing of an episode
    assert isinstance(one.pursue, MotionParts)
    assert isinstance(two.pursue, MotionParts)
    assert one.pursue.guard is two.pursue.guard


def test_the_policy_of_each_episode_is_wrapped_and_the_model_is_loaded_once():
    wrapped: list[Policy] = []

    def wrap(policy: Policy) -> Policy:
        wrapped.append(policy)
        return MockPolicy()

    loader = PartsLoader(WORDS, load_robot("panda"), wrap=wrap)
    parts = [loader.parts(MockRobot(), None) for _ in range(2)]
    assert wrapped[0] is wrapped[1]
    assert parts[0].pursue != parts[1].pursue


def test_one_detector_serves_every_part(monkeypatch: pytest.MonkeyPatch):
    given = {}

    def planner(ref: object, *, detector: object, **_: object) -> MockPlanner:
        given["planner"] = detector
        return MockPlanner()

    def switcher(ref: object, *, detector: object, **_: object) -> MockSwitcher:
        given["switcher"] = detector
        return MockSwitcher()

    for name, load in (("planner", planner), ("switcher", switcher)):
        monkeypatch.setattr(loading, f"load_{name}", load)
    refs = Refs(policy="mock", world_model="mock", detector="oracle")
    with load_parts(MockRobot(), refs=refs, oracle=Knowing()) as parts:
        assert parts.detector is not None
        assert set(map(id, given.values())) == {id(parts.detector)}
        assert len(given) == 2
