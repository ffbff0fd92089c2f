"""``index.html`` of a run: one file beside its images, nothing from elsewhere."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from vista.report.charts import calls, ordered, seconds, stage_class, subtask_bar, timeline
from vista.report.files import write_atomically
from vista.report.markup import escape
from vista.report.markup import link as _link
from vista.report.record import MOMENTS, RecalledItem, RunRecord, SubtaskRecord

_ITEMS_SHOWN = 6
_CAPTIONS = {"before": "camera image", "goal": "imagined goal", "after": "at the end"}


def write_page(record: RunRecord, folder: str | Path) -> Path:
    """Write ``index.html`` into ``folder``, where the images of ``record`` are. Returns its path.

    Raises:
        RecordingError: it cannot be written.
    """
    path = Path(folder) / "index.html"
    write_atomically(path, render_page(record).encode())
    return path


def render_page(record: RunRecord) -> str:
    """The page as one HTML text; every word of the record is escaped."""
    body = "\n".join(
        part
        for part in (
            _head(record),
            _film_and_memory(record),
            _subtasks(record),
            _timing(record),
            _graph(record),
            _about(record),
        )
        if part
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(record.instruction or 'A run')}</title>\n<style>\n{asset('style.css')}</style>\n"
        f"</head>\n<body>\n<main>\n{body}\n</main>\n<script>\n{asset('page.js')}</script>\n</body>\n</html>\n"
    )


@cache
def asset(name: str) -> str:
    """The text of a file that every page holds a copy of: ``style.css`` or ``page.js``."""
    return resources.files("vista.report").joinpath(name).read_text(encoding="utf-8")


def _head(record: RunRecord) -> str:
    truth = {True: ("success", "yes"), False: ("failure", "no"), None: ("unknown", "not known")}[record.truth]
    verdict = "".join(
        (
            _verdict("The stack believes", record.outcome, record.outcome),
            _verdict("The task is really done", *truth),
        )
    )
    doubt = ""
    if record.truth is not None and (record.outcome == "success") != record.truth:
        doubt = '<p class="doubt">What the stack believes is not what happened.</p>'
    reached = sum(s.state == "reached" for s in record.subtasks)
    numbers = "".join(
        f"<div><dt>{name}</dt><dd>{value}</dd></div>"
        for name, value in (
            ("robot time", seconds(record.seconds) if record.seconds else "&ndash;"),
            ("wall time", seconds(record.wall_seconds) if record.wall_seconds else "&ndash;"),
            ("subtasks reached", f"{reached} of {len(record.subtasks)}"),
            ("commands sent", str(record.steps)),
        )
    )
    cause = f'<p class="cause">{escape(record.cause)}</p>' if record.cause else ""
    return (
        f'<header><p class="over">Run of {escape(_moment(record.started))}</p>'
        f"<h1>{escape(record.instruction or 'No instruction was given')}</h1>"
        f'<div class="verdicts">{verdict}</div>{cause}{doubt}<dl class="numbers">{numbers}</dl></header>'
    )


def _verdict(name: str, kind: str, text: str) -> str:
    return f'<div class="verdict {escape(kind)}"><span>{name}</span><b>{escape(text)}</b></div>'


def _moment(iso: str) -> str:
    return iso[:19].replace("T", ", ")


def _film_and_memory(record: RunRecord) -> str:
    film = ""
    if record.video:
        film = (
            '<h2>Video</h2><video controls muted playsinline preload="metadata" '
            f'src="{_link(record.video)}"></video>'
            f"{subtask_bar(record.subtasks, record.seconds) if record.subtasks else ''}"
        )
    seen = "".join(
        f'<li title="({s.position[0]:.2f}, {s.position[1]:.2f}, {s.position[2]:.2f}) m">{escape(s.label)}'
        f"<small>{s.score:.0%}</small></li>"
        for s in record.seen
    )
    if seen:
        film += f'<h2>What was seen last</h2><ul class="seen">{seen}</ul>'
    memory = f'<section class="memory"><h2>What the memory recalled</h2>{_memory(record)}</section>'
    if not film:
        return memory
    return f'<div class="pair"><section class="film">{film}</section>{memory}</div>'


def _memory(record: RunRecord) -> str:
    """Each item once, in the order in which it came up; the long tail is folded away."""
    unique: dict[tuple[str, str], RecalledItem] = {}
    for item in record.recalled:
        key = (item.kind, item.text)
        if key not in unique or item.score > unique[key].score:
            unique[key] = item
    rows = [_recalled(item) for item in unique.values()]
    if not rows:
        return '<p class="quiet">Nothing: there was nothing that fits.</p>'
    first, rest = "".join(rows[:_ITEMS_SHOWN]), "".join(rows[_ITEMS_SHOWN:])
    more = (
        f"<details><summary>{len(rows) - _ITEMS_SHOWN} more</summary><ul class='recall'>{rest}</ul></details>"
    )
    return f'<ul class="recall">{first}</ul>{more if rest else ""}'


def _recalled(item: RecalledItem) -> str:
    return (
        f'<li><span class="kind {escape(item.kind)}">{escape(item.kind)}</span>'
        f"<span>{escape(item.text)}</span><small>{item.score:.2f}</small></li>"
    )


def _subtasks(record: RunRecord) -> str:
    if not record.subtasks:
        return '<section><h2>Subtasks</h2><p class="quiet">None was tried.</p></section>'
    cards = "".join(_subtask(n, each, record) for n, each in enumerate(record.subtasks, start=1))
    return f"<section><h2>Subtasks</h2>{cards}</section>"


def _subtask(number: int, each: SubtaskRecord, record: RunRecord) -> str:
    when = f"{each.start:.1f} to {each.end:.1f} s"
    if record.video:
        when = f'<button type="button" data-seek="{each.start:.2f}">▶ {when}</button>'
    score = f"<span>image score {each.score:.2f}</span>" if each.score else ""
    why = f'<p class="why">Why: {escape(each.why)}</p>' if each.why else ""
    reason = f'<p class="reason">{escape(each.reason)}</p>' if each.reason else ""
    rows = "".join(_camera(camera, files, each.state) for camera, files in sorted(each.images.items()))
    images = f'<div class="cameras">{rows}</div>' if rows else ""
    return (
        f'<article class="subtask"><header><span class="number">{number}</span><h3>{escape(each.text)}</h3>'
        f'<span class="state {escape(each.state)}">{escape(each.state.replace("_", " "))}</span></header>'
        f'<p class="meta">{when}{score}</p>{why}{reason}{images}</article>'
    )


def _camera(camera: str, files: Mapping[str, str], state: str) -> str:
    figures = []
    for moment in MOMENTS:
        name = files.get(moment, "")
        caption = "reached image" if moment == "after" and state == "reached" else _CAPTIONS[moment]
        shown = (
            f'<a href="{_link(name)}"><img src="{_link(name)}" alt="{escape(camera)}: {caption}"></a>'
            if name
            else '<div class="none">no image</div>'
        )
        figures.append(f'<figure class="{moment}">{shown}<figcaption>{caption}</figcaption></figure>')
    return f'<div class="camera"><h4>{escape(camera)}</h4><div class="triple">{"".join(figures)}</div></div>'


def _timing(record: RunRecord) -> str:
    if not record.timings:
        return ""
    rows = "".join(_stage_row(name, values, record.wall_seconds) for name, values in ordered(record.timings))
    lanes = timeline(record.spans, record.wall_seconds)
    return (
        f"<section><h2>Time of every stage</h2><h3>Over wall time</h3>{lanes}"
        f'<h3>Each call</h3>{calls(record.timings)}<div class="scroll"><table><thead><tr><th>stage</th>'
        f"<th>calls</th><th>median</th><th>slowest</th><th>total</th><th>of wall time</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _stage_row(name: str, values: Iterable[float], wall_s: float) -> str:
    each = list(values)
    total = sum(each)
    share = min(1.0, total / wall_s) if wall_s > 0 else 0.0
    kind = "part" if "." in name else "whole"
    return (
        f'<tr class="{kind}"><th scope="row"><i class="{stage_class(name)}"></i>{escape(name)}</th>'
        f"<td>{len(each)}</td><td>{seconds(statistics.median(each)) if each else '&ndash;'}</td>"
        f"<td>{seconds(max(each, default=0.0))}</td><td>{seconds(total)}</td>"
        f'<td><span class="share"><i class="{stage_class(name)}" style="width:{share:.1%}"></i></span>'
        f"{share:.0%}</td></tr>"
    )


def _graph(record: RunRecord) -> str:
    if not record.memory_graph:
        return ""
    return (
        f'<section><h2>Memory graph</h2><img class="graph" src="{_link(record.memory_graph)}" '
        f'alt="What the memory knows of the scene, as a graph"></section>'
    )


def _about(record: RunRecord) -> str:
    entries = {**record.facts, **record.machine}
    listed = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in entries.items())
    warned = "".join(f"<li>{escape(text)}</li>" for text in record.warnings)
    warnings = f'<h2>Remarks</h2><ul class="warnings">{warned}</ul>' if warned else ""
    return (
        f'<section>{warnings}<h2>Run and machine</h2><dl class="about">{listed}</dl></section>'
        '<footer>All of this as data: <a href="result.json">result.json</a></footer>'
    )
