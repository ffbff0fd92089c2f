"""The charts of the page, drawn as SVG whose colours come from the page's style sheet."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from vista.report.markup import escape
from vista.report.record import StageSpan, SubtaskRecord

STAGES = ("observe", "detect", "recall", "plan", "critic", "imagine", "pursue", "remember")

_WIDTH, _LEFT, _RIGHT, _ROW = 960, 96, 16, 26


def seconds(value: float) -> str:
    """A duration for people: 12 ms, 1.24 s, 2 min 05 s."""
    if value < 0.9995e-3:
        return f"{value * 1e6:.0f} µs"
    if value < 0.9995:
        return f"{value * 1e3:.3g} ms"
    if value < 99.5:
        return f"{value:.3g} s"
    return f"{int(value) // 60} min {int(value) % 60:02d} s"


def stage_class(stage: str) -> str:
    """The class that colours ``stage``: its place in the loop, parts of a stage like the whole."""
    name = stage.split(".")[0]
    return f"s{STAGES.index(name)}" if name in STAGES else "s8"


def timeline(spans: Sequence[StageSpan], total_s: float) -> str:
    """Every call of every stage over the wall time of the run, one lane for each stage."""
    lanes = [s for s in STAGES if any(span.stage == s for span in spans)]
    lanes += sorted({s.stage for s in spans} - set(lanes))
    total_s = max([total_s, 1e-3, *(span.end for span in spans)])
    height, plot = len(lanes) * _ROW + 30, _WIDTH - _LEFT - _RIGHT

    def x(at_s: float) -> float:
        return _LEFT + plot * at_s / total_s

    parts = [_open(height, "Every call of every stage over wall time")]
    for tick in _ticks(total_s):
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="0" y2="{height - 24}"/>')
        parts.append(_text(x(tick), height - 8, f"{tick:g} s", "axis", "middle"))
    for row, stage in enumerate(lanes):
        y = row * _ROW
        parts.append(_text(_LEFT - 10, y + 17, stage, "label", "end"))
        for span in (s for s in spans if s.stage == stage):
            width = max(1.5, x(span.end) - x(span.start))
            parts.append(
                f'<rect class="{stage_class(stage)}" x="{x(span.start):.1f}" y="{y + 5}" rx="2.5" '
                f'width="{width:.1f}" height="{_ROW - 10}"><title>{escape(stage)} '
                f"{seconds(span.end - span.start)} from {span.start:.2f} s</title></rect>"
            )
    return "".join([*parts, "</svg>"])


def calls(timings: Mapping[str, Sequence[float]]) -> str:
    """Each call of each stage as a dot on a logarithmic axis, the median as a line."""
    rows = [(name, [max(v, 1e-6) for v in values]) for name, values in ordered(timings) if values]
    if not rows:
        return ""
    low = math.floor(math.log10(min(min(v) for _, v in rows)))
    high = max(low + 1, math.ceil(math.log10(max(max(v) for _, v in rows))))
    left, height = 150, len(rows) * _ROW + 30
    plot = _WIDTH - left - _RIGHT - 12

    def x(value: float) -> float:
        return left + plot * (math.log10(value) - low) / (high - low)

    parts = [_open(height, "Wall time of each call, logarithmic")]
    for power in range(low, high + 1):
        at = x(10.0**power)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{height - 24}"/>')
        parts.append(_text(at, height - 8, seconds(10.0**power), "axis", "middle"))
    for row, (name, values) in enumerate(rows):
        y, middle = row * _ROW + _ROW / 2, statistics.median(values)
        parts.append(_text(left - 10, y + 4, name, "label", "end"))
        parts.append(
            f'<line class="range {stage_class(name)}" x1="{x(min(values)):.1f}" '
            f'x2="{x(max(values)):.1f}" y1="{y}" y2="{y}"/>'
        )
        # A long run has thousands of calls: evenly picked ones show the same shape.
        shown = values[:: max(1, len(values) // 200)]
        parts += [
            f'<circle class="dot {stage_class(name)}" cx="{x(v):.1f}" cy="{y}" r="3.5"/>' for v in shown
        ]
        parts.append(
            f'<line class="median" x1="{x(middle):.1f}" x2="{x(middle):.1f}" y1="{y - 8}" y2="{y + 8}">'
            f"<title>median {seconds(middle)}</title></line>"
        )
    return "".join([*parts, "</svg>"])


def subtask_bar(subtasks: Sequence[SubtaskRecord], total_s: float) -> str:
    """The subtasks over robot time as one bar, each part coloured by how it ended."""
    total_s = max([total_s, 1e-3, *(s.end for s in subtasks)])
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} 34" role="img"><title>Subtasks over robot time</title>'
    ]
    for number, each in enumerate(subtasks, start=1):
        at, width = _WIDTH * each.start / total_s, _WIDTH * (each.end - each.start) / total_s
        parts.append(
            f'<rect class="bar {escape(each.state)}" x="{at + 1:.1f}" y="4" rx="5" '
            f'width="{max(2.0, width - 2):.1f}" height="26"><title>{number}. {escape(each.text)}: '
            f"{escape(each.state)}, {seconds(each.end - each.start)}</title></rect>"
        )
        if width > 22:
            parts.append(_text(at + width / 2, 22, str(number), "onbar", "middle"))
    return "".join([*parts, "</svg>"])


def ordered(timings: Mapping[str, Sequence[float]]) -> list[tuple[str, Sequence[float]]]:
    """Stages in the order of the loop, the parts of a stage behind it, unknown ones last."""

    def key(name: str) -> tuple[int, int, str]:
        first = name.split(".")[0]
        return (STAGES.index(first) if first in STAGES else len(STAGES), name.count("."), "")

    return sorted(timings.items(), key=lambda item: key(item[0]))


def _open(height: int, title: str) -> str:
    return f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img"><title>{title}</title>'


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _ticks(total_s: float) -> list[float]:
    """Round numbers from 0 to ``total_s``, between four and ten of them."""
    raw = total_s / 8
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
    return [round(i * step, 9) for i in range(int(total_s / step + 1e-9) + 1)]
