"""Suite ``basic``: the objects and tables of the robot's demonstrations, three others around them.

Cells: ``basic`` in lockstep; ``ros`` through the running ROS graph. Methods: ``imagined``, the learned loop;
``oracle``, the same with true goal images in place of the world model's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path

import numpy as np

from vista.errors import ConfigError
from vista.learning.workers import one_thread
from vista.robot.contract import load_robot
from vista_bench.episode import Refs, Stack
from vista_bench.fingerprint import (
    file_digest,
    folder_digest,
    graph_digest,
    ref_digest,
    robot_digest,
    scene_digest,
)
from vista_bench.results import Record
from vista_bench.suites.base import Cell, Job, Progress, Settings, Suite, seeds_of
from vista_bench.suites.through_graph import closed_afterwards, measure_of
from vista_sim.model.looks import arm_looks
from vista_sim.scenes.task_scenes import scene_task

_PARTS = ("policy", "world_model", "planner", "detector", "switcher")
_OPTIONAL = ("critic", "preprocessor")
_FOLDERS = {"policy": "executor"}


def refs_of(settings: Settings, method: str) -> Refs:
    """The parts that ``method`` uses."""
    return replace(settings.refs, world_model="oracle") if method == "oracle" else settings.refs


def scene_identity(settings: Settings) -> dict[str, object]:
    """What decides which scenes are met."""
    return {
        "task": settings.task,
        "objects": folder_digest(Path(settings.objects)) if settings.objects else None,
        "scene": scene_digest(settings.scene) if settings.scene else None,
        "looks": arm_looks(),
        "robot": robot_digest(settings.refs.robot),
    }


class BasicSuite(Suite):
    name = "basic"
    cells: tuple[str, ...] = ("basic", "ros")
    methods: tuple[str, ...] = ("imagined", "oracle")
    default_cells: tuple[str, ...] = ("basic",)
    default_methods: tuple[str, ...] = ("imagined",)
    episodes: Mapping[str, int] = {"ros": 10}
    in_parent: tuple[str, ...] = ("ros",)

    def check(self, settings: Settings) -> None:
        super().check(settings)
        load_robot(settings.refs.robot)
        # Makes a scene: an unknown task, object or scene file is said at once.
        scene_task(
            settings.task, self.seeds(settings, "", 1)[0], objects=settings.objects, scene=settings.scene
        )
        if "ros" in settings.cells:
            measure_of("run_episode", "ros")
            if "oracle" in settings.methods:
                raise ConfigError("method 'oracle' reads the simulator's truth: cell 'ros' cannot use it")

    def seeds(self, settings: Settings, cell: str, count: int) -> Sequence[int]:
        return seeds_of(settings, count)

    def identity(self, settings: Settings, cell: str, method: str) -> Mapping[str, object]:
        refs = asdict(self.refs(settings, method))
        # Those that the user named come first: what is wrong with them should be said before what is missing.
        parts = {
            name: ref_digest(refs[name], _FOLDERS.get(name, name)) if refs[name] != "none" else "none"
            for name in sorted(_PARTS, key=lambda name: refs[name] is None)
        }
        parts |= {name: ref_digest(refs[name], name) for name in _OPTIONAL if refs[name] is not None}
        guard = file_digest(refs["guard"]) if refs["guard"] else None
        graph = {"graph": graph_digest()} if cell == "ros" else {}
        return {**scene_identity(settings), **parts, "guard": guard, **graph}

    def refs(self, settings: Settings, method: str) -> Refs:
        """The parts that ``method`` uses."""
        return refs_of(settings, method)

    def measure(self, settings: Settings, out: Path, progress: Progress) -> list[Cell]:
        """As every suite; the client of the graph is closed at the end."""
        with closed_afterwards():
            return super().measure(settings, out, progress)

    def opener(self, cell: str) -> Callable[[Settings], Callable[[Job], Record]]:
        return open_ros if cell == "ros" else open_lockstep

    def describe(self, records: Sequence[Record]) -> Cell:
        failed = Counter(str(r["failure"]) for r in records if not r["success"])
        seconds = [float(str(r["seconds"])) for r in records if r.get("seconds") is not None]
        believed = [r.get("outcome") == "success" for r in records]
        return {
            "grasped": sum(bool(r.get("grasped")) for r in records),
            "believed": sum(believed),
            "failures": dict(failed.most_common()),
            "seconds_median": round(float(np.median(seconds)), 2) if seconds else None,
            "failed_seeds": [r["seed"] for r in records if not r["success"]],
        }


def open_lockstep(settings: Settings) -> Callable[[Job], Record]:
    """One process: models are loaded once, an episode starts with an empty memory."""
    one_thread()
    import torch

    torch.set_num_threads(1)
    stacks: dict[str, Stack] = {}

    def run(job: Job) -> Record:
        if job.method not in stacks:
            stacks[job.method] = Stack(refs_of(settings, job.method))
        task = scene_task(settings.task, job.seed, objects=settings.objects, scene=settings.scene)
        return stacks[job.method].run(task)

    return run


def open_ros(settings: Settings) -> Callable[[Job], Record]:
    """Episodes through the running graph; ``vista_ros.client.run_episode`` resets it to the seed's scene."""
    run_episode = measure_of("run_episode", "ros")
    refs = {k: v for k, v in asdict(settings.refs).items() if v is not None}

    def run(job: Job) -> Record:
        answer = run_episode(
            task=settings.task, seed=job.seed, objects=settings.objects, scene=settings.scene, refs=refs
        )
        if is_dataclass(answer) and not isinstance(answer, type):
            answer = asdict(answer)
        if not isinstance(answer, Mapping) or "truth" not in answer:
            raise ConfigError("vista_ros.client.run_episode: expected a mapping or result with 'truth'")
        success = bool(answer["truth"])
        cause = str(answer.get("cause", ""))
        return {
            "success": success,
            "failure": "" if success else cause or "failed",
            "outcome": str(answer.get("outcome", "")),
            "cause": cause,
            "seconds": answer.get("seconds"),
            "subtasks": answer.get("subtasks"),
        }

    return run
