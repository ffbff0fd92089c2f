"""Pictures and videos of picked episodes of suite ``vista``, and its page.

In lockstep the same seed gives the same episode: the shown ones are run again instead of being kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vista.events import Event, EventKind
from vista.learning.workers import Crash, attempts, one_thread
from vista.report.bench_page import Row, Shot, write_bench_page
from vista.report.video import Video, side_by_side
from vista.robot.watched import WatchedRobot
from vista.types import U8, Observation
from vista_bench.episode import EpisodeRunner, LoopEpisode
from vista_bench.jobs import EpisodeJob
from vista_bench.results import wilson
from vista_bench.suites.base import BenchSettings
from vista_bench.suites.methods import episode_task, vista_refs

FAILURES, FILMS = 8, 2  # of each cell and method
_LONG_SIDE = 192

# arXiv 2602.10983, table I and the figure of the novel scenarios: (successes, episodes, approach rate).
PAPER: Mapping[str, Mapping[str, tuple[int, int, float]]] = {
    "basic": {"π0 (text)": (43, 45, 1.0), "π0-subtask": (41, 45, 1.0), "VISTA": (42, 45, 1.0)},
    "distractor": {"π0 (text)": (33, 45, 1.0), "π0-subtask": (35, 45, 1.0), "VISTA": (37, 45, 1.0)},
    "target": {"π0 (text)": (2, 45, 0.40), "π0-subtask": (14, 45, 0.73), "VISTA": (30, 45, 1.0)},
    "novel": {"π0 (text)": (26, 189, 0.77), "π0-subtask": (54, 189, 0.94), "VISTA": (131, 189, 1.0)},
}


@dataclass(frozen=True, slots=True)
class Filming:
    """The settings of a process that films: those of the bench and the page's ``folder``."""

    settings: BenchSettings
    folder: Path


def pick(failed: Sequence[int], seeds: Sequence[int]) -> list[int]:
    """The seeds to be shown: the first failures, and the first success."""
    good = [seed for seed in seeds if seed not in set(failed)][:1]
    return [*good, *failed[:FAILURES]]


class _Film:
    """Collects the frames and goal images of one episode."""

    def __init__(self, video: Path | None) -> None:
        self.first: U8 | None = None
        self.last: U8 | None = None
        self.goals: dict[str, U8] = {}
        self._video = Video(video) if video is not None else None

    def watch(self, obs: Observation) -> None:
        self.last = side_by_side(obs.images)
        self.first = self.last if self.first is None else self.first
        if self._video is not None:
            self._video.add(obs.images, obs.stamp_ns)

    def __call__(self, event: Event) -> None:
        if event.kind is EventKind.IMAGINED and event.subgoal is not None and event.subgoal.images:
            self.goals[event.subgoal.subtask.text] = side_by_side(event.subgoal.images)

    def close(self) -> bool:
        return self._video is not None and self._video.close()


def _save(image: U8 | None, path: Path) -> str:
    shown = Image.fromarray(np.zeros((8, 8, 3), np.uint8) if image is None else image)
    scale = _LONG_SIDE / shown.height
    shown.resize((round(shown.width * scale), _LONG_SIDE), Image.Resampling.BICUBIC).save(path, quality=88)
    return path.name


def open_filming(filming: Filming) -> Callable[[EpisodeJob], Shot]:
    """One process of one thread."""
    one_thread()
    runners: dict[str, EpisodeRunner] = {}
    kept: dict[tuple[str, str], int] = {}

    def run(job: EpisodeJob) -> Shot:
        if job.method not in runners:
            runners[job.method] = EpisodeRunner(vista_refs(filming.settings, job.method))
        name = f"{job.cell}-{job.method}-{job.seed}"
        films = kept[job.cell, job.method] = kept.get((job.cell, job.method), 0) + 1
        film = _Film(filming.folder / f"{name}.mp4" if films <= FILMS else None)
        task = episode_task(filming.settings, job)
        try:
            ran = runners[job.method].run(
                task, listener=film, watched=lambda robot: WatchedRobot(robot, film.watch)
            )
            episode = ran.episode(LoopEpisode)
        finally:
            filmed = film.close()
        return Shot(
            job.cell,
            job.method,
            job.seed,
            task.instruction,
            episode.failure,
            "" if episode.success else episode.cause,
            _save(film.first, filming.folder / f"{name}-first.jpg"),
            _save(film.last, filming.folder / f"{name}-last.jpg"),
            {
                text: _save(image, filming.folder / f"{name}-goal{k}.jpg")
                for k, (text, image) in enumerate(film.goals.items())
            },
            f"{name}.mp4" if filmed else "",
        )

    return run


def paper_rows(cell: str) -> list[Row]:
    """What the paper reports of ``cell``, as rows of the table."""
    return [
        Row(cell, f"{method}, the paper", n, good / n, wilson(good, n), approach, published=True)
        for method, (good, n, approach) in PAPER.get(cell, {}).items()
    ]


def make_page(
    settings: BenchSettings,
    report: Mapping[str, object],
    seeds: Callable[[str, int], Sequence[int]],
    folder: Path,
) -> Path:
    """Film what should be seen of a finished ``report`` and write the page into ``folder``.

    ``seeds(cell, n)`` are the seeds of the report's cells. Returns the page's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows, jobs = list[Row](), list[EpisodeJob]()
    cells = report["cells"]
    assert isinstance(cells, list)
    for k, cell in enumerate(cells):
        name, method, n = str(cell["cell"]), str(cell["method"]), int(cell["n"])
        low, high = cell["interval"]
        rows.append(
            Row(
                name, method, n, float(cell["success_rate"]), (low, high), cell.get("approach_rate", 0.0),
                cell.get("grasp_rate", 0.0), cell.get("failures", {}), cell.get("groups", {}),
            )
        )  # fmt: skip
        jobs += [
            EpisodeJob(name, method, seed) for seed in pick(cell.get("failed_seeds", []), seeds(name, n))
        ]
        if k + 1 == len(cells) or cells[k + 1]["cell"] != cell["cell"]:
            rows += paper_rows(name)
    filmed = attempts(open_filming, Filming(settings, folder), jobs, settings.workers)
    shots = {job: shot for job, shot in filmed if not isinstance(shot, Crash)}  # a crash has no picture
    about = {
        "commit": str(report["commit"]),
        "seeds": f"{report['split']}, from {report['seed']}",
        **{str(k): str(v) for k, v in dict(report["machine"]).items()},  # type: ignore[call-overload]
    }
    return write_bench_page(
        "VISTA's columns, in simulation", about, rows, [shots[job] for job in jobs if job in shots], folder
    )
