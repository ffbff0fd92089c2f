"""Every implementation of every protocol, as factories. A new one adds a line here and is tested.

A factory is called once per test and returns a fresh object. Import inside it whatever is heavy, and call
``pytest.importorskip`` there for what is optional, so that this file stays importable with numpy alone.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import pytest

from tests import mocks
from vista.guard import SafetyGuard
from vista.planner.preprocess import TemplatePreprocessor
from vista.planner.whole_instruction import WholePlanner
from vista.protocols import (
    Critic,
    Detector,
    Guard,
    Memory,
    Planner,
    Policy,
    Preprocessor,
    Robot,
    Switcher,
    WorldModel,
)
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
    it holds; ``long``: only ``./run test --all`` tests it.
    """

    name: str
    make: Callable[[], T]
    spec: Callable[[], RobotSpec] = mocks.mock_spec
    instruction: str = "put the blue mug in the tray"
    subtask: str = "grasp the blue mug"
    close: Callable[[T], None] = lambda _: None
    long: bool = False


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
    return Subgoal(Subtask.said(case.subtask), images, 0.9, 0, obs.stamp_ns)


def tiny(name: str, **how: object) -> Callable[[], Any]:
    """Makes a tiny, untrained network behind its protocol (``tests/tiny.py``)."""

    def make() -> Any:
        for package in ("torch", "transformers", "diffusers", "mujoco", "mink"):
            pytest.importorskip(package)
        from tests import tiny

        return getattr(tiny, name)(**how)

    return make


def panda() -> RobotSpec:
    from vista.robot.contract import load_robot

    return load_robot("panda")


@cache
def _kinematics() -> Any:
    from vista.robot.kinematics import Kinematics

    return Kinematics(panda())


def simulated(name: str = "pick_place") -> tuple[World, Task]:
    """The simulated world of a task; without a name, a table with a blue mug on it."""
    pytest.importorskip("mujoco")
    from vista.learning.splits import load_splits
    from vista_sim.tasks import Choice, make_task
    from vista_sim.world import World

    splits = load_splits()
    target = "blue mug" if name == "pick_place" else None
    task = make_task(name, 1, Choice(splits.demo_objects, splits.demo_patterns), target)
    world = World(task.scene, panda(), _kinematics())
    task.prepare(world)
    return world, task


def _sim_robot() -> Robot:
    from vista_sim.robot import SimRobot

    return SimRobot(simulated()[0])


def _scripted_policy() -> Policy:
    from vista_sim.oracle import ScriptedPolicy

    return ScriptedPolicy(*simulated())


def _scripted_planner() -> Planner:
    from vista.planner.scripted import ScriptedPlanner

    return ScriptedPlanner()


def _oracle_world_model() -> WorldModel:
    from vista_sim.oracle import OracleWorldModel

    return OracleWorldModel(*simulated())


def _oracle_detector() -> Detector:
    from vista_sim.oracle import OracleDetector

    return OracleDetector(simulated()[0])


def _switcher() -> Switcher:
    from vista.switcher import CalibratedSwitcher, SwitcherConfig

    weights = (0.8, 0.5, -1.0, -0.5, 0.0, 0.1, 0.0, 0.0, 0.0)
    return CalibratedSwitcher(SwitcherConfig(weights, -1.0, 0.6, patience=2))


def _doubting() -> Switcher:
    from vista.switcher import DoubtingSwitcher

    return DoubtingSwitcher(_switcher(), tiny("detector")())


def _robomemory() -> Memory:
    pytest.importorskip("faiss")
    from robomemory.embed.embedder import HashingEmbedder
    from robomemory.memory import RoboMemory

    return RoboMemory(":memory:", embedder=HashingEmbedder())


def _shared_memory() -> Memory:
    """In PostgreSQL, each time a scene of its own."""
    pytest.importorskip("faiss")
    from robomemory.embed.embedder import HashingEmbedder
    from robomemory.memory import RoboMemory
    from tests.postgres import server

    return RoboMemory(server().url(), embedder=HashingEmbedder())


def _endpoint(part: str, *answers: str) -> Any:
    """A part behind a stand-in server on this machine that says one of ``answers`` after the other."""
    pytest.importorskip("openai")
    from tests.chat_server import ChatServer
    from vista.planner import endpoint

    left = list(answers)
    server = ChatServer(lambda _: left.pop(0) if len(left) > 1 else left[0])
    config = endpoint.EndpointConfig(endpoint.EndpointSettings(server.url, "tiny", attempts=1))
    made = getattr(endpoint, part).from_config(config)
    made.server = server
    return made


