"""A scene as data: objects and their places, light, colours, and the shift of the camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vista.errors import InvalidValueError
from vista.values import whole
from vista_sim.objects.specs import COLOURS, ObjectSpec, sample_object
from vista_sim.scenes.table import Table, table_of

RGB = tuple[float, float, float]
TRAY_RADIUS, OBJECT_RADIUS = 0.085, 0.048
TRAY_HALF = 0.057


@dataclass(frozen=True, slots=True)
class Placed:
    """An object and where it starts: centre of its foot ``x``, ``y`` [m], ``z`` of the ground, yaw."""

    spec: ObjectSpec
    x: float
    y: float
    yaw: float
    z: float = 0.0
    drawer: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that makes one tabletop; two equal scenes give equal images and equal physics.

    ``drawers``: number of drawers of the cabinet at the robot's side (0: no cabinet). ``instruction``: a
    sentence that came with the scene, or empty.
    """

    seed: int
    objects: tuple[Placed, ...]
    tray: tuple[float, float] | None
    tray_rgb: RGB
    pattern: str
    table_rgb: RGB
    table_rgb2: RGB
    light_pos: RGB
    light_diffuse: float
    ambient: float
    camera_shift: RGB
    drawers: int = 0
    instruction: str = ""

    def named(self, text: str) -> list[str]:
        """Labels of the objects that ``text`` names, in the order of its words."""
        labels = [p.spec.label for p in self.objects]
        return sorted((label for label in labels if label in text), key=text.index)

    def find(self, label: str) -> Placed:
        """The object of that label; raises InvalidValueError listing those in the scene."""
        for placed in self.objects:
            if placed.spec.label == label:
                return placed
        known = ", ".join(p.spec.label for p in self.objects)
        raise InvalidValueError(f"no {label!r} in scene {self.seed}; it holds: {known}")


def _rgb(values: np.ndarray) -> RGB:
    return float(values[0]), float(values[1]), float(values[2])


def place(
    rng: np.random.Generator,
    radii: Sequence[float],
    x: tuple[float, float],
    y: tuple[float, float],
) -> list[tuple[float, float]]:
    """Random centres [m] in the ranges ``x`` and ``y`` whose discs of ``radii`` do not touch, by rejection.

    Raises:
        InvalidValueError: the region is too crowded after 500 tries.
    """
    for _ in range(20):
        centres: list[tuple[float, float]] = []
        for radius in radii:
            for _try in range(100):
                c = (float(rng.uniform(*x)), float(rng.uniform(*y)))
                if all(
                    np.hypot(c[0] - o[0], c[1] - o[1]) >= radius + r
                    for o, r in zip(centres, radii, strict=False)
                ):
                    centres.append(c)
                    break
            else:
                break
        if len(centres) == len(radii):
            return centres
    raise InvalidValueError(f"{len(radii)} things do not fit on the table: crowded")


def sample_surroundings(rng: np.random.Generator, seed: int, patterns: Sequence[str]) -> Scene:
    """An empty tabletop: light, table colours and pattern, camera shift, tray colour.

    Raises:
        InvalidValueError: there are no ``patterns`` to draw from.
    """
    if not patterns:
        raise InvalidValueError("patterns: none, expected at least one to draw the table from")
    first = rng.uniform(0.3, 0.85, 3)
    second = np.clip(first + rng.uniform(-0.15, 0.15, 3), 0, 1)
    tray = np.clip(np.array(COLOURS[str(rng.choice(list(COLOURS)))]) + rng.uniform(-0.05, 0.05, 3), 0, 1)
    return Scene(
        seed=seed,
        objects=(),
        tray=None,
        tray_rgb=_rgb(tray),
        pattern=str(rng.choice(list(patterns))),
        table_rgb=_rgb(first),
        table_rgb2=_rgb(second),
        light_pos=_rgb(rng.uniform([0.2, -0.8, 1.2], [1.2, 0.8, 2.0])),
        light_diffuse=float(rng.uniform(0.45, 0.8)),
        ambient=float(rng.uniform(0.25, 0.45)),
        camera_shift=_rgb(rng.uniform(-0.03, 0.03, 3)),
    )


def sample_tabletop(
    seed: int,
    labels: Sequence[str],
    patterns: Sequence[str],
    *,
    count: int,
    library: Mapping[str, ObjectSpec] | None = None,
    required: Sequence[str] = (),
    table: Table | None = None,
) -> Scene:
    """``count`` objects, or as many as the table holds, drawn from ``labels`` around a tray, all random draws
    from ``seed``.

    ``required`` labels are always there. ``library`` holds a user's own objects by label; other labels are
    drawn by shape and colour. ``table``: of the arm, None: of the one that is simulated by default.
    """
    table = table or table_of()
    rng = np.random.default_rng(whole("seed", seed, 0))
    scene = sample_surroundings(rng, seed, patterns)
    count = min(count, max(table.most, len(required)))
    others = [label for label in dict.fromkeys(labels) if label not in required]
    if len(required) + len(others) < count:
        raise InvalidValueError(f"{count} objects asked for, {len(required) + len(others)} labels given")
    chosen = [*required, *(str(s) for s in rng.permutation(others)[: count - len(required)])]
    centres = place(rng, [TRAY_RADIUS] + [OBJECT_RADIUS] * count, table.x, table.y)
    objects = []
    for label, (x, y) in zip(chosen, centres[1:], strict=True):
        spec = library[label] if library and label in library else sample_object(label, rng)
        objects.append(Placed(spec, x, y, float(rng.uniform(-np.pi, np.pi))))
    return replace(scene, objects=tuple(objects), tray=centres[0])
