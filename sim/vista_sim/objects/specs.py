"""Movable objects as data: nine shapes, ten colours, random sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vista.errors import InvalidValueError, UnknownNameError

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.85, 0.12, 0.12),
    "green": (0.1, 0.6, 0.2),
    "blue": (0.12, 0.25, 0.85),
    "yellow": (0.93, 0.8, 0.1),
    "purple": (0.5, 0.15, 0.65),
    "orange": (0.95, 0.5, 0.1),
    "cyan": (0.1, 0.75, 0.8),
    "white": (0.92, 0.92, 0.92),
    "black": (0.1, 0.1, 0.1),
    "pink": (0.95, 0.5, 0.7),
}
ANY_YAW = 0.0


@dataclass(frozen=True, slots=True)
class Geom:
    """One collision and visual primitive in the object's frame: MuJoCo type, sizes [m] and place.

    ``vertices`` (n, 3) flattened for a convex hull; ``mesh`` the path of a visual mesh (no collision).
    """

    type: str
    size: tuple[float, ...] = ()
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0)
    fromto: tuple[float, ...] = ()
    vertices: tuple[float, ...] = ()
    mesh: str = ""
    collides: bool = True
    euler_x: float = 0.0
    euler_y: float = 0.0


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """An object as data. The origin is its centre; it rests on ``-half_height``.

    ``symmetry``: yaw period of the grasp [rad], 0 for any; the gripper closes along the object's y axis.
    ``grasp_above``: height of the pads' centre above the object's centre in a grasp [m].
    ``texture``: (pattern, second colour) or None. ``density`` [kg/m3].
    """

    colour: str
    shape: str
    rgb: tuple[float, float, float]
    geoms: tuple[Geom, ...]
    half_height: float
    half_width: float
    symmetry: float
    grasp_above: float
    density: float = 400.0
    texture: tuple[str, tuple[float, float, float]] | None = None
    rolls: bool = False

    @property
    def label(self) -> str:
        """The words that name it: "blue mug"."""
        return f"{self.colour} {self.shape}".strip()


def grasp_above(half_height: float) -> float:
    """Where the pads hold an object: height above its centre [m]."""
    # 12 mm above the centre; for a flat object 12 mm below its top, so that the pads hold it whole.
    return min(half_height - 0.012, 0.012)


def _prism(sides: int, radius: float, hh: float) -> tuple[float, ...]:
    out: list[float] = []
    for z in (-hh, hh):
        for k in range(sides):
            a = 2 * np.pi * k / sides
            out += [radius * float(np.cos(a)), radius * float(np.sin(a)), z]
    return tuple(out)


Dims = tuple[tuple[Geom, ...], float, float, float, float]
"""geoms, half height, half width of the grasp, symmetry, height of the grasp above the centre."""


def _cube(s: float, rng: np.random.Generator) -> Dims:
    return (Geom("box", (s, s, s)),), s, s, np.pi / 2, grasp_above(s)


def _box(s: float, rng: np.random.Generator) -> Dims:
    length, hh = rng.uniform(0.03, 0.045), rng.uniform(0.015, 0.03)
    return (Geom("box", (length, s, hh)),), hh, s, np.pi, grasp_above(hh)


def _cylinder(s: float, rng: np.random.Generator) -> Dims:
    hh = rng.uniform(0.015, 0.03)
    return (Geom("cylinder", (s, hh)),), hh, s, ANY_YAW, grasp_above(hh)


def _can(s: float, rng: np.random.Generator) -> Dims:
    hh = rng.uniform(0.035, 0.05)
    return (Geom("cylinder", (s, hh)),), hh, s, ANY_YAW, grasp_above(hh)


def _hexprism(s: float, rng: np.random.Generator) -> Dims:
    hh = rng.uniform(0.018, 0.03)
    r = 1.1 * s
    return (Geom("mesh", vertices=_prism(6, r, hh)),), hh, r * 0.87, np.pi / 3, grasp_above(hh)


def _triprism(s: float, rng: np.random.Generator) -> Dims:
    hh = rng.uniform(0.018, 0.03)
    r = 1.25 * s
    return (Geom("mesh", vertices=_prism(3, r, hh)),), hh, r * 0.87, 2 * np.pi / 3, grasp_above(hh)


def _ball(s: float, rng: np.random.Generator) -> Dims:
    return (Geom("sphere", (s,)),), s, s, ANY_YAW, 0.0


def _capsule(s: float, rng: np.random.Generator) -> Dims:
    r, length = 0.8 * s, rng.uniform(0.02, 0.035)
    return (Geom("capsule", (r,), fromto=(-length, 0, 0, length, 0, 0)),), r, r, np.pi, 0.0


def _mug(s: float, rng: np.random.Generator) -> Dims:
    hh = rng.uniform(0.03, 0.04)
    out = s + 0.018
    handle = (
        (s, 0.0, 0.55 * hh, out, 0.0, 0.3 * hh),
        (out, 0.0, 0.3 * hh, out, 0.0, -0.3 * hh),
        (out, 0.0, -0.3 * hh, s, 0.0, -0.55 * hh),
    )
    geoms = (Geom("cylinder", (s, hh)), *(Geom("capsule", (0.005,), fromto=f) for f in handle))
    return geoms, hh, s, np.pi, grasp_above(hh)


SHAPES: dict[str, Callable[[float, np.random.Generator], Dims]] = {
    "cube": _cube,
    "box": _box,
    "cylinder": _cylinder,
    "can": _can,
    "hexprism": _hexprism,
    "triprism": _triprism,
    "ball": _ball,
    "capsule": _capsule,
    "mug": _mug,
}


def sample_object(label: str, rng: np.random.Generator) -> ObjectSpec:
    """An object of ``label`` ("blue mug") with a random size, shade and texture.

    Raises:
        UnknownNameError: an unknown colour or shape; the known ones are listed.
    """
    colour, _, shape = label.partition(" ")
    if colour not in COLOURS:
        raise UnknownNameError("colour", colour, COLOURS)
    if shape not in SHAPES:
        raise UnknownNameError("shape", shape, SHAPES)
    geoms, hh, hw, symmetry, above = SHAPES[shape](rng.uniform(0.017, 0.028), rng)
    rgb = np.clip(np.array(COLOURS[colour]) + rng.uniform(-0.05, 0.05, 3), 0, 1)
    texture = None
    if rng.random() < 0.35 and shape != "mug":
        pattern = str(rng.choice(["checker", "gradient"]))
        second = rgb * rng.uniform(0.4, 1.0)
        texture = (pattern, (float(second[0]), float(second[1]), float(second[2])))
    return ObjectSpec(
        colour,
        shape,
        (float(rgb[0]), float(rgb[1]), float(rgb[2])),
        geoms,
        float(hh),
        float(hw),
        float(symmetry),
        float(above),
        density=250.0 if shape == "mug" else 400.0,
        texture=texture,
        rolls=shape in ("ball", "capsule"),
    )


LOW = ("box", "can", "mug")


def low(spec: ObjectSpec, rng: np.random.Generator) -> ObjectSpec:
    """An object like ``spec``, but lower than :func:`sample_object` draws it: half height 12 to 22 mm. A box
    is made narrower, too: half width 12 to 20 mm.

    Raises:
        InvalidValueError: ``spec`` is none of :data:`LOW`.
    """
    if spec.shape not in LOW:
        raise InvalidValueError(f"{spec.label!r} cannot be made low; allowed are {', '.join(LOW)}")
    hh = float(rng.uniform(0.012, 0.022))
    hw = float(rng.uniform(0.012, 0.020)) if spec.shape == "box" else spec.half_width
    geoms = tuple(_flattened(g, hh / spec.half_height, hw / spec.half_width) for g in spec.geoms)
    return replace(spec, geoms=geoms, half_height=hh, half_width=hw, grasp_above=grasp_above(hh))


def fallen(spec: ObjectSpec, rng: np.random.Generator) -> ObjectSpec:
    """A can like ``spec`` that lies on its side, 28 to 50 mm thick.

    Raises:
        InvalidValueError: ``spec`` is no can.
    """
    if spec.shape != "can":
        raise InvalidValueError(f"{spec.label!r} cannot lie on its side; only a can can")
    radius, half = float(rng.uniform(0.014, 0.025)), float(rng.uniform(0.03, 0.05))
    geom = Geom("cylinder", (radius,), fromto=(-half, 0, 0, half, 0, 0))
    return replace(spec, geoms=(geom,), half_height=radius, half_width=radius, symmetry=float(np.pi),
                   grasp_above=0.0, rolls=True)  # fmt: skip


def flat(label: str, rng: np.random.Generator) -> ObjectSpec:
    """An object of ``label``, one of :data:`LOW`, lower than usual: a can mostly lies on its side."""
    spec = sample_object(label, rng)
    return fallen(spec, rng) if spec.shape == "can" and rng.random() < 0.75 else low(spec, rng)


def _flattened(geom: Geom, tall: float, wide: float) -> Geom:
    """``geom`` with heights times ``tall`` and, for a box, its width times ``wide``."""
    if geom.type == "box":
        length, width, height = geom.size
        return replace(geom, size=(length, width * wide, height * tall))
    if geom.type == "cylinder":
        return replace(geom, size=(geom.size[0], geom.size[1] * tall))
    x, y, z, x2, y2, z2 = geom.fromto
    return replace(geom, fromto=(x, y, z * tall, x2, y2, z2 * tall))
