"""Cell ``latency`` of suite ``memory``: time of an update and of a recall at growing numbers of records."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from robomemory.embedding import HashingEmbedder
from robomemory.memory import RoboMemory
from vista.cli.suites.base import Cell, Job, Progress, Settings, Suite
from vista.types import Note

SIZES = (1_000, 10_000)
BATCH = 500
CALLS = 50


class LatencyCell(Suite):
    name = "memory"
    cells = ("latency",)
    methods = ("parallel",)
    default_cells = cells
    default_methods = methods
    default_episodes = CALLS

    def measure(self, settings: Settings, out: Path, progress: Progress) -> list[Cell]:
        """One store that grows from size to size; nothing is resumed, as times belong to one run."""
        self.check(settings)
        count = settings.episodes or self.default_episodes
        progress.start(len(SIZES), 0)
        found: list[Cell] = []
        with (
            tempfile.TemporaryDirectory() as folder,
            RoboMemory(Path(folder) / "scene.sqlite3", embedder=HashingEmbedder(384)) as memory,
        ):
            done = 0
            for size in SIZES:
                for batch in _batches(done, size):
                    memory.remember(batch)
                done = size
                spent = np.array([_timed(memory, f"box {i * 7} moved") for i in range(count)]) * 1e3
                p50, p99 = np.percentile(spent, (50, 99))
                found.append(
                    {
                        "cell": "latency", "method": "parallel", "n": count, "success_rate": None,
                        "interval": None, "records": size, "p50_ms": float(p50), "p99_ms": float(p99),
                    }
                )  # fmt: skip
                progress.step(Job("latency", "parallel", size), {"success": True})
        return found


def _batches(start: int, stop: int) -> Iterator[list[Note]]:
    for first in range(start, stop, BATCH):
        yield [
            Note("episodic", f"moved box {i} to shelf {i % 17}: success", i)
            for i in range(first, min(first + BATCH, stop))
        ]


def _timed(memory: RoboMemory, text: str) -> float:
    began = time.perf_counter()
    memory.recall([text])
    return time.perf_counter() - began
