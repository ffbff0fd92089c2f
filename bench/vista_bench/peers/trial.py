"""One system, one size: what it takes to add and to ask, what comes first, and what a kill loses."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vista_bench.peers.corpus import KINDS, Corpus
from vista_bench.peers.driver_process import OPEN_S, DriverProcess, PeerDriverError
from vista_bench.peers.drivers.protocol import FoundNote, ToldNote
from vista_bench.peers.systems import ComparedSystem
from vista_bench.peers.vectors import VectorFile
from vista_bench.results import wilson
from vista_bench.suites.base import Cell

BATCH = 1_000
SINGLES = 300  # notes that are added one a call, and timed
WARM = 5  # questions that are not timed
K = 5
KILLS = 3
KILL_NOTES = 600  # that a kill falls into
START = "warm up"  # a text that RoboMemory embeds when it is opened


class PeerTrial:
    """The trial of ``system`` in ``folder``, which is empty; see :meth:`run`."""

    def __init__(
        self, system: ComparedSystem, corpus: Corpus, vectors: VectorFile, folder: Path, seed: int
    ) -> None:
        self._system, self._corpus, self._vectors, self._folder = system, corpus, vectors, folder
        self._rng = np.random.default_rng(seed)
        self._keys: dict[int, str] = {}  # number of the note -> key, of all that were acknowledged

    def run(self) -> Cell:
        """Adds, asks, closes, opens, kills.

        Raises:
            PeerDriverError: the system failed where it was not killed.
        """
        size = len(self._corpus.notes)
        load = os.getloadavg()[0]
        driver = self._open()
        try:
            row: Cell = {"records": size, "version": driver.version, "empty_mb": driver.empty_mb}
            row |= self._add(driver)
            driver.call("retract", keys=[self._keys.pop(n) for n in self._corpus.false])
            row |= self._ask(driver)
            row["rss_mb"] = driver.call("status")["rss_mb"]
            row["closing_s"] = round(driver.stop(), 2)
        finally:
            driver.kill()
        row["disk_mb"] = round(_bytes(self._folder / "store") / 2**20, 1)
        driver = self._open()
        try:
            row["opening_s"] = round(driver.open_s, 2)
            row["lost_on_close"] = len(self._missing(driver))
            row |= self._kills(driver)
        finally:
            driver.kill()
        product = _product_ms()
        return row | {
            "product_ms": product, "load": round(load, 2), "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        }  # fmt: skip

    def _open(self) -> DriverProcess:
        known = {START: self._vectors.rows[START]}
        return DriverProcess(
            self._system, self._folder / "store", self._vectors.path, self._vectors.dim, known,
            self._folder / "driver.log",
        )  # fmt: skip

    def _notes(self, start: int, stop: int) -> list[ToldNote]:
        every = (*self._corpus.notes, *self._corpus.extra)
        return [every[n].told(n, self._vectors.rows) for n in range(start, min(stop, len(every)))]

    def _add(self, driver: DriverProcess) -> Cell:
        size = len(self._corpus.notes)
        singles = min(SINGLES, size // 2)
        spent = 0.0
        for start in range(0, size - singles, BATCH):
            notes = self._notes(start, min(start + BATCH, size - singles))
            keys, seconds = driver.add(notes)
            self._keys.update(zip((note.n for note in notes), keys, strict=True))
            spent += seconds
        times = []
        notes = self._notes(size - singles, size)
        for note, (key, seconds) in zip(notes, driver.stream(notes), strict=True):
            self._keys[note.n] = key
            times.append(seconds * 1e3)
        settled = float(driver.call("settle", OPEN_S)["s"])
        p50, p99 = np.percentile(times, (50, 99))
        return {
            "notes_per_s": round((size - singles) / spent), "add_p50_ms": round(float(p50), 3),
            "add_p99_ms": round(float(p99), 3), "settling_s": round(settled, 2),
        }  # fmt: skip

    def _ask(self, driver: DriverProcess) -> Cell:
        counts = {name: Counter[str]() for name in ("first", "newest", "five", "asked")}
        times = []
        asked = self._corpus.asked
        for i in range(-min(WARM, len(asked)), len(asked)):
            each = asked[max(i, 0)]
            row = self._vectors.rows[each.question]
            found, seconds = driver.ask(each.question, row, K, each.at_ns)
            if i < 0:
                continue
            times.append(seconds * 1e3)
            right = [each.fits(note) for note in found]
            counts["asked"][each.kind] += 1
            counts["first"][each.kind] += bool(right[:1] == [True])
            last = newest(found)
            counts["newest"][each.kind] += last is not None and each.fits(last)
            counts["five"][each.kind] += any(right)
        p50, p95 = np.percentile(times, (50, 95))
        first, total = (sum(counts[name].values()) for name in ("first", "asked"))
        return {
            "ask_p50_ms": round(float(p50), 3), "ask_p95_ms": round(float(p95), 3), "n": total,
            "success_rate": first / total, "interval": list(wilson(first, total)),
            **{name: {kind: by[kind] for kind in KINDS} for name, by in counts.items()},
        }  # fmt: skip

    def _missing(self, driver: DriverProcess) -> list[str]:
        keys = list(dict.fromkeys(self._keys.values()))
        return list(driver.call("missing", OPEN_S, keys=keys)["missing"])

    def _kills(self, driver: DriverProcess) -> Cell:
        """Kills the process while it adds one note a call, opens the store again and looks for every note
        that was ever acknowledged."""
        size, opened, lost, acknowledged, words = len(self._corpus.notes), 0, list[int](), 0, ""
        for turn in range(KILLS):
            notes = self._notes(size + turn * KILL_NOTES, size + (turn + 1) * KILL_NOTES)
            until = int(self._rng.integers(len(notes) // 10, len(notes) * 9 // 10))
            keys = list[str]()
            for key, _ in driver.stream(notes):
                keys.append(key)
                if len(keys) == until:
                    break
            keys += driver.kill_now()
            acknowledged += len(keys)
            self._keys.update(zip((note.n for note in notes), keys, strict=False))
            try:
                driver = self._open()
                gone = set(self._missing(driver))
            except PeerDriverError as error:
                words = str(error)
                break
            opened += 1
            lost.append(len(gone))
            # What is lost once is not looked for again.
            self._keys = {n: key for n, key in self._keys.items() if key not in gone}
        driver.kill()
        return {
            "kills": KILLS, "opened": opened, "acknowledged": acknowledged, "lost": sum(lost),
            **({"not_opened": words} if words else {}),
        }  # fmt: skip


def newest(found: Sequence[FoundNote]) -> FoundNote | None:
    """Of the sightings that were found that with the latest stamp, the better one of two; None if there is
    none."""
    return max((note for note in found if note.thing), key=lambda note: note.stamp_ns, default=None)


def not_measured(size: int, why: str) -> Cell:
    """A row for a system without figures."""
    return {"records": size, "n": 0, "success_rate": None, "interval": None, "skipped": why}


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _product_ms() -> float:
    """The median time of a product of two 512 x 512 matrices: how busy the machine was."""
    a = np.random.default_rng(0).standard_normal((512, 512), dtype=np.float32)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        a @ a
        times.append((time.perf_counter() - began) * 1e3)
    return round(float(np.median(times)), 2)
