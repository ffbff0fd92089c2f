"""The cost of the memory over its size, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vista_bench.suites.base import Cell

_WHAT = {"index": "recall, index", "text": "recall, text to result", "update": "update"}


def draw(cells: Sequence[Cell], out: Path) -> list[Path]:
    """``latency.svg`` and ``latency.png`` in ``out``: median and 99th percentile of each method by number of
    records. Nothing where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return []
    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots(1, len(_WHAT), sharey=True)
    for axis, (what, title) in zip(axes, _WHAT.items(), strict=True):
        for method in dict.fromkeys(str(c["method"]) for c in cells if c.get("what") == what):
            rows = [c for c in cells if c.get("what") == what and c["method"] == method]
            sizes, p50, p99 = ([_number(c[k]) for c in rows] for k in ("records", "p50_ms", "p99_ms"))
            (line,) = axis.plot(sizes, p50, marker="o", label=f"{method}, median")
            axis.plot(sizes, p99, marker=".", linestyle=":", color=line.get_color(), label=f"{method}, p99")
        axis.set(title=title, xlabel="records", xscale="log", yscale="log")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("time [ms]")
    axes[-1].legend(fontsize=8)
    paths = [out / f"latency.{ending}" for ending in ("svg", "png")]
    for path in paths:
        figure.savefig(path, dpi=120)
    return paths


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)
