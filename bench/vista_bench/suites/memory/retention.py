"""Cell ``retention`` of suite ``memory``: what a day costs. A scene of 30 things is noted at 5 Hz; then the
past is asked for, and the older half is forgotten while a writer goes on.

``--records`` is the number of notes; an hour has about 55,000. ``forget_ratio`` is the time of forgetting a
note by the time of remembering one in the same run.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from robomemory import HashingEmbedder, Note, Query, RoboMemory
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.suites.base import AnySuite, BenchSettings, Cell, seeds_of

S = 10**9
HZ = 5
THINGS = 30
PLACES = ("shelf", "tray", "drawer", "table")
SIZES = (55_000, 220_000)
BATCH = 1_000  # notes of one call
ASKED = 100  # questions whose time is taken
PAUSE_S = 0.1  # of the writer between its notes
DAY = {
    "records": "notes", "hours": "hours", "filling_s": "remember [s]", "forget_s": "forget half [s]",
    "forget_ratio": "forget a note / remember one", "write_p95_ms": "write meanwhile, p95 [ms]",
    "write_longest_ms": "longest [ms]", "scene_p95_ms": "scene, p95 [ms]", "history_p95_ms": "history [ms]",
    "mb_before": "disk [MB]", "mb_after": "after [MB]",
}  # fmt: skip
BALLS = 10_000  # things among which balls are asked for


class RetentionCell(AnySuite):
    name = "memory"
    cells = ("retention",)
    methods = ("day", "balls")
    default_cells = cells
    default_methods = methods

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """One row a number of notes, and one of balls. Nothing is resumed."""
        self.check(settings)
        (seed,) = seeds_of(settings, 1)
        methods = tuple(dict.fromkeys(settings.methods or self.methods))
        jobs = [("day", size) for size in settings.records or SIZES if "day" in methods]
        jobs += [("balls", BALLS)] if "balls" in methods else []
        progress.start(len(jobs), 0)
        found: list[Cell] = []
        out.mkdir(parents=True, exist_ok=True)
        for method, size in jobs:
            rng = np.random.default_rng(seed)
            with tempfile.TemporaryDirectory(dir=out) as folder:
                found.append(_day(size, rng, Path(folder)) if method == "day" else _balls(size, rng))
            progress.step(EpisodeJob("retention", method, size), True)
        return found

    def markdown(self, cells: Sequence[Cell]) -> str:
        """A table of days and one of balls."""
        days = [cell for cell in cells if cell["method"] == "day"]
        balls = [cell for cell in cells if cell["method"] == "balls"]
        lines = []
        if days:
            lines += ["| " + " | ".join(DAY.values()) + " |", "|---" * len(DAY) + "|"]
            lines += ["| " + " | ".join(str(cell[key]) for key in DAY) + " |" for cell in days]
        for cell in balls:
            lines += ["", f"Balls among {cell['records']} things: {cell['success_rate']:.0%} right,"
                      f" p50 {cell['p50_ms']} ms, p95 {cell['p95_ms']} ms."]  # fmt: skip
        return "\n".join(lines).strip() + "\n"


def frames(rng: np.random.Generator) -> Iterator[list[Note]]:
    """What is noted in each frame: two things seen and a fact said again; now and then a thing has moved, a
    step was done, an attempt ended."""
    names = [f"thing {i}" for i in range(THINGS)]
    spots = {name: (i % 6 * 0.3, i // 6 * 0.3, 0.0) for i, name in enumerate(names)}
    places = dict.fromkeys(names, PLACES[0])
    frame = 0
    while True:
        at = frame * S // HZ
        told = [str(name) for name in rng.choice(names, 3, replace=False)]
        if frame % 100 == 0:
            spots[told[2]] = (float(rng.uniform(0, 2)), float(rng.uniform(0, 2)), 0.0)
            places[told[2]] = str(rng.choice(PLACES))
        notes = [
            Note(
                "spatial",
                f"{name} seen",
                at,
                (name,),
                (spots[name][0] + float(rng.normal(0, 1e-3)), *spots[name][1:]),
            )
            for name in told[:2]
        ]
        said = (told[2], "in", places[told[2]])
        notes.append(Note("spatial", " ".join(said), at, triple=said))
        if frame % 25 == 0:
            notes.append(Note("temporal", f"moved {told[2]}, step {frame}", at))
        if frame % 150 == 0:
            notes.append(Note("episodic", f"put {' '.join(said)}, try {frame}: success", at))
        yield notes
        frame += 1


def _day(size: int, rng: np.random.Generator, folder: Path) -> Cell:
    with RoboMemory(folder / "scene.sqlite3", embedder=HashingEmbedder(64)) as memory:
        kept, notes, end = 0, list[Note](), 0
        began = time.perf_counter()
        for frame in frames(rng):
            notes += frame
            if len(notes) >= BATCH or kept + len(notes) >= size:
                memory.remember(notes)
                kept, end, notes = kept + len(notes), notes[-1].stamp_ns, []
            if kept >= size:
                break
        filling_s = time.perf_counter() - began
        name = f"thing {THINGS // 2}"
        questions: dict[str, Callable[[int], object]] = {
            "scene": memory.scene,
            "inside": lambda at: memory.inside("tray", at),
            "history": lambda _: memory.history(name),
            "changes": lambda at: memory.changes(at, at + 60 * S),
        }
        asked = {
            f"{each}_p95_ms": _p95_ms(call, rng.integers(0, end, ASKED)) for each, call in questions.items()
        }
        bytes_before = memory.status().size_bytes
        forgotten, spent_s, waits = _forget_half(memory, end)
        return {
            "cell": "retention", "method": "day", "n": kept, "records": size, "success_rate": None,
            "hours": round(end / S / 3600, 2), "filling_s": round(filling_s, 2), **asked,
            "forgotten_records": forgotten, "forget_s": round(spent_s, 2),
            "forget_ratio": round(spent_s / (filling_s / 2), 2),
            "write_p95_ms": round(float(np.percentile(waits, 95)) * 1e3, 1),
            "write_longest_ms": round(max(waits) * 1e3, 1),
            "mb_before": round(bytes_before / 2**20, 1),
            "mb_after": round(memory.status().size_bytes / 2**20, 1),
        }  # fmt: skip


def _forget_half(memory: RoboMemory, end: int) -> tuple[int, float, list[float]]:
    """(records forgotten, seconds, how long each write waited meanwhile [s])."""
    waits: list[float] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            at = end + len(waits) * S // 10
            seen = Note("spatial", "thing 2 seen", at, ("thing 2",), (0.5, 0.5, 0.0))
            began = time.perf_counter()
            memory.remember([seen, Note("episodic", f"extra {len(waits)}", at)])
            waits.append(time.perf_counter() - began)
            done.wait(PAUSE_S)

    writer = threading.Thread(target=write, name="writer")
    writer.start()
    try:
        began = time.perf_counter()
        forgotten = memory.forget(before_ns=end // 2)
        spent_s = time.perf_counter() - began
    finally:
        done.set()
        writer.join()
    return forgotten, spent_s, waits


def _balls(size: int, rng: np.random.Generator) -> Cell:
    """The time of a question for what lies in a ball among ``size`` things, half of them on a table."""
    spots = rng.uniform((0, 0, 0), (50, 50, 2), (size, 3))
    with RoboMemory(":memory:", embedder=HashingEmbedder(64)) as memory:
        for start in range(0, size, BATCH):
            memory.remember(
                [
                    Note(
                        "spatial", f"item{i} seen", i + 1, (f"item{i}",), _position(spots[i]),
                        (f"item{i}", "on", "table") if i % 2 else None,
                    )
                    for i in range(start, min(start + BATCH, size))
                ]
            )  # fmt: skip
        right, spent = 0, list[float]()
        for middle in rng.uniform((0, 0, 0), (50, 50, 2), (ASKED, 3)):
            query = Query("", kinds={"spatial"}, near=(_position(middle), 2.0))
            began = time.perf_counter()
            found = {item.record.text for item in memory.recall([query])}
            spent.append(time.perf_counter() - began)
            inside = np.flatnonzero(np.linalg.norm(spots - middle, axis=1) <= 2.0)
            right += found == {f"item{i} seen" for i in inside}
    p50, p95 = (round(float(v) * 1e3, 2) for v in np.percentile(spent, (50, 95)))
    return {
        "cell": "retention", "method": "balls", "n": ASKED, "records": size, "success_rate": right / ASKED,
        "p50_ms": p50, "p95_ms": p95,
    }  # fmt: skip


def _p95_ms(call: Callable[[int], object], moments: np.ndarray) -> float:
    spent = []
    for at in moments:
        began = time.perf_counter()
        call(int(at))
        spent.append(time.perf_counter() - began)
    return round(float(np.percentile(spent, 95)) * 1e3, 2)


def _position(row: np.ndarray) -> tuple[float, float, float]:
    x, y, z = map(float, row)
    return x, y, z
