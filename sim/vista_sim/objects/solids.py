"""Solids nobody drew by hand, in families: turned on a lathe, extruded from an outline, or joined from parts.

Every solid is a union of convex parts, so that what touches is what is seen. All stand on a flat foot, can be
gripped across y (at most 70 mm), and are at most 80 mm high. ``config/splits.yaml`` says which families may
train something, and which are kept for evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vista.errors import UnknownNameError
from vista_sim.objects.specs import ANY_YAW, COLOURS, Geom, ObjectSpec, grasp_above

SIDES = 24
"""Corners of a turned part, seen from above."""
Random = np.random.Generator
Solid = tuple[tuple[Geom, ...], float, float, float]
"""Parts, half height, half width across the grasp [m], yaw period of the grasp [rad]."""


def _hull(points: Sequence[tuple[float, float, float]]) -> Geom:
    return Geom("mesh", vertices=tuple(float(v) for point in points for v in point))


def _frustum(low: float, high: float, z0: float, z1: float) -> Geom:
    """A part turned from radius ``low`` at ``z0`` to ``high`` at ``z1`` [m]."""
    angles = 2 * np.pi * np.arange(SIDES) / SIDES
    return _hull([(r * np.cos(a), r * np.sin(a), z) for r, z in ((low, z0), (high, z1)) for a in angles])


def _turned(radii: Sequence[float], heights: Sequence[float]) -> Solid:
    """A lathe profile: ``radii`` at the ends of sections of ``heights``, one fewer, from below [m]."""
    z = np.concatenate([[0.0], np.cumsum(heights)]) - sum(heights) / 2
    parts = [_frustum(radii[i], radii[i + 1], float(z[i]), float(z[i + 1])) for i in range(len(heights))]
    half, above = sum(heights) / 2, grasp_above(sum(heights) / 2)
    width = float(np.interp(above, z, radii))  # the fingers close there
    return tuple(parts), half, max(width, 0.004), ANY_YAW


def _prism(outline: Sequence[tuple[float, float]], hh: float) -> Geom:
    return _hull([(x, y, z) for z in (-hh, hh) for x, y in outline])


def _box(x0: float, x1: float, y0: float, y1: float, hh: float) -> Geom:
    return Geom("box", ((x1 - x0) / 2, (y1 - y0) / 2, hh), ((x0 + x1) / 2, (y0 + y1) / 2, 0.0))


def _spool(rng: Random) -> Solid:
    wide, thin = rng.uniform(0.022, 0.029), rng.uniform(0.012, 0.017)
    rim, middle = rng.uniform(0.007, 0.01), rng.uniform(0.02, 0.03)
    return _turned([wide, wide, thin, thin, wide, wide], [rim, 0.003, middle, 0.003, rim])


def _barrel(rng: Random) -> Solid:
    end, belly, half = rng.uniform(0.014, 0.018), rng.uniform(0.023, 0.03), rng.uniform(0.02, 0.03)
    return _turned([end, belly, belly, end], [half * 0.8, half * 0.4, half * 0.8])


def _pawn(rng: Random) -> Solid:
    foot, neck, head = rng.uniform(0.023, 0.029), rng.uniform(0.009, 0.012), rng.uniform(0.014, 0.018)
    return _turned([foot, foot, neck, neck, head, head, head / 2], [0.01, 0.012, 0.006, 0.008, 0.01, 0.008])


def _goblet(rng: Random) -> Solid:
    foot, stem, cup = rng.uniform(0.02, 0.026), rng.uniform(0.007, 0.01), rng.uniform(0.022, 0.029)
    return _turned([foot, foot, stem, stem, cup, cup], [0.006, 0.006, 0.012, 0.014, rng.uniform(0.012, 0.02)])


def _bell(rng: Random) -> Solid:
    wide, top = rng.uniform(0.025, 0.031), rng.uniform(0.008, 0.012)
    return _turned([wide, wide * 0.75, wide * 0.6, top], [0.012, 0.022, rng.uniform(0.008, 0.014)])


def _diamond(rng: Random) -> Solid:
    end, belly, half = rng.uniform(0.009, 0.012), rng.uniform(0.024, 0.03), rng.uniform(0.022, 0.03)
    return _turned([end, belly, end], [half, half])


def _cross(rng: Random) -> Solid:
    arm, thick, hh = rng.uniform(0.025, 0.033), rng.uniform(0.008, 0.012), rng.uniform(0.015, 0.025)
    return (_box(-arm, arm, -thick, thick, hh), _box(-thick, thick, -arm, arm, hh)), hh, arm, np.pi / 2


def _elbow(rng: Random) -> Solid:
    length, width, thick = rng.uniform(0.026, 0.036), rng.uniform(0.022, 0.03), rng.uniform(0.009, 0.012)
    hh = rng.uniform(0.015, 0.025)
    foot = _box(-length, length, -width, -width + 2 * thick, hh)
    return (foot, _box(-length, -length + 2 * thick, -width, width, hh)), hh, width, np.pi


def _channel(rng: Random) -> Solid:
    length, width, thick = rng.uniform(0.026, 0.036), rng.uniform(0.022, 0.03), rng.uniform(0.006, 0.009)
    hh = rng.uniform(0.015, 0.025)
    sides = [_box(-length, length, y - thick, y + thick, hh) for y in (-width + thick, width - thick)]
    return (*sides, _box(-length, -length + 2 * thick, -width, width, hh)), hh, width, np.pi


def _tee(rng: Random) -> Solid:
    length, width, thick = rng.uniform(0.026, 0.036), rng.uniform(0.024, 0.031), rng.uniform(0.008, 0.011)
    hh = rng.uniform(0.015, 0.025)
    bar = _box(-length, -length + 2 * thick, -width, width, hh)
    return (bar, _box(-length, length, -thick, thick, hh)), hh, width, np.pi


def _star(rng: Random) -> Solid:
    tip, hh = rng.uniform(0.028, 0.034), rng.uniform(0.015, 0.024)
    inner = 0.5 * tip
    at = [(2 * np.pi * k / 5, np.pi / 5) for k in range(5)]
    core = _prism([(inner * np.cos(a + b), inner * np.sin(a + b)) for a, b in at], hh)
    arms = [
        _prism([(tip * np.cos(a), tip * np.sin(a)), *((inner * np.cos(a + s * b), inner * np.sin(a + s * b))
                                                      for s in (-1, 1))], hh)
        for a, b in at
    ]  # fmt: skip
    return (core, *arms), hh, tip, 2 * np.pi / 5


def _arrow(rng: Random) -> Solid:
    length, width, thick = rng.uniform(0.03, 0.038), rng.uniform(0.022, 0.03), rng.uniform(0.009, 0.012)
    hh = rng.uniform(0.015, 0.024)
    head = _prism([(length, 0.0), (0.0, width), (0.0, -width)], hh)
    return (head, _box(-length, 0.001, -thick, thick, hh)), hh, width, np.pi


def _tower(rng: Random) -> Solid:
    side, low, r, high = rng.uniform(0.02, 0.028), 0.012, rng.uniform(0.011, 0.016), rng.uniform(0.01, 0.018)
    half = low + high
    base = Geom("box", (side, side, low), (0.0, 0.0, low - half))
    return (base, Geom("cylinder", (r, high), (0.0, 0.0, half - high))), half, r, np.pi / 2


def _snowman(rng: Random) -> Solid:
    big, small = rng.uniform(0.02, 0.026), rng.uniform(0.013, 0.017)
    foot, half = 0.004, (0.004 + 1.8 * big + 1.7 * small) / 2
    ball = Geom("sphere", (big,), (0.0, 0.0, foot * 0.5 + big - half))
    head = Geom("sphere", (small,), (0.0, 0.0, half - small))
    return (ball, head, _frustum(big * 0.8, big * 0.8, -half, foot - half)), half, big, ANY_YAW


def _dumbbell(rng: Random) -> Solid:
    length, r, thin = rng.uniform(0.028, 0.036), rng.uniform(0.016, 0.022), rng.uniform(0.008, 0.011)
    ends = [_box(x - 0.009, x + 0.009, -r, r, r) for x in (-length + 0.009, length - 0.009)]
    return (*ends, _box(-length, length, -thin, thin, thin)), r, thin, np.pi


def _mushroom(rng: Random) -> Solid:
    stem, cap, high = rng.uniform(0.01, 0.014), rng.uniform(0.022, 0.03), rng.uniform(0.018, 0.026)
    return _turned([stem, stem, cap, cap * 0.9, cap * 0.4], [high, 0.003, 0.008, 0.01])


FAMILIES: dict[str, Callable[[Random], Solid]] = {
    "spool": _spool, "barrel": _barrel, "pawn": _pawn, "cross": _cross, "elbow": _elbow,
    "channel": _channel, "tower": _tower, "snowman": _snowman,
    "goblet": _goblet, "bell": _bell, "diamond": _diamond, "tee": _tee, "star": _star, "arrow": _arrow,
    "dumbbell": _dumbbell, "mushroom": _mushroom,
}  # fmt: skip


def sample_solid(colour: str, family: str, rng: Random) -> ObjectSpec:
    """A solid of ``family`` whose sizes and shade of ``colour`` are drawn from ``rng``.

    Raises:
        UnknownNameError: an unknown colour or family; the known ones are listed.
    """
    if colour not in COLOURS:
        raise UnknownNameError("colour", colour, COLOURS)
    if family not in FAMILIES:
        raise UnknownNameError("family of solids", family, FAMILIES)
    geoms, half, width, symmetry = FAMILIES[family](rng)
    r, g, b = (float(v) for v in np.clip(np.array(COLOURS[colour]) + rng.uniform(-0.05, 0.05, 3), 0, 1))
    return ObjectSpec(
        colour, family, (r, g, b), geoms, float(half), float(width), float(symmetry),
        float(grasp_above(half)), density=300.0,
    )  # fmt: skip
