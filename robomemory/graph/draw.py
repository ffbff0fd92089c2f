"""The memory's graph as a picture."""

from __future__ import annotations

import io
import math
import os
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from robomemory.checks import shown
from robomemory.errors import MissingDependencyError, RoboMemoryError
from robomemory.graph.scene import SceneGraph
from robomemory.plain_text import short

FORMATS = ("svg", "png")
_APART = 0.35  # least distance of two things, where the seen ones span 1
_LONGEST = 60  # characters of a name
_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.8}


class HasScene(Protocol):
    """What can be drawn: a ``RoboMemory``, or anything else with a scene."""

    def scene(self) -> SceneGraph: ...


def graph_image(memory: HasScene, fmt: str = "svg") -> bytes:
    """The things and facts of ``memory`` as an SVG or PNG file. Seen things stand about where they
    are, from above (x upwards, y to the left, as the robot faces), pushed apart where labels would cover
    each other; the others beside what they belong to. Facts that ended are dashed.

    Raises:
        RoboMemoryError: ``fmt`` is not one of ``FORMATS``. MissingDependencyError: no matplotlib.
    """
    if fmt not in FORMATS:
        raise RoboMemoryError(f"graph picture: unknown format {fmt!r}; allowed are {', '.join(FORMATS)}")
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            'graph picture: matplotlib is not installed; pip install "vista-stack[report]"'
        ) from error
    scene = memory.scene()
    spots = _layout(scene)
    # The same scene gives the same file, and a name that looks like a formula is a name.
    settings: dict[Any, Any] = {"svg.hashsalt": "robomemory", "text.parse_math": False, "text.usetex": False}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a letter that the font lacks is drawn as a box
        figure = Figure(figsize=(8, 6))  # not pyplot: no window, no global state
        axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
        axes.set_axis_off()
        axes.margins(0.15)
        if not spots:
            axes.text(0.5, 0.5, "nothing remembered yet", ha="center", va="center")
        for facts, colour, style in ((scene.past, "#b0b0b0", "--"), (scene.facts, "#404040", "-")):
            for fact in facts:
                start, end = spots[fact.subject], spots[fact.object]
                arrow = {"arrowstyle": "->", "color": colour, "linestyle": style, "shrinkB": 14}
                axes.annotate("", xy=end, xytext=start, arrowprops=arrow)
                middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
                label = axes.text(
                    *middle, short(fact.relation, _LONGEST), fontsize=8, ha="center", va="center"
                )
                label.set(color=colour, bbox=_PAPER)
        positions = {thing.name: thing.position for thing in scene.objects}
        for thing, (x, y) in spots.items():
            position = positions.get(thing)
            axes.scatter([x], [y], s=260, color="#d9d9d9" if position is None else "#4c8eda", zorder=3)
            where = "" if position is None else "\n({:.2f}, {:.2f}, {:.2f}) m".format(*position)
            name = axes.annotate(
                f"{short(thing, _LONGEST)}{where}",
                (x, y),
                (0, -14),
                textcoords="offset points",
                ha="center",
                va="top",
            )
            name.set(fontsize=9, bbox=_PAPER)
        out = io.BytesIO()
        figure.savefig(
            out, format=fmt, dpi=120, bbox_inches="tight", metadata={"Date": None} if fmt == "svg" else {}
        )
    return out.getvalue()


def draw_graph(memory: HasScene, path: str | os.PathLike[str]) -> Path:
    """Writes the picture to ``path``, whose ending (.svg or .png) says the format; returns the path.

    Raises:
        RoboMemoryError: another ending, or ``path`` can't be written. MissingDependencyError: no matplotlib.
    """
    target = Path(path)
    image = graph_image(memory, target.suffix.lstrip(".").lower())
    try:
        target.write_bytes(image)
    except (OSError, ValueError) as error:
        raise RoboMemoryError(f"graph picture: can't write {shown(str(target))}: {error}") from error
    return target


def _layout(scene: SceneGraph) -> dict[str, tuple[float, float]]:
    """{name: (x, y) in the picture}: seen things from above, unseen ones beside what they belong to, all
    pushed apart until their labels can be read (a mug in a tray stands at the tray's own position)."""
    seen = {t.name: (-t.position[1], t.position[0]) for t in scene.objects if t.position is not None}
    corner = np.min(list(seen.values()), axis=0) if seen else np.zeros(2)
    span = float(np.ptp(list(seen.values()), axis=0).max()) if seen else 0.0
    spots = {name: (np.array(xy) - corner) / max(span, 1e-3) for name, xy in seen.items()}
    ends = (name for f in (*scene.facts, *scene.past) for name in (f.subject, f.object))
    unseen = dict.fromkeys((*(t.name for t in scene.objects), *ends))
    for i, name in enumerate(name for name in unseen if name not in seen):
        pairs = [(f.subject, f.object) for f in (*scene.facts, *scene.past) if name in (f.subject, f.object)]
        beside = [other for pair in pairs for other in pair if other in spots]
        turn = 2.4 * i  # the golden angle keeps a row of unseen things from lining up
        around = spots[beside[0]] if beside else np.full(2, 0.5)
        spots[name] = around + _APART * np.array([math.cos(turn), math.sin(turn)])
    names = list(spots)
    xy = np.array([spots[name] for name in names]).reshape(-1, 2)
    xy += 1e-3 * np.stack([np.cos(np.arange(len(xy))), np.sin(np.arange(len(xy)))], axis=1)
    for _ in range(100):
        gap = xy[:, None] - xy[None]
        far = np.linalg.norm(gap, axis=-1) + np.eye(len(xy))
        push = np.clip(_APART - far, 0, None) * (1 - np.eye(len(xy)))
        xy += 0.25 * (gap / far[..., None] * push[..., None]).sum(axis=1)
    return {name: (float(x), float(y)) for name, (x, y) in zip(names, xy, strict=True)}
