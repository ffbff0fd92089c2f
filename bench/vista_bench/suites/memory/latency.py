"""Cell ``latency`` of suite ``memory``: the time of an update and a recall, from 1,000 to a million records.

One process, one store that grows. The methods take turns, so that all meet the same load from outside.
``parallel``: all memories at once; ``sequential``: one after the other; ``temporal``: that memory only. A
recall is timed twice: ``index``, the query's vector known already; ``text``, from words to the answer. With a
wait of 50 ms in each memory, as a language model's would be, parallel stands beside each memory ``alone``.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from robomemory.embed.embedder import Embedder
from robomemory.memory import RoboMemory
from robomemory.memory_parts import MemoryParts, PartsContext
from robomemory.records import MemoryKind, MemoryRecord, Query, Recall
from robomemory.update_protocol import Asked, Change, MemoryPart, Update
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.suites.base import AnySuite, BenchSettings, Cell
from vista_bench.suites.memory import exact
from vista_bench.suites.memory.chart import draw
from vista_bench.suites.memory.synthetic import SHARES, NeighbourhoodEmbedder, notes, question

SIZES = (1_000, 10_000, 100_000)
BATCH = 1_000
WAIT_S = 0.05
WAITS = 20  # calls of each method with the wait
METHODS = ("parallel", "sequential", "temporal")
DEADLINE_S = 60.0


class LatencyCell(AnySuite):
    name = "memory"
    cells = ("latency",)
    methods = METHODS
    default_cells = cells
    default_methods = METHODS
    default_episodes = 200

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """Nothing is resumed, as the times of a table belong to one run."""
        self.check(settings)
        count = settings.episodes or self.default_episodes
        methods = tuple(dict.fromkeys(settings.methods or METHODS))
        sizes = sorted(settings.records or SIZES)
        progress.start(len(sizes) + 1, 0)
        out.mkdir(parents=True, exist_ok=True)
        embedder = NeighbourhoodEmbedder()
        found: list[Cell] = []
        with tempfile.TemporaryDirectory(dir=out, prefix="store-") as folder:
            path = Path(folder) / "scene.sqlite3"
            clock = _Clock(path, embedder)
            try:
                # In half the first size, as this part adds records, too.
                found += _with_wait(clock, min(count, WAITS), sizes[0] // 2)
                progress.step(EpisodeJob("latency", "wait", sizes[0]), True)
                for size in sizes:
                    filling_s = clock.fill(size)
                    began = time.perf_counter()
                    clock.memory.close()
                    closing_s = time.perf_counter() - began
                    began = time.perf_counter()
                    clock.open()
                    opening_s = time.perf_counter() - began
                    stored = _stored(path)
                    rows = _timed(clock, methods, count, size)
                    rows[0] |= {
                        "stored": stored, "filling_s": round(filling_s, 1), "closing_s": round(closing_s, 2),
                        "opening_s": round(opening_s, 2), "rss_mb": _rss_mb(),
                        "disk_mb": sum(f.stat().st_size for f in Path(folder).rglob("*.*")) >> 20,
                        "shares": {str(kind): share for kind, share in SHARES.items()},
                    }  # fmt: skip
                    hits, asked, index = exact.recall_at_10(
                        clock.parts, clock.store, embedder, min(count, 100)
                    )
                    found += rows
                    found.append(_row("index", asked, size) | {"recall_at_10": hits, "index": index})
                    # A million takes long: the rows so far are kept.
                    (out / "rows.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
                    progress.step(EpisodeJob("latency", "parallel", size), True)
            finally:
                clock.memory.close()
        draw(found, out)
        return found


class Spent(NamedTuple):
    """[s] on the clock on the wall, and of all processor cores."""

    wall: float
    cpu: float


class _Clock:
    """Fills the memory at ``path`` and times its calls; ``parts`` and ``store`` are its own."""

    def __init__(self, path: Path, embedder: Embedder) -> None:
        self._path, self._embedder = path, embedder
        self.open()
        self._next = self._kept = self._asked = 0  # an update passes over notes, so that not all are kept

    def open(self) -> None:
        """Opens the memory, anew once it was closed."""

        def make(context: PartsContext) -> MemoryParts:
            self.parts, self.store = MemoryParts.build(context), context.store
            return self.parts

        self.memory = RoboMemory(self._path, embedder=self._embedder, make_parts=make)

    def fill(self, size: int) -> float:
        """Up to ``size`` records; the seconds it took, with what runs in the background."""
        began = time.perf_counter()
        while self._kept < size:
            count = min(BATCH, size - self._kept)
            self.memory.remember(list(notes(self._next, self._next + count)))
            self._next += count
            self._kept += count
        self.memory.settle(3_600.0)
        return time.perf_counter() - began

    def update(self, kinds: Sequence[MemoryKind]) -> Spent:
        """One update with a note for each of ``kinds``."""
        wanted, batch = set(kinds), list[MemoryRecord]()
        while wanted:
            (record,) = notes(self._next, self._next + 1)
            self._next += 1
            if record.kind in wanted:
                wanted.discard(record.kind)
                batch.append(record)
        self._kept += len(batch)
        return self._spent(lambda: self.memory.remember(batch))

    def recall(self, kinds: Sequence[MemoryKind]) -> tuple[Spent, Spent]:
        """The time of a recall from a question in words, and of one from its vector."""
        self._asked += 1
        query = Query(question(self._asked), frozenset(map(str, kinds)))
        spent = [self._spent(lambda: self._ask(query)) for _ in range(2)]
        return spent[0], spent[1]

    def _ask(self, query: Query) -> None:
        answer = self.memory.recall([query], timeout_s=DEADLINE_S)
        assert not answer.partial, dict(answer.missing)

    @staticmethod
    def _spent(call: Callable[[], object]) -> Spent:
        began, cpu = time.perf_counter(), time.process_time()
        call()
        return Spent(time.perf_counter() - began, time.process_time() - cpu)


def _timed(clock: _Clock, methods: Sequence[str], count: int, size: int) -> list[Cell]:
    spent: dict[tuple[str, str], list[Spent]] = {}
    for turn in range(-5, count):
        for method in methods:
            kinds = (MemoryKind.TEMPORAL,) if method == "temporal" else tuple(MemoryKind)
            clock.parts.parallel = method != "sequential"
            text, index = clock.recall(kinds)
            update = clock.update(kinds)
            if turn >= 0:
                for what, seconds in (("index", index), ("text", text), ("update", update)):
                    spent.setdefault((method, what), []).append(seconds)
    clock.parts.parallel = True
    return [
        _row(method, len(times), size) | {"what": what} | _percentiles(times)
        for (method, what), times in spent.items()
    ]


class _Waiting:
    """A memory that takes ``WAIT_S`` longer for everything, as one that asks a language model does."""

    def __init__(self, part: MemoryPart) -> None:
        self._part = part

    def plan(self, update: Update) -> Change:
        time.sleep(WAIT_S)
        return self._part.plan(update)

    def apply(self, change: Change) -> None:
        self._part.apply(change)

    def recall(self, asked: Asked) -> list[Recall]:
        time.sleep(WAIT_S)
        return self._part.recall(asked)


def _with_wait(clock: _Clock, count: int, size: int) -> list[Cell]:
    """Rows with the wait: parallel and sequential beside each memory alone, and what that comes to."""
    clock.fill(size)
    parts = clock.parts
    own = parts.by_kind
    parts.by_kind = {kind: _Waiting(part) for kind, part in own.items()}
    spent: dict[str, list[tuple[Spent, Spent]]] = {}
    try:
        for _ in range(count):
            for method in ("parallel", "sequential", *MemoryKind):
                kinds = tuple(MemoryKind) if method in METHODS[:2] else (MemoryKind(method),)
                parts.parallel = method != "sequential"
                _, index = clock.recall(kinds)
                spent.setdefault(str(method), []).append((clock.update(kinds), index))
    finally:
        parts.parallel = True
        parts.by_kind = own
    rows = []
    for column, what in enumerate(("update", "index")):
        times = {method: [pair[column] for pair in pairs] for method, pairs in spent.items()}
        alone = max(_median(times[str(kind)]) for kind in MemoryKind)
        parallel, sequential = (_median(times[m]) for m in METHODS[:2])
        for method, each in times.items():
            name = method if method in METHODS[:2] else f"{method} alone"
            row = _row(name, len(each), size) | {"what": f"{what}, 50 ms wait"} | _percentiles(each)
            if method == "parallel":
                row |= {"to_slowest": round(parallel / alone, 3), "speedup": round(sequential / parallel, 3)}
            rows.append(row)
    return rows


def _row(method: str, n: int, size: int) -> Cell:
    return {
        "cell": "latency", "method": method, "n": n, "success_rate": None, "interval": None, "records": size
    }  # fmt: skip


def _median(spent: Sequence[Spent]) -> float:
    return float(np.median([each.wall for each in spent]))


def _percentiles(spent: Sequence[Spent]) -> Cell:
    """Median and 99th percentile of the wall time; the quickest call and the processor time estimate a
    machine that does nothing else."""
    wall, cpu = (np.asarray(values) * 1e3 for values in zip(*spent, strict=True))
    p50, p99 = (float(v) for v in np.percentile(wall, (50, 99)))
    return {
        "p50_ms": round(p50, 3), "p99_ms": round(p99, 3), "min_ms": round(float(wall.min()), 3),
        "cpu_ms": round(float(np.median(cpu)), 3),
    }  # fmt: skip


def _stored(path: Path) -> int:
    """How many records the file holds."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        ((count,),) = db.execute("SELECT count(*) FROM records").fetchall()
    return int(count)


def _rss_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20
