"""``index.html`` of a bench: its table beside published rows, what failed and how it looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vista.report.files import write_atomically
from vista.report.markup import escape
from vista.report.markup import link as _link
from vista.report.page import asset


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: ``rate`` of ``n`` episodes, its 95 % interval; ``published`` rows are quoted."""

    cell: str
    method: str
    n: int
    rate: float
    interval: tuple[float, float]
    approach: float | None = None
    grasp: float | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    published: bool = False


@dataclass(frozen=True, slots=True)
class Shot:
    """One episode in pictures; files are relative to the page's folder, ``goals`` {sentence: file}."""

    cell: str
    method: str
    seed: int
    instruction: str
    failure: str
    cause: str
    first: str
    last: str
    goals: Mapping[str, str] = field(default_factory=dict)
    video: str = ""


def write_bench_page(
    title: str, about: Mapping[str, str], rows: Sequence[Row], shots: Sequence[Shot], folder: Path
) -> Path:
    """Write ``index.html`` into ``folder``, where the files of ``shots`` are. Returns its path.

    Raises:
        RecordingError: it cannot be written.
    """
    listed = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in about.items())
    body = (
        f'<header><p class="over">Bench</p><h1>{escape(title)}</h1></header>'
        f"<section><h2>Success</h2>{_table(rows)}</section>"
        f"<section><h2>Why the others failed</h2>{_causes(rows)}</section>"
        f"{_films(shots)}{_mosaics(shots)}"
        f'<section><h2>Run and machine</h2><dl class="about">{listed}</dl></section>'
    )
    page = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{asset('style.css')}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
    path = folder / "index.html"
    write_atomically(path, page.encode())
    return path


def _percent(value: float | None) -> str:
    return "&ndash;" if value is None else f"{value:.0%}"


def _table(rows: Sequence[Row]) -> str:
    """Ours and the published rows of a cell together, so that they are read side by side."""
    lines = []
    for cell in dict.fromkeys(row.cell for row in rows):
        for row in (r for r in rows if r.cell == cell):
            kind = ' class="part"' if row.published else ""
            low, high = row.interval
            groups = "; ".join(f"{escape(name)} {escape(text)}" for name, text in row.groups.items())
            lines.append(
                f'<tr{kind}><th scope="row">{escape(row.cell)}</th><td>{escape(row.method)}</td>'
                f"<td>{row.n}</td><td><b>{row.rate:.1%}</b></td><td>{low:.0%} to {high:.0%}</td>"
                f"<td>{_percent(row.approach)}</td><td>{_percent(row.grasp)}</td><td>{groups}</td></tr>"
            )
    return (
        '<div class="scroll"><table><thead><tr><th>cell</th><th>method</th><th>n</th><th>success</th>'
        "<th>95 % interval</th><th>approach</th><th>grasp</th><th></th></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _causes(rows: Sequence[Row]) -> str:
    causes = list(dict.fromkeys(cause for row in rows for cause in row.failures))
    if not causes:
        return '<p class="quiet">None failed.</p>'
    head = "".join(f"<th>{escape(cause)}</th>" for cause in causes)
    lines = "".join(
        f'<tr><th scope="row">{escape(row.cell)}, {escape(row.method)}</th>'
        + "".join(f"<td>{row.failures.get(cause, 0) or ''}</td>" for cause in causes)
        + "</tr>"
        for row in rows
        if not row.published
    )
    return (
        f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead><tbody>{lines}</tbody>'
        "</table></div>"
    )


def _films(shots: Sequence[Shot]) -> str:
    cards = "".join(
        f'<figure><video controls muted playsinline preload="none" poster="{_link(shot.first)}" '
        f'src="{_link(shot.video)}"></video><figcaption>{escape(_title(shot))}</figcaption></figure>'
        for shot in shots
        if shot.video
    )
    return f'<section><h2>Episodes</h2><div class="cameras">{cards}</div></section>' if cards else ""


def _mosaics(shots: Sequence[Shot]) -> str:
    failed = [shot for shot in shots if shot.failure]
    parts = []
    for cell, method in dict.fromkeys((s.cell, s.method) for s in failed):
        cards = "".join(_card(s) for s in failed if (s.cell, s.method) == (cell, method))
        parts.append(f"<section><h2>Failures: {escape(cell)}, {escape(method)}</h2>{cards}</section>")
    return "".join(parts)


def _card(shot: Shot) -> str:
    images = {"at the start": shot.first, **shot.goals, "at the end": shot.last}
    figures = "".join(
        f'<figure class="{"goal" if file in shot.goals.values() else ""}"><img src="{_link(file)}" '
        f'loading="lazy" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
        for caption, file in images.items()
    )
    cause = f'<p class="reason">{escape(shot.cause)}</p>' if shot.cause else ""
    return (
        f'<article class="subtask"><header><h3>{escape(_title(shot))}</h3>'
        f'<span class="state failed">{escape(shot.failure)}</span></header>{cause}'
        f'<div class="mosaic">{figures}</div></article>'
    )


def _title(shot: Shot) -> str:
    how = shot.failure or "success"
    return f"{shot.instruction}: {how} ({shot.cell}, {shot.method}, seed {shot.seed})"
