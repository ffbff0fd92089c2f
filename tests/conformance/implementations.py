"""Every implementation of every protocol, as factories. A new one adds a line here and is tested.

A factory is called once per test and returns a fresh object. Import inside it whatever is heavy, and call
``pytest.importorskip`` there for what is optional, so that this file stays importable with numpy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from tests import mocks
from vista.guard import SafetyGuard
from vista.protocols import Detector, Guard, Memory, Planner, Policy, Robot, Switcher, WorldModel
from vista.types import ActionSpace, Observation, Pose, RobotSpec, Subgoal, Subtask

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


ROBOTS: Sequence[Case[Robot]] = [
    Case("mock", mocks.MockRobot),
]

POLICIES: Sequence[Case[Policy]] = [
    Case("mock", mocks.MockPolicy),
]

PLANNERS: Sequence[Case[Planner]] = [
    Case("mock", lambda: mocks.MockPlanner("grasp the blue mug", "place the blue mug in the tray")),
]

WORLD_MODELS: Sequence[Case[WorldModel]] = [
    Case("mock", mocks.MockWorldModel),
]

SWITCHERS: Sequence[Case[Switcher]] = [
    Case("mock", mocks.MockSwitcher),
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
]

DETECTORS: Sequence[Case[Detector]] = [
    Case("mock", mocks.MockDetector),
]
