"""Suite ``open``: things that no part was trained on, taught by twelve pictures each and called by name.

Cells: ``shapes``, the shapes held out of every training, in nine colours; ``meshes``, forty solids of
procedural families; ``same-colour``, four solids of one colour on the table; ``own``, the example objects.
The instruction is "put the NAME in the tray". ``named`` counts how often the named thing is the one that the
detector finds by its name at the start, whatever the arm makes of it.

Methods: ``ours``, the parts that ship, with the planner that takes its words from the detector; ``scripted``,
the expert with the true poses: what could be grasped at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vista.assembly import Refs
from vista.errors import InvalidValueError
from vista_bench.episode import EpisodeRunner, LoopEpisode
from vista_bench.fingerprint import folder_digest
from vista_bench.jobs import EpisodeJob
from vista_bench.results import Counted, wilson
from vista_bench.suites.base import BenchSettings, Cell, Opener, seeds_of
from vista_bench.suites.basic import SceneSuite, loop_cell, one_torch_thread
from vista_bench.suites.methods import APART, index_of
from vista_bench.suites.open_world.things import OWN, OpenScene, open_scene
from vista_sim.objects.pictures import drawn
from vista_sim.robot import SimRobot
from vista_sim.world import World

NEAR_M = 0.04
"""A thing that is found so near to where it truly stands [m], seen from above, and nearer than to any other,
is the right one."""
EXPERT = {
    "policy": "scripted", "world_model": "oracle", "planner": "scripted", "detector": "oracle",
    "switcher": "scripted",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEpisode(LoopEpisode):
    """``named``: whether the thing of that name is the one that the detector finds by it; ``sureness`` [0, 1]
    of that sight; ``target`` and its ``group``."""

    named: bool = False
    sureness: float = 0.0
    target: str = ""
    group: str = ""


class OpenSuite(SceneSuite[OpenEpisode]):
    name = "open"
    kind = OpenEpisode
    cells: tuple[str, ...] = ("shapes", "meshes", "same-colour", "own")
    default_cells: tuple[str, ...] = cells
    methods: tuple[str, ...] = ("ours", "scripted")
    default_methods: tuple[str, ...] = ("ours",)
    episodes: Mapping[str, int] = {"shapes": 60, "meshes": 120, "same-colour": 60, "own": 20}

    def check(self, settings: BenchSettings) -> None:
        super().check(settings)
        for option in ("objects", "scene"):
            if getattr(settings, option):
                raise InvalidValueError(
                    f"--{option}: suite 'open' brings its own things; use suite 'basic' for yours"
                )
        if settings.task != "pick_place":
            raise InvalidValueError(f"--task {settings.task}: suite 'open' is about pick_place")

    def seeds(self, settings: BenchSettings, cell: str, count: int) -> Sequence[int]:
        if count + settings.seed > APART:
            raise InvalidValueError(f"--seed {settings.seed}, {count} episodes: a cell has {APART} seeds")
        # Behind those of suite "vista".
        first = (5 + self.cells.index(cell)) * APART if cell else 5 * APART
        return seeds_of(settings, count, first)

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        own = folder_digest(OWN) if cell == "own" else None
        return {**super().identity(settings, cell, method), "own": own, "split": settings.split}

    def refs(self, settings: BenchSettings, method: str) -> Refs:
        return open_refs(settings, method)

    def opener(self, cell: str) -> Opener[OpenEpisode]:
        return open_cell

    def describe(self, found: Sequence[Counted[OpenEpisode]]) -> Cell:
        told, episodes = loop_cell(found), [each.episode for each in found]
        named = sum(episode.named for episode in episodes)
        groups = {}
        for group in dict.fromkeys(episode.group for episode in episodes):
            mine = [episode for episode in episodes if episode.group == group]
            groups[group] = f"{sum(e.success for e in mine)}/{len(mine)}, named {sum(e.named for e in mine)}"
        return {
            "named": named,
            "named_interval": list(wilson(named, len(episodes))),
            "groups": groups,
            **told,
        }


def open_refs(settings: BenchSettings, method: str) -> Refs:
    """The parts that ``method`` uses."""
    if method == "scripted":
        return replace(settings.refs, **EXPERT)
    return settings.refs if settings.refs.planner else replace(settings.refs, planner="fresh")


def open_cell(settings: BenchSettings) -> Callable[[EpisodeJob], OpenEpisode]:
    """One process of one thread; what a cell is about is taught once, the four of one colour anew each
    time."""
    one_torch_thread()
    runners: dict[str, EpisodeRunner] = {}
    taught: dict[str, tuple[str, ...]] = {}

    def run(job: EpisodeJob) -> OpenEpisode:
        if job.method not in runners:
            runners[job.method] = EpisodeRunner(open_refs(settings, job.method))
        runner = runners[job.method]
        scene = open_scene(job.cell, settings.split, index_of(settings, job), job.seed)
        names = (job.cell, *scene.taught)
        if job.method != "scripted" and taught.get(job.method) != names:
            runner.loader.teach(drawn(scene.taught, runner.spec))
            taught[job.method] = names
        named, sureness = (True, 1.0) if job.method == "scripted" else _named(runner, scene)
        episode = runner.run(scene.task)
        return replace(
            episode.episode(OpenEpisode), named=named, sureness=sureness, target=scene.task.target,
            group=scene.group,
        )  # fmt: skip

    return run


def _named(runner: EpisodeRunner, scene: OpenScene) -> tuple[bool, float]:
    """Whether what is found by the name is the thing of that name, and how surely."""
    world = World(scene.task.scene, runner.spec, runner.kinematics)
    robot = SimRobot(world)
    try:
        found = runner.loader.detector().find(robot.observe(), scene.task.target)
    finally:
        robot.close()
    if found is None:
        return False, 0.0
    places = np.stack([world.object_pose(i)[:2, 3] for i in range(len(scene.task.scene.objects))])
    apart = np.linalg.norm(places - np.asarray(found.position)[:2], axis=1)
    mine = world.index(scene.task.target)
    return bool(int(apart.argmin()) == mine and apart[mine] < NEAR_M), round(found.score, 3)
