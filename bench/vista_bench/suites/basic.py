"""Suite ``basic``: the objects and tables of the robot's demonstrations, three others around them.

Cells: ``basic`` in lockstep; ``ros`` through the running ROS graph. Methods: ``imagined``, the learned loop;
``oracle``, the same with true goal images in place of the world model's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from vista.assembly import Refs
from vista.assembly.parts import NO_DETECTOR
from vista.errors import ConfigError
from vista.learning.workers import one_thread
from vista.robot.contract import load_robot
from vista_bench.episode import EpisodeRunner, LoopEpisode, TaskEpisode
from vista_bench.fingerprint import (
    file_digest,
    folder_digest,
    graph_digest,
    ref_digest,
    robot_digest,
    scene_digest,
    task_digest,
)
from vista_bench.graph_client import check_graph, closed_afterwards, run_episode
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.results import Counted, Episode, failed_seeds
from vista_bench.suites.base import BenchSettings, Cell, Opener, Suite, seeds_of
from vista_sim.model.looks import arm_looks
from vista_sim.objects.pictures import own_pictures
from vista_sim.scenes.task_scenes import scene_task

E = TypeVar("E", bound=Episode)
T = TypeVar("T", bound=TaskEpisode)
_PARTS = ("policy", "world_model", "planner", "detector", "switcher")
_OPTIONAL = ("critic", "preprocessor")
_FOLDERS = {"policy": "executor"}


def refs_of(settings: BenchSettings, method: str) -> Refs:
    """The parts that ``method`` uses."""
    refs = settings.refs
    return replace(refs, world_model="oracle") if method == "oracle" else refs


def scene_identity(settings: BenchSettings) -> dict[str, object]:
    """The settings that decide which scenes are met."""
    return {
        "task": task_digest(settings.task),
        "objects": folder_digest(Path(settings.objects)) if settings.objects else None,
        "scene": scene_digest(settings.scene) if settings.scene else None,
        "looks": arm_looks(),
        "robot": robot_digest(settings.refs.robot),
    }


class SceneSuite(Suite[E]):
    """A suite whose episodes are about scenes of the simulator and the parts that the user may choose."""

    def check(self, settings: BenchSettings) -> None:
        super().check(settings)
        load_robot(settings.refs.robot)
        # Makes a scene: an unknown task, object or scene file is said at once.
        scene_task(
            settings.task, self.seeds(settings, "", 1)[0], objects=settings.objects, scene=settings.scene,
            robot=settings.refs.robot,
        )  # fmt: skip

    def seeds(self, settings: BenchSettings, cell: str, count: int) -> Sequence[int]:
        return seeds_of(settings, count)

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        refs = asdict(self.refs(settings, method))
        # Parts that the user named come first: an error in them is said before one that is missing.
        parts = {
            name: ref_digest(refs[name], _FOLDERS.get(name, name))
            if refs[name] != NO_DETECTOR
            else NO_DETECTOR
            for name in sorted(_PARTS, key=lambda name: refs[name] is None)
        }
        parts |= {name: ref_digest(refs[name], name) for name in _OPTIONAL if refs[name] is not None}
        guard = file_digest(refs["guard"]) if refs["guard"] else None
        return {**scene_identity(settings), **parts, "guard": guard}

    def refs(self, settings: BenchSettings, method: str) -> Refs:
        """The parts that ``method`` uses."""
        return refs_of(settings, method)


class BasicSuite(SceneSuite[TaskEpisode]):
    name = "basic"
    cells: tuple[str, ...] = ("basic", "ros")
    methods: tuple[str, ...] = ("imagined", "oracle")
    default_cells: tuple[str, ...] = ("basic",)
    default_methods: tuple[str, ...] = ("imagined",)
    episodes: Mapping[str, int] = {"ros": 10}
    in_parent: tuple[str, ...] = ("ros",)

    def kind_of(self, cell: str) -> type[TaskEpisode]:
        return TaskEpisode if cell == "ros" else LoopEpisode

    def check(self, settings: BenchSettings) -> None:
        super().check(settings)
        if "ros" in settings.cells:
            check_graph("ros")
            if "oracle" in settings.methods:
                raise ConfigError("method 'oracle' reads the simulator's truth: cell 'ros' cannot use it")

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        graph = {"graph": graph_digest()} if cell == "ros" else {}
        return {**super().identity(settings, cell, method), **graph}

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """As every suite; the client of the graph is closed at the end."""
        with closed_afterwards():
            return super().measure(settings, out, progress)

    def opener(self, cell: str) -> Opener[TaskEpisode]:
        return open_ros if cell == "ros" else open_lockstep

    def describe(self, found: Sequence[Counted[TaskEpisode]]) -> Cell:
        return loop_cell(found)


def loop_cell(found: Sequence[Counted[T]]) -> Cell:
    """What cells of the whole loop tell."""
    episodes = [each.episode for each in found]
    failed = Counter(episode.failure for episode in episodes if not episode.success)
    seconds = [episode.seconds for episode in episodes if episode.seconds is not None]
    return {
        "grasped": sum(isinstance(episode, LoopEpisode) and episode.grasped for episode in episodes),
        "believed": sum(episode.outcome == "success" for episode in episodes),
        "failures": dict(failed.most_common()),
        "seconds_median": round(float(np.median(seconds)), 2) if seconds else None,
        "failed_seeds": failed_seeds(found),
    }


def one_torch_thread() -> None:
    """Have this process, and torch in it, work in one thread."""
    one_thread()
    import torch

    torch.set_num_threads(1)


def open_lockstep(settings: BenchSettings) -> Callable[[EpisodeJob], LoopEpisode]:
    """One process: models are loaded once, an episode starts with an empty memory."""
    one_torch_thread()
    runners: dict[str, EpisodeRunner] = {}

    def run(job: EpisodeJob) -> LoopEpisode:
        if job.method not in runners:
            refs = refs_of(settings, job.method)
            own = own_pictures(settings.objects, load_robot(refs.robot)) if settings.objects else None
            runners[job.method] = EpisodeRunner(refs, taught=own)
        task = scene_task(
            settings.task, job.seed, objects=settings.objects, scene=settings.scene, robot=settings.refs.robot
        )
        return runners[job.method].run(task).episode(LoopEpisode)

    return run


def open_ros(settings: BenchSettings) -> Callable[[EpisodeJob], TaskEpisode]:
    """Episodes through the graph that is up, which is reset to the scene of each seed."""

    def run(job: EpisodeJob) -> TaskEpisode:
        return run_episode(
            settings.task, job.seed, objects=settings.objects or "", scene=settings.scene or "",
            refs=settings.refs,
        )  # fmt: skip

    return run
