"""Suite ``open``: things that no part was trained on, taught by twelve pictures each and called by name; and
sentences as new users type them.

Cells: ``shapes``, the shapes held out of every training, in nine colours; ``meshes``, forty solids of
procedural families; ``same-colour``, four solids of one colour on the table; ``own``, the example objects.
The instruction is "put the NAME in the tray". ``named`` counts how often the named thing is the one that the
detector finds by its name at the start, whatever the arm makes of it. ``words`` and ``words-sealed``: see
:mod:`vista_bench.suites.open_world.speech`; a cell has 150 sentences, whose scenes have seeds of their own.

Methods: ``ours``, the parts that ship; ``scripted``, the expert with the true poses: what could be grasped at
all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from vista.assembly import Refs
from vista.errors import InvalidValueError
from vista_bench.episode import EpisodeRunner, LoopEpisode
from vista_bench.fingerprint import file_digest, folder_digest
from vista_bench.jobs import EpisodeJob
from vista_bench.results import Counted, wilson
from vista_bench.suites.base import BenchSettings, Cell, Opener, seeds_of
from vista_bench.suites.basic import SceneSuite, loop_cell, one_torch_thread
from vista_bench.suites.methods import APART, index_of
from vista_bench.suites.open_world.speech import FILES, WordsEpisode, open_words, tell
from vista_bench.suites.open_world.things import OWN, OpenScene, open_scene
from vista_bench.suites.open_world.words import SCENES
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


class OpenSuite(SceneSuite[OpenEpisode | WordsEpisode]):
    name = "open"
    cells: tuple[str, ...] = ("shapes", "meshes", "same-colour", "own", *FILES)
    default_cells: tuple[str, ...] = cells[:4]
    methods: tuple[str, ...] = ("ours", "scripted")
    default_methods: tuple[str, ...] = ("ours",)
    episodes: Mapping[str, int] = {
        "shapes": 60, "meshes": 120, "same-colour": 60, "own": 20, "words": 150, "words-sealed": 150,
    }  # fmt: skip

    def kind_of(self, cell: str) -> type[OpenEpisode | WordsEpisode]:
        return WordsEpisode if cell in FILES else OpenEpisode

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
        if cell in FILES:
            return seeds_of(settings, count)  # the scenes of sentences have seeds of their own
        # Behind those of suite "vista".
        first = (5 + self.cells.index(cell)) * APART if cell else 5 * APART
        return seeds_of(settings, count, first)

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        own = folder_digest(OWN) if cell == "own" else None
        words = {"words": file_digest(FILES[cell]), "scenes": folder_digest(SCENES)} if cell in FILES else {}
        found = super().identity(settings, cell, method)
        return {**found, "own": own, "split": settings.split, **words}

    def refs(self, settings: BenchSettings, method: str) -> Refs:
        return open_refs(settings, method)

    def opener(self, cell: str) -> Opener[OpenEpisode | WordsEpisode]:
        return open_sentences if cell in FILES else open_cell

    def describe(self, found: Sequence[Counted[OpenEpisode | WordsEpisode]]) -> Cell:
        said = [each for each in found if isinstance(each.episode, WordsEpisode)]
        if said:
            return tell(cast("Sequence[Counted[WordsEpisode]]", said))
        return _of_things(cast("Sequence[Counted[OpenEpisode]]", found))


def _of_things(found: Sequence[Counted[OpenEpisode]]) -> Cell:
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
    return settings.refs


def open_sentences(settings: BenchSettings) -> Callable[[EpisodeJob], WordsEpisode]:
    """One process for the sentences of a cell."""
    refs = open_refs(settings, "ours")
    if refs.policy is None:
        refs = replace(refs, policy="long")  # sentences ask for drawers and stacks, too
    return open_words(refs, lambda job: index_of(settings, job))


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
