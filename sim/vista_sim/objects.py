"""Movable objects: nine shapes, ten colours, random sizes, and a user's own from short YAML files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from vista.errors import ConfigError, InvalidValueError, UnknownNameError

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


def _grasp_above(half_height: float) -> float:
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
    return (Geom("box", (s, s, s)),), s, s, np.pi / 2, _grasp_above(s)


def _box(s: float, rng: np.random.Generator) -> Dims:
    length, hh = rng.uniform(0.03, 0.045), rng.uniform(0.015, 0.03)
    return (Geom("box", (length, s, hh)),), hh, s, np.pi, _grasp_above(hh)


def _cylinder(s: float, rng: np.random.Generator) -> Dims:
    hh = rng.uniform(0.015, 0.03)
    return (Geom("cylinder", (s, hh)),), hh, s, ANY_YAW, _grasp_above(hh)


def _can(s: float, rng: np.random.Generator) -> Dims:
    hh = rng.uniform(0.035, 0.05)
    return (Geom("cylinder", (s, hh)),), hh, s, ANY_YAW, _grasp_above(hh)


def _hexprism(s: float, rng: np.random.Generator) -> Dims:
    hh = rng.uniform(0.018, 0.03)
    r = 1.1 * s
    return (Geom("mesh", vertices=_prism(6, r, hh)),), hh, r * 0.87, np.pi / 3, _grasp_above(hh)


def _triprism(s: float, rng: np.random.Generator) -> Dims:
    hh = rng.uniform(0.018, 0.03)
    r = 1.25 * s
    return (Geom("mesh", vertices=_prism(3, r, hh)),), hh, r * 0.87, 2 * np.pi / 3, _grasp_above(hh)


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
    return geoms, hh, s, np.pi, _grasp_above(hh)


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
    return replace(spec, geoms=geoms, half_height=hh, half_width=hw, grasp_above=_grasp_above(hh))


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


def _mesh_bounds(path: Path) -> np.ndarray:
    """Corners (2, 3) of a Wavefront OBJ or binary STL mesh [m]."""
    if path.suffix.lower() == ".obj":
        rows = [line.split()[1:4] for line in path.read_text().splitlines() if line.startswith("v ")]
        points = np.array(rows, np.float64)
    else:
        raw = path.read_bytes()
        count = int.from_bytes(raw[80:84], "little")
        facets = np.frombuffer(raw, np.uint8, offset=84, count=count * 50).reshape(count, 50)
        points = facets[:, 12:48].copy().view("<f4").reshape(-1, 3).astype(np.float64)
    if points.size == 0:
        raise ConfigError(f"{path}: holds no vertices")
    return np.stack([points.min(0), points.max(0)])


def load_object(path: Path) -> ObjectSpec:
    """A user's object from a YAML file.

    Keys: ``shape`` (its noun), ``colour``, and either ``primitive`` (box, cylinder, sphere, capsule) with
    ``size`` (half lengths; radius and half height; radius; radius and half length) [m], or ``mesh`` (OBJ or
    STL beside the file, in m, z up) with an optional ``hull`` (a convex mesh for contact, default: the
    mesh's own hull). Optional: ``rgb``, ``density``, ``grasp: {symmetry_deg, above, half_width}``.

    Raises:
        ConfigError: a missing or malformed key; the file and the key are named.
    """
    try:
        data = yaml.safe_load(path.read_text())
        colour, shape = str(data.get("colour", "")), str(data["shape"])
        rgb = tuple(float(v) for v in data.get("rgb", COLOURS.get(colour, (0.6, 0.6, 0.6))))
        grasp = data.get("grasp", {})
        geoms: tuple[Geom, ...]
        if "mesh" in data:
            visual = path.resolve().parent / data["mesh"]
            hull = path.resolve().parent / data.get("hull", data["mesh"])
            for file in (visual, hull):
                if not file.is_file():
                    raise ConfigError(f"{path}: mesh file {file} does not exist")
            low, high = _mesh_bounds(visual)
            centre = (low + high) / 2
            hh, hw = float(high[2] - centre[2]), float(high[1] - centre[1])
            offset = (float(-centre[0]), float(-centre[1]), float(-centre[2]))
            geoms = (
                Geom("mesh", mesh=str(visual), pos=offset, collides=False),
                Geom("mesh", mesh=str(hull), pos=offset),
            )
        else:
            kind, size = str(data["primitive"]), tuple(float(v) for v in data["size"])
            wanted = {"box": 3, "cylinder": 2, "sphere": 1, "capsule": 2}
            if kind not in wanted:
                raise UnknownNameError(f"primitive in {path}", kind, wanted)
            if len(size) != wanted[kind] or min(size) <= 0:
                raise ConfigError(f"{path}: size {size}: {kind} takes {wanted[kind]} numbers > 0 [m]")
            if kind == "capsule":
                geoms = (Geom(kind, (size[0],), fromto=(-size[1], 0, 0, size[1], 0, 0)),)
                hh, hw = size[0], size[0]
            else:
                geoms = (Geom(kind, size),)
                hh = {"box": size[-1], "cylinder": size[-1], "sphere": size[0]}[kind]
                hw = size[1] if kind == "box" else size[0]
        round_ = geoms[0].type in ("cylinder", "sphere")
        hw = float(grasp.get("half_width", hw))
        if hw > 0.038:
            raise ConfigError(f"{path}: {2 * hw * 1000:.0f} mm across the grasp; the gripper opens 76 mm")
        return ObjectSpec(
            colour,
            shape,
            (rgb[0], rgb[1], rgb[2]),
            geoms,
            hh,
            hw,
            float(np.deg2rad(grasp.get("symmetry_deg", 0.0 if round_ else 180.0))),
            float(grasp.get("above", 0.0 if geoms[0].type in ("sphere", "capsule") else _grasp_above(hh))),
            density=float(data.get("density", 400.0)),
            rolls=geoms[0].type in ("sphere", "capsule"),
        )
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        if isinstance(error, ConfigError | UnknownNameError):
            raise
        raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error


def load_objects(folder: Path) -> dict[str, ObjectSpec]:
    """Every object of a folder of YAML files, by label. An empty or missing folder is an error."""
    files = sorted(Path(folder).glob("*.yaml")) if Path(folder).is_dir() else []
    if not files:
        raise ConfigError(f"objects folder {folder}: no *.yaml files there")
    specs = [load_object(f) for f in files]
    return {s.label: s for s in specs}
