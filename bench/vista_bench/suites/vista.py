"""Suite ``vista``: the paper's columns, from the table of the demonstrations to objects and tables that are
new to all parts.

Cells, after arXiv 2602.10983, section V (all by ``config/splits.yaml``): ``basic``; ``distractor``, other
things around a known one; ``target``, an unknown thing among known ones; ``novel``, every unknown object on
every unknown table, three rollouts each; ``heldout``, objects and tables that the *world model* has not seen
either: combinations of colour and shape, whole shapes, table patterns.

Methods: ``ours``, the learned loop, whose executor goes by the imagined image alone (the paper's "goal");
``oracle``, the same with the simulator's true goal images, the ceiling of whatever a world model could add;
``named``, an executor that is told the subtask's sentence, too, as the paper's is; and the baselines,
executors of the same structure and training: ``subtask``, the subtask's sentence without an image; ``text``,
the whole instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from vista.assembly import Refs
from vista.errors import InvalidValueError
from vista.switcher.timing import agreement
from vista_bench.episode import EpisodeRunner, LoopEpisode
from vista_bench.jobs import EpisodeJob
from vista_bench.results import Counted, Episode, wilson
from vista_bench.suites.base import BenchSettings, Cell, Opener, seeds_of
from vista_bench.suites.basic import SceneSuite, loop_cell, one_torch_thread
from vista_bench.suites.methods import APART, episode_task, index_of, meeting, vista_refs
from vista_bench.truth import NEAR_M

E = TypeVar("E", bound=Episode)


@dataclass(frozen=True, slots=True, kw_only=True)
class VistaEpisode(LoopEpisode):
    """``target``: the thing of the episode; ``group`` tells apart what one cell puts together."""

    target: str = ""
    group: str = ""


class PaperSuite(SceneSuite[E]):
    """A suite over the scenes of the paper's columns."""

    cells: tuple[str, ...] = ("basic", "distractor", "target", "novel", "heldout")
    default_cells: tuple[str, ...] = cells
    episodes: Mapping[str, int] = {"novel": 189, "heldout": 180}
    default_episodes = 45

    def check(self, settings: BenchSettings) -> None:
        super().check(settings)
        for name in ("objects", "scene"):
            if getattr(settings, name):
                raise InvalidValueError(
                    f"--{name}: suite {self.name!r} brings its own scenes; use suite 'basic'"
                )
        for method in settings.methods:
            vista_refs(settings, method)
        if settings.task != "pick_place":
            raise InvalidValueError(f"--task {settings.task}: suite {self.name!r} is about pick_place")

    def seeds(self, settings: BenchSettings, cell: str, count: int) -> Sequence[int]:
        first = self.cells.index(cell) * APART if cell else 0
        if count + settings.seed > APART:
            raise InvalidValueError(f"--seed {settings.seed}, {count} episodes: a cell has {APART} seeds")
        return seeds_of(settings, count, first)

    def refs(self, settings: BenchSettings, method: str) -> Refs:
        return vista_refs(settings, method)


class VistaSuite(PaperSuite[VistaEpisode]):
    name = "vista"
    kind = VistaEpisode
    methods: tuple[str, ...] = ("ours", "oracle", "named", "subtask", "text")
    default_methods: tuple[str, ...] = ("ours", "oracle")
    paged = True

    def opener(self, cell: str) -> Opener[VistaEpisode]:
        return open_vista

    def page(self, settings: BenchSettings, out: Path, report: Mapping[str, object], folder: Path) -> Path:
        from vista_bench.suites.episode_pages import make_page

        return make_page(settings, report, partial(self.seeds, settings), folder)

    def describe(self, found: Sequence[Counted[VistaEpisode]]) -> Cell:
        cell, episodes = loop_cell(found), [each.episode for each in found]
        n = max(1, len(episodes))
        approached = sum(episode.nearest_m <= NEAR_M for episode in episodes)
        grasped = sum(episode.grasped for episode in episodes)
        groups = {}
        for group in dict.fromkeys(episode.group for episode in episodes if episode.group):
            mine = [episode.success for episode in episodes if episode.group == group]
            low, high = wilson(sum(mine), len(mine))
            groups[group] = f"{sum(mine)}/{len(mine)} ({low:.0%}-{high:.0%})"
        switches = agreement(switch for episode in episodes for switch in episode.switches)
        return {
            "approach_rate": round(approached / n, 3),
            "grasp_rate": round(grasped / n, 3),
            "switch_precision": round(switches.precision, 3) if switches.calls else None,
            "switch_recall": round(switches.recall, 3) if switches.true else None,
            **({"groups": groups} if groups else {}),
            **{k: v for k, v in cell.items() if k not in ("grasped", "seconds_median")},
        }


def open_vista(settings: BenchSettings) -> Callable[[EpisodeJob], VistaEpisode]:
    """One process of one thread; models are loaded once, an episode starts with an empty memory."""
    one_torch_thread()
    runners: dict[str, EpisodeRunner] = {}

    def run(job: EpisodeJob) -> VistaEpisode:
        if job.method not in runners:
            runners[job.method] = EpisodeRunner(vista_refs(settings, job.method))
        met = meeting(job.cell, index_of(settings, job), job.seed)
        episode = runners[job.method].run(episode_task(settings, job)).episode(VistaEpisode)
        return replace(episode, target=met.target, group=met.group)

    return run