@cache
def _folder(kind: str) -> Path:
    """A tiny model of another library, made once."""
    for package in ("torch", "transformers", "diffusers"):
        pytest.importorskip(package)
    from tests import tiny_pipelines

    folder = Path(tempfile.mkdtemp(prefix="tiny-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if kind == "edit":
        return tiny_pipelines.diffusion_pipeline(folder, kind)
    return tiny_pipelines.language_model(folder, "grasp the blue mug")


def _transformers_planner() -> Planner:
    folder = _folder("language")
    from vista.planner.local import TransformersPlanner

    return TransformersPlanner.from_pretrained(folder)


def _diffusers_world_model(candidates: int) -> WorldModel:
    folder = _folder("edit")
    from vista.world_model.diffusers_adapter import DiffusersSettings, DiffusersWorldModel

    settings = DiffusersSettings(str(folder), image_size=32, steps=2, candidates=candidates)
    return DiffusersWorldModel.from_settings(settings)


def _lerobot() -> Policy:
    from tests.policy_server import Served, StandIn
    from vista.executor.lerobot.client import LeRobotPolicy, LeRobotSettings

    server = Served(StandIn())
    made = LeRobotPolicy(LeRobotSettings(address=server.address, timeout_s=30.0))
    made.server = server  # type: ignore[attr-defined]
    return made


def _close_server(thing: Any) -> None:
    thing.server.close()


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
    Case("lerobot", _lerobot, spec=panda, close=_close_server),
]

PLANNERS: Sequence[Case[Planner]] = [
    Case("mock", lambda: mocks.MockPlanner("grasp the blue mug", "place the blue mug in the tray")),
    Case("head", tiny("planner"), spec=panda),
    Case("scripted", _scripted_planner, spec=panda),
    Case("whole", WholePlanner, spec=panda),
    Case("endpoint", lambda: _endpoint("EndpointPlanner", "grasp the blue mug"), close=_close_server),
    Case("endpoint, garbage", lambda: _endpoint("EndpointPlanner", "Sure!\n"), close=_close_server),
    Case("transformers", _transformers_planner, spec=panda),
]

WORLD_MODELS: Sequence[Case[WorldModel]] = [
    Case("mock", mocks.MockWorldModel),
    Case("goal images", tiny("world_model"), spec=panda),
    Case("goal images, steps and candidates", tiny("world_model", steps=3, candidates=4), spec=panda),
    Case("oracle", _oracle_world_model, spec=panda),
    Case("diffusers", lambda: _diffusers_world_model(1), spec=panda),
    Case("diffusers, candidates", lambda: _diffusers_world_model(3), spec=panda),
]

# None of the critics is ever asked about a first step; the suite asks them directly.
CRITICS: Sequence[Case[Critic]] = [
    Case("mock", mocks.MockCritic),
    Case("endpoint", lambda: _endpoint("EndpointCritic", "yes"), close=_close_server),
    Case("endpoint, no", lambda: _endpoint("EndpointCritic", "no: the hand is full"), close=_close_server),
    Case("endpoint, garbage", lambda: _endpoint("EndpointCritic", "Sure!\n"), close=_close_server),
]

PREPROCESSORS: Sequence[Case[Preprocessor]] = [
    Case("templates", TemplatePreprocessor),
    Case("endpoint", lambda: _endpoint("EndpointPreprocessor", "a mug is seen"), close=_close_server),
    Case("endpoint, garbage", lambda: _endpoint("EndpointPreprocessor", "x" * 999), close=_close_server),
]

SWITCHERS: Sequence[Case[Switcher]] = [
    Case("mock", mocks.MockSwitcher),
    Case("calibrated", _switcher),
    Case("doubting", _doubting),
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
    Case("robomemory, shared", _shared_memory, close=_close, long=True),
]


def _taught(detector: Callable[[], Detector], spec: Callable[[], RobotSpec]) -> Callable[[], Detector]:
    """``detector`` that was taught "my mug" by grey noise."""

    def make() -> Detector:
        from robomemory import HistogramPictures
        from vista.perception.exemplars import TaughtDetector

        encoder = HistogramPictures()
        made = TaughtDetector(detector(), encoder, spec())
        noise = np.random.default_rng(0).integers(0, 256, (6, 12, 12, 3), np.uint8)
        made.teach({"my mug": encoder.embed(list(noise))})
        return made

    return make


DETECTORS: Sequence[Case[Detector]] = [
    Case("mock", mocks.MockDetector),
    Case("scene detector", tiny("detector"), spec=panda),
    Case("oracle", _oracle_detector, spec=panda),
    Case("taught", _taught(mocks.MockDetector, mocks.mock_spec)),
    Case("taught scene detector", _taught(tiny("detector"), panda), spec=panda),
]
