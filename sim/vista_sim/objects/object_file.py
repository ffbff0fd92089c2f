"""A user's own objects from short YAML files; an error names the file and the key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vista.errors import ConfigError
from vista.files.yaml_file import Reader, existing, open_yaml, user_path
from vista.messages.plain_text import plain
from vista.values import shown
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.objects.mesh_file import mesh_bounds, try_mesh
from vista_sim.objects.specs import COLOURS, Geom, ObjectSpec, grasp_above

KEYS = ("colour", "shape", "primitive", "size", "mesh", "hull", "rgb", "density", "grasp")
SIZES = {"box": 3, "cylinder": 2, "sphere": 1, "capsule": 2}
LEAST_M, MOST_M = 0.002, 0.25
"""Half length or radius of a primitive [m]."""
OPENING_M = 0.038
"""Half width of the widest thing that the gripper of the arm that ships takes [m]."""
PLACES = {"tray", *(name for names in DRAWER_NAMES.values() for name in names)}
"""Words that mean a place in every scene, and so cannot name a thing."""


def load_object(path: str | Path) -> ObjectSpec:
    """A user's object from a YAML file.

    Keys: ``shape`` (its noun), ``colour``, and either ``primitive`` (box, cylinder, sphere, capsule) with
    ``size`` (half lengths; radius and half height; radius; radius and half length) [m], or ``mesh``, a file
    beside this one in m: OBJ, STL or PLY with z up, or GLB with y up, as its standard says. Optional:
    ``hull`` (a convex mesh for contact, default: the mesh's own hull), ``rgb``, ``density`` [kg/m3],
    ``grasp: {symmetry_deg, above, half_width}``.

    Raises:
        ConfigError: the file can't be read, or a key is missing, unknown or holds a wrong value; the file
            and the key are named.
    """
    path = user_path(path, "object")
    read, entries = open_yaml(path, "object")
    data = read.mapping(entries, "file", KEYS, required=("shape",))
    colour = read.text(data["colour"], "colour") if data.get("colour") not in (None, "") else ""
    shape = read.text(data["shape"], "shape")
    if f"{colour} {shape}".strip() in PLACES:
        raise read.fail("shape", f"{shape!r} means a place; call the thing otherwise")
    density = read.number(data.get("density", 400.0), "density", 10, 25_000)
    rgb = read.numbers(data["rgb"], "rgb", 3, 0, 1) if "rgb" in data else COLOURS.get(colour, (0.6, 0.6, 0.6))
    grasp = read.mapping(data.get("grasp"), "grasp", ("symmetry_deg", "above", "half_width"))
    if "mesh" in data:
        geoms, height, width = _mesh(read, path, data, density)
    else:
        geoms, height, width = _primitive(read, data)
    if "half_width" in grasp:
        width = read.number(grasp["half_width"], "grasp.half_width", 0.001, 1)
    if width > OPENING_M:
        raise read.fail(
            "mesh" if "mesh" in data else "size",
            f"{2 * width * 1000:.0f} mm across the grasp; the gripper opens {2000 * OPENING_M:.0f} mm",
        )
    round_ = geoms[0].type in ("cylinder", "sphere")
    rolls = geoms[0].type in ("sphere", "capsule")
    symmetry = read.number(grasp.get("symmetry_deg", 0 if round_ else 180), "grasp.symmetry_deg", 0, 360)
    above = 0.0 if rolls else grasp_above(height)
    if "above" in grasp:
        above = read.number(grasp["above"], "grasp.above", -0.2, 0.2)
    return ObjectSpec(
        colour, shape, (rgb[0], rgb[1], rgb[2]), geoms, height, width, float(np.deg2rad(symmetry)), above,
        density=density, rolls=rolls,
    )  # fmt: skip


def _primitive(read: Reader, data: Mapping[str, object]) -> tuple[tuple[Geom, ...], float, float]:
    """Its solids, half its height and half its width across the grasp [m]."""
    if "primitive" not in data:
        raise read.fail("file", "neither `primitive` nor `mesh` says what it looks like")
    kind = data["primitive"]
    if not isinstance(kind, str) or kind not in SIZES:
        raise read.fail("primitive", f"unknown primitive {shown(kind)}; known: {', '.join(SIZES)}")
    size = data.get("size")
    if not isinstance(size, list) or len(size) != SIZES[kind]:
        raise read.fail("size", f"{shown(size)}, {kind} takes {SIZES[kind]} numbers > 0 [m]")
    for each in size:
        if isinstance(each, int | float) and not each > 0:
            raise read.fail("size", f"{shown(each)}, {kind} takes {SIZES[kind]} numbers > 0 [m]")
        if isinstance(each, int | float) and MOST_M < each <= 1000:
            allowed = f"expected a number from {LEAST_M:g} to {MOST_M:g} m"
            raise read.fail("size", f"{shown(each)}, {allowed}; half of each length, not in mm")
    sizes = read.numbers(size, "size", SIZES[kind], LEAST_M, MOST_M)
    if kind == "capsule":
        return (Geom(kind, sizes[:1], fromto=(-sizes[1], 0, 0, sizes[1], 0, 0)),), sizes[0], sizes[0]
    half_height = sizes[0] if kind == "sphere" else sizes[-1]
    return (Geom(kind, sizes),), half_height, sizes[1] if kind == "box" else sizes[0]


def _mesh(
    read: Reader, path: Path, data: Mapping[str, object], density: float
) -> tuple[tuple[Geom, ...], float, float]:
    for key in ("primitive", "size"):
        if key in data:
            raise read.fail(key, "stands beside `mesh`; one of the two says what it looks like")
    folder = path.resolve().parent
    visual = folder / read.file_name(data["mesh"], "mesh")
    hull = folder / read.file_name(data["hull"], "hull") if "hull" in data else visual
    try:
        low, high = mesh_bounds(visual)
        if hull != visual:
            mesh_bounds(hull)
        for file in dict.fromkeys((visual, hull)):
            try_mesh(file, density)
    except ConfigError as error:
        raise read.fail("mesh", str(error)) from error
    centre = (low + high) / 2
    offset = (float(-centre[0]), float(-centre[1]), float(-centre[2]))
    geoms = (
        Geom("mesh", mesh=str(visual), pos=offset, collides=False),
        Geom("mesh", mesh=str(hull), pos=offset),
    )
    return geoms, float(high[2] - centre[2]), float(high[1] - centre[1])


def load_objects(folder: str | Path) -> dict[str, ObjectSpec]:
    """Every object of a folder of YAML files, by label.

    Raises:
        ConfigError: the folder is missing or holds none, two of its files hold things of the same name, or
            one of them is wrong.
    """
    folder = user_path(folder, "objects folder")
    files: list[Path] = []
    try:
        files = sorted(existing(folder, "objects folder", folder=True).glob("*.yaml"))
    except ConfigError as error:
        raise ConfigError(f"{error}: no *.yaml files there") from error
    except OSError as error:
        raise ConfigError(f"objects folder {plain(str(folder))}: {error.strerror or error}") from error
    if not files:
        raise ConfigError(f"objects folder {plain(str(folder))}: no *.yaml files there")
    found: dict[str, tuple[ObjectSpec, Path]] = {}
    for file in files:
        spec = load_object(file)
        if spec.label in found:
            other = plain(found[spec.label][1].name)
            raise ConfigError(f"object {plain(str(file))}: a second {spec.label!r}, besides that of {other}")
        found[spec.label] = spec, file
    return {label: spec for label, (spec, _) in found.items()}
