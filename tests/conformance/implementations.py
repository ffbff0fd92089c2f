"""Every implementation of every protocol, as factories. A new one adds a line here and is tested.

A factory is called once per test and returns a fresh object. Import inside it whatever is heavy, and call
``pytest.importorskip`` there for what is optional, so that this file stays importable with numpy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import pytest

from tests import mocks
from vista.guard import SafetyGuard
from vista.planner.whole import WholePlanner
from vista.protocols import Detector, Guard, Memory, Planner, Policy, Robot, Switcher, WorldModel
from vista.types import ActionSpace, Observation, Pose, RobotSpec, Subgoal, Subtask

if TYPE_CHECKING:
    from vista_sim.tasks import Task
    from vista_sim.world import World

T = TypeVar("T")


@dataclass(frozen=True)
class Case(Generic[T]):
    """One implementation.

    ``make`` builds it; ``spec`` is the robot it is for, from which the tests make observations of the
    right shape; ``instruction`` and ``subtask`` are sentences it should understand; ``close`` frees what
    it holds.
    """

    name: str
    make: Callable[[], T]
    spec: Callable[[], RobotSpec] = mocks.mock_spec
    instruction: str = "put the blue mug in the tray"
    subtask: str = "grasp the blue mug"
    close: Callable[[T], None] = lambda _: None


def observation(spec: RobotSpec, stamp_ns: int = 1_000_000_000, seed: int = 0) -> Observation:
    """A valid observation of ``spec`` at its home, in the middle of its workspace; images are noise."""
    rng = np.random.default_rng(seed)
    images = {
        name: rng.integers(0, 256, (camera.height, camera.width, 3), np.uint8)
        for name, camera in spec.cameras.items()
    }
    return Observation(
        stamp_ns=stamp_ns,
        images=images,
        joint_pos=spec.home,
        joint_vel=np.zeros(len(spec.home)),
        gripper=1.0,
        ee_pose=Pose(spec.workspace.mean(axis=0), mocks.DOWN),
    )


def subgoal(case: Case[T], obs: Observation) -> Subgoal:
    """A subgoal for ``case`` whose images are other noise than ``obs``."""
    images = observation(case.spec(), seed=1).images
    return Subgoal(Subtask(case.subtask), images, 0.9, 0, obs.stamp_ns)


def tiny(name: str, **how: object) -> Callable[[], Any]:
    """Makes a tiny, untrained network behind its protocol (``tests/tiny.py``)."""

    def make() -> Any:
        for package in ("torch", "transformers", "diffusers", "mujoco", "mink"):
            pytest.importorskip(package)
        from tests import tiny

        return getattr(tiny, name)(**how)

    return make


def panda() -> RobotSpec:
    from vista.robots import load_robot

    return load_robot("panda")


@cache
def _kinematics() -> Any:
    from vista.kinematics import Kinematics

    return Kinematics(panda())


def simulated() -> tuple[World, Task]:
    """A simulated table with a blue mug on it."""
    pytest.importorskip("mujoco")
    from vista.splits import load_splits
    from vista_sim.tasks import Choice, make_task
    from vista_sim.world import World

    splits = load_splits()
    task = make_task("pick_place", 1, Choice(splits.demo_objects, splits.demo_patterns), "blue mug")
    world = World(task.scene, panda(), _kinematics())
    task.prepare(world)
    return world, task


def _sim_robot() -> Robot:
    from vista_sim.robot import SimRobot

    return SimRobot(simulated()[0])


def _scripted_policy() -> Policy:
    from vista.cli.scripted import ScriptedPolicy

    return ScriptedPolicy(*simulated())


def _scripted_planner() -> Planner:
    from vista.cli.scripted import ScriptedPlanner

    return ScriptedPlanner()


def _oracle_world_model() -> WorldModel:
    from vista_sim.oracle import OracleWorldModel

    return OracleWorldModel(*simulated())


def _oracle_detector() -> Detector:
    from vista.cli.scripted import OracleDetector

    return OracleDetector(simulated()[0])


def _switcher() -> Switcher:
    from vista.switcher import CalibratedSwitcher, SwitcherConfig

    return CalibratedSwitcher(SwitcherConfig((0.8, 0.5, -1.0, -0.5, 0.0, 0.1), -1.0, 0.6, patience=2))


def _robomemory() -> Memory:
    pytest.importorskip("faiss")
    from robomemory.embedding import HashingEmbedder
    from robomemory.memory import RoboMemory

    return RoboMemory(":memory:", embedder=HashingEmbedder())


def _close(thing: Any) -> None:
    thing.close()


ROBOTS: Sequence[Case[Robot]] = [
    Case("mock", mocks.MockRobot),
    Case("simulated", _sim_robot, spec=panda, close=_close),
]

POLICIES: Sequence[Case[Policy]] = [
    Case("mock", mocks.MockPolicy),
    Case("goal vla", tiny("policy"), spec=panda),
    Case("goal vla, words alone", tiny("policy", goal_image=False), spec=panda),
    Case("goal vla, no words", tiny("policy", told="none"), spec=panda),
    Case("scripted", _scripted_policy, spec=panda),
]

PLANNERS: Sequence[Case[Planner]] = [
    Case("mock", lambda: mocks.MockPlanner("grasp the blue mug", "place the blue mug in the tray")),
    Case("head", tiny("planner"), spec=panda),
    Case("scripted", _scripted_planner, spec=panda),
    Case("whole", WholePlanner, spec=panda),
]

WORLD_MODELS: Sequence[Case[WorldModel]] = [
    Case("mock", mocks.MockWorldModel),
    Case("goal images", tiny("world_model"), spec=panda),
    Case("goal images, steps and candidates", tiny("world_model", steps=3, candidates=4), spec=panda),
    Case("oracle", _oracle_world_model, spec=panda),
]

SWITCHERS: Sequence[Case[Switcher]] = [
    Case("mock", mocks.MockSwitcher),
    Case("calibrated", _switcher),
]

# Guards that protect: the mock one lets everything through on purpose and has no place here.
GUARDS: Sequence[Case[Guard]] = [
    Case("safety, hand", lambda: SafetyGuard(mocks.mock_spec())),
    Case(
        "safety, joints",
        lambda: SafetyGuard(mocks.mock_spec(ActionSpace.JOINT_POSITION)),
        spec=lambda: mocks.mock_spec(ActionSpace.JOINT_POSITION),
    ),
]

MEMORIES: Sequence[Case[Memory]] = [
    Case("mock", mocks.MockMemory),
    Case("robomemory", _robomemory, close=_close),
]

DETECTORS: Sequence[Case[Detector]] = [
    Case("mock", mocks.MockDetector),
    Case("scene detector", tiny("detector"), spec=panda),
    Case("oracle", _oracle_detector, spec=panda),
]
