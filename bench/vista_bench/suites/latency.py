"""Suite ``latency``: how long each stage takes here, beside a fixed matrix product timed in the same run.

Cells are stages. Times in ms depend on the machine; the ratio to the product (512 x 512, single precision,
same threads) depends on it less. ``success_rate`` is the share of calls within ``bound_ms``, if there is one.
``guard`` judges hand targets, as the library sends them; ``guard_joints`` joint targets, as the guard node
does, with the rules of links and zones. ``ground`` finds the thing of a skill; ``imagine`` does so, too, as
in the loop. ``imagine50`` is the same model at 50 steps of its flow; ``faster_than_50_steps`` compares both.
Cell ``graph`` is the time from one command of the executor to the next in the ROS graph that is up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vista.assembly import loading
from vista.errors import InvalidValueError
from vista.guard import load_limits
from vista.learning.splits import load_splits
from vista.perception.grounding import Grounder
from vista.protocols import WorldModel
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista.types import ActionChunk, ActionSpace, Observation, RobotSpec, Subgoal, Subtask
from vista_bench.graph_client import check_graph, closed_afterwards, command_intervals
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.results import wilson
from vista_bench.suites.base import AnySuite, BenchSettings, Cell
from vista_sim.oracle import Oracle
from vista_sim.robot import SimRobot
from vista_sim.scenes.task_scenes import scene_task
from vista_sim.world import World

if TYPE_CHECKING:
    from torch import Tensor

STAGES = (
    "ground",
    "imagine",
    "imagine50",
    "plan_chunk",
    "detect",
    "planner",
    "guard",
    "guard_joints",
    "recall",
)
BOUNDS_MS = {"guard_joints": 1.0, "ground": 60.0, "imagine": 150.0, "plan_chunk": 30.0, "graph": 150.0}
GRAPH = "graph"
TASKS = 5  # that the graph does, for its cell
THREADS = 2
WARM_UP = 3
PRODUCT = 512
_NOTES = 200


class LatencySuite(AnySuite):
    name = "latency"
    cells = (*STAGES, GRAPH)
    methods = ("learned",)
    default_cells = STAGES
    default_methods = methods
    default_episodes = 50

    def check(self, settings: BenchSettings) -> None:
        super().check(settings)
        thread_count()
        scene_task(
            settings.task, load_splits().seed(settings.split, settings.seed), objects=settings.objects,
            scene=settings.scene, robot=settings.refs.robot,
        )  # fmt: skip
        if GRAPH in settings.cells:
            check_graph(GRAPH)

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """Time every stage in turn with the product, in one process. Nothing is resumed."""
        import torch

        self.check(settings)
        count = settings.episodes or self.default_episodes
        torch.set_num_threads(thread_count())
        seed = load_splits().seed(settings.split, settings.seed)
        chosen = tuple(dict.fromkeys(settings.cells or self.default_cells))
        cells = tuple(cell for cell in chosen if cell != GRAPH)
        progress.start(len(cells) * count + TASKS * (GRAPH in chosen), 0)
        left, right = (torch.rand(PRODUCT, PRODUCT) for _ in range(2))
        found, medians = list[Cell](), dict[str, float]()
        calls = _calls(settings, seed, cells)
        try:
            for cell in cells:
                spent, product = np.zeros(count), np.zeros(count)
                for i in range(-WARM_UP, count):
                    # In turn, so that both meet the same load from outside.
                    began = time.perf_counter()
                    torch.mm(left, right)
                    middle = time.perf_counter()
                    calls[cell](i + WARM_UP)
                    if i >= 0:
                        product[i], spent[i] = middle - began, time.perf_counter() - middle
                        progress.step(EpisodeJob(cell, "learned", seed), True)
                found.append(_cell(cell, spent * 1e3, product * 1e3))
                medians[cell] = round(float(np.median(spent * 1e3)), 3)
        finally:
            calls["close"](0)
        if {"imagine", "imagine50"} <= set(medians):
            faster = round(medians["imagine50"] / medians["imagine"], 2)
            found[cells.index("imagine")]["faster_than_50_steps"] = faster
        if GRAPH in chosen:
            found.append(_graph(seed, left, right, progress))
        return found


def _graph(seed: int, left: Tensor, right: Tensor, progress: BenchProgress) -> Cell:
    """The time between two commands of the executor in the running graph, over a few tasks."""
    spent, product = list[float](), list[float]()
    with closed_afterwards():
        for i in range(TASKS):
            began = time.perf_counter()
            left @ right
            product.append(time.perf_counter() - began)
            spent += command_intervals(seed + i, GRAPH)
            progress.step(EpisodeJob(GRAPH, "learned", seed + i), True)
    return _cell(GRAPH, np.array(spent) * 1e3, np.array(product) * 1e3)


def thread_count() -> int:
    """Threads of the learned parts: two, or ``VISTA_THREADS`` or ``OMP_NUM_THREADS`` where it is set.

    Raises:
        InvalidValueError: the variable is not a number above 0.
    """
    for name in ("VISTA_THREADS", "OMP_NUM_THREADS"):
        if value := os.environ.get(name):
            if not value.isdecimal() or int(value) < 1:
                raise InvalidValueError(f"{name}={value!r}, expected a number of threads, 1 or more")
            return int(value)
    return THREADS


def _cell(cell: str, spent: np.ndarray, product: np.ndarray) -> Cell:
    base = float(np.median(product))
    median, p90 = float(np.median(spent)), float(np.percentile(spent, 90))
    bound = BOUNDS_MS.get(cell)
    within = int((spent <= bound).sum()) if bound is not None else None
    return {
        "cell": cell,
        "method": "learned",
        "n": len(spent),
        "success_rate": None if within is None else within / len(spent),
        "interval": None if within is None else list(wilson(within, len(spent))),
        "bound_ms": bound,
        "median_ms": round(median, 3),
        "p90_ms": round(p90, 3),
        "p99_ms": round(float(np.percentile(spent, 99)), 3),
        "product_ms": round(base, 4),
        "median_ratio": round(median / base, 4),
        "p90_ratio": round(p90 / base, 4),
        "threads": thread_count(),
    }


def anew(obs: Observation) -> Observation:
    """``obs`` as if the cameras had just taken it again: a part that keeps its answer to the last image has
    to look."""
    return replace(obs, images={name: image.copy() for name, image in obs.images.items()})


def _joint_guard(spec: RobotSpec, obs: Observation) -> Callable[[int], object]:
    """A window of three rows of small steps at random, another one each time."""
    arm = Kinematics(spec)
    guard = loading.joint_guard(spec, load_limits(), lambda joints: arm.forward(joints)[:3, 3])
    random, here = np.random.default_rng(0), obs.joint_pos.astype(np.float64)

    def check(_: int) -> object:
        steps = random.normal(0.0, 0.03, (3, len(here))).cumsum(axis=0)
        rows = np.column_stack([here + steps, np.ones(3)])
        chunk = ActionChunk(rows, 1 / spec.control_hz, ActionSpace.JOINT_POSITION, obs.stamp_ns)
        return guard.check(chunk, obs)

    return check


def _calls(
    settings: BenchSettings, seed: int, cells: tuple[str, ...]
) -> Mapping[str, Callable[[int], object]]:
    """The call of each stage, on one observation of the simulator; "close" frees everything."""
    refs, spec = settings.refs, load_robot(settings.refs.robot)
    task = scene_task(
        settings.task, seed, objects=settings.objects, scene=settings.scene, robot=settings.refs.robot
    )
    world = World(task.scene, spec)
    robot = SimRobot(world)
    obs: Observation = robot.observe()
    oracle, subtask = Oracle(world, task), Subtask(task.skills[0])
    calls: dict[str, Callable[[int], object]] = {}
    closing: list[Callable[[], None]] = [robot.close]

    def close(_: int) -> None:
        for end in closing:
            end()

    calls["close"] = close
    try:
        if {"ground", "imagine", "imagine50", "plan_chunk", "guard"} & set(cells):
            looks = loading.load_detector(refs.detector, spec, oracle=oracle)
            load = partial(loading.load_world_model, refs.world_model, oracle=oracle)
            model, slow, grounder = load(), load(steps=50), Grounder(looks, spec.places)

            def imagine(model: WorldModel, seed: int) -> Subgoal:
                """Grounded anew, as in the loop: the detector looks at the image once."""
                seen = anew(obs)
                return model.imagine(seen, subtask, seed, grounder.ground(seen, task.skills[0]))

            calls["ground"] = lambda i: grounder.ground(anew(obs), task.skills[0])
            calls["imagine"] = partial(imagine, model)
            calls["imagine50"] = partial(imagine, slow)
        if {"plan_chunk", "guard"} & set(cells):
            policy = loading.load_policy(refs.policy, oracle=oracle)
            subgoal = imagine(model, 0)
            calls["plan_chunk"] = lambda i: policy.predict_chunk(anew(obs), subgoal)
            guard = loading.load_guard(spec, refs.guard)
            chunk = policy.predict_chunk(obs, subgoal).head(4)
            calls["guard"] = lambda i: guard.check(chunk, obs)
        if "guard_joints" in cells:
            calls["guard_joints"] = _joint_guard(spec, obs)
        if "detect" in cells:
            detector = loading.load_detector(refs.detector, spec, oracle=oracle)
            calls["detect"] = lambda i: detector.detect(anew(obs))
        if "planner" in cells:
            planner = loading.load_planner(refs.planner, oracle=oracle, places=spec.places)

            def plan(_: int) -> None:
                planner.reset()
                planner.next(anew(obs), task.instruction, ())

            calls["planner"] = plan
        if "recall" in cells:
            memory = loading.open_memory()
            closing.append(memory.close)
            labels = load_splits().demo_objects
            memory.remember(
                [memory.note("temporal", f"{labels[i % 5]} seen, step {i}", i + 1) for i in range(_NOTES)]
            )
            calls["recall"] = lambda i: memory.recall([f"where is the {labels[i % 5]}", f"question {i}"])
    except BaseException:
        close(0)
        raise
    return calls
