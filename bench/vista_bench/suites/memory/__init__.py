"""Suite ``memory``: cost and benefit of RoboMemory; one module a cell.

A cell is a suite of its own (methods, seeds, resuming, or a ``measure`` of its own) that keeps its
episodes in a folder of its own. To add one, name its module and class in :data:`CELLS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vista.errors import UnknownNameError
from vista_bench.jobs import BenchProgress
from vista_bench.suites.base import AnySuite, BenchSettings, Cell

# Cell -> (module, class)
CELLS = {
    "latency": ("vista_bench.suites.memory.latency", "LatencyCell"),
    "recall": ("vista_bench.suites.memory.recall", "RecallCell"),
    "lifelong": ("vista_bench.suites.memory.lifelong", "LifelongCell"),
    "learned": ("vista_bench.suites.memory.learned", "LearnedCell"),
    "again": ("vista_bench.suites.memory.again", "AgainCell"),
    "textworlds": ("vista_bench.textworlds.cell", "TextWorldsCell"),
    "taught": ("vista_bench.suites.memory.taught", "TaughtCell"),
    "retention": ("vista_bench.suites.memory.retention", "RetentionCell"),
    "peers": ("vista_bench.peers.cell", "PeersCell"),
}
ASKED_FOR = ("peers",)
"""Cells that are measured only when they are named: what they need is not part of the usual environment."""


class MemorySuite(AnySuite):
    name = "memory"
    cells = tuple(CELLS)
    default_cells = tuple(cell for cell in CELLS if cell not in ASKED_FOR)

    def check(self, settings: BenchSettings) -> None:
        """Every cell is checked before the first one starts; a method must be known to one of them."""
        chosen = settings.cells or self.default_cells
        for cell in chosen:
            if cell not in CELLS:
                raise UnknownNameError("cell of suite 'memory'", cell, CELLS)
        parts = {cell: make_cell(cell) for cell in chosen}
        known = {method for part in parts.values() for method in part.methods}
        for method in settings.methods:
            if method not in known:
                raise UnknownNameError("method of suite 'memory'", method, sorted(known))
        for cell, part in parts.items():
            if (mine := _narrowed(settings, cell, part)) is not None:
                part.check(mine)

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """The cells one after another: those that measure time must have the machine for themselves."""
        self.check(settings)
        found: list[Cell] = []
        for cell in dict.fromkeys(settings.cells or self.default_cells):
            part = make_cell(cell)
            mine = _narrowed(settings, cell, part)
            if mine is not None:
                found += part.measure(mine, out / cell, progress)
        return found

    def markdown(self, cells: Sequence[Cell]) -> str:
        """Those of the one cell that was measured; several share the usual table."""
        (first, *others) = dict.fromkeys(str(cell["cell"]) for cell in cells)
        return "" if others else make_cell(first).markdown(cells)


def make_cell(cell: str) -> AnySuite:
    """The suite behind ``cell``, which is a key of :data:`CELLS`."""
    module, name = CELLS[cell]
    part = getattr(importlib.import_module(module), name)()
    assert isinstance(part, AnySuite)
    return part


def _narrowed(settings: BenchSettings, cell: str, part: AnySuite) -> BenchSettings | None:
    """The settings for one cell; None where none of the methods asked for is one of its own."""
    methods = tuple(m for m in settings.methods if m in part.methods)
    if settings.methods and not methods:
        return None
    return replace(settings, cells=(cell,), methods=methods)
