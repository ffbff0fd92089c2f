"""Mesh files of a user's objects: what they hold is measured, and tried in MuJoCo before a scene needs it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import mujoco
import numpy as np

from vista.errors import ConfigError
from vista.files.yaml_file import existing
from vista.messages.plain_text import plain
from vista.types import F64

ENDINGS = (".obj", ".stl")
MOST_BYTES = 32 * 2**20
LEAST_M, MOST_M = 0.001, 0.5
"""Length of each side of the box around a mesh [m]; a mesh in mm is a thousand times too large."""
FLAT_M = 1e-5
"""Spread of the vertices across the thinnest direction [m]; what is thinner has no inside."""
_TRIAL = """<mujoco><asset><mesh name="m" file="{name}"/></asset>
<worldbody><body><freejoint/><geom type="mesh" mesh="m" density="{density}"/></body></worldbody></mujoco>"""


def mesh_bounds(path: Path) -> F64:
    """Corners (2, 3) of a Wavefront OBJ or binary STL mesh [m].

    Raises:
        ConfigError: it is neither, is torn, or has no size that a thing on a table has.
    """
    raw = mesh_bytes(path)
    told = plain(str(path))
    points = _obj(raw, told) if path.suffix.lower() == ".obj" else _stl(raw, told)
    if points.size == 0:
        raise ConfigError(f"mesh file {told}: holds no vertices")
    if not np.isfinite(points).all():
        raise ConfigError(f"mesh file {told}: holds a vertex that is not finite")
    bounds = np.stack([points.min(0), points.max(0)])
    sides = bounds[1] - bounds[0]
    if np.abs(bounds).max() > 1e3 or not ((sides >= LEAST_M) & (sides <= MOST_M)).all():
        size = " x ".join(f"{1000 * float(side):.4g}" for side in sides)
        raise ConfigError(
            f"mesh file {told}: {size} mm, expected {1000 * LEAST_M:g} to {1000 * MOST_M:g} mm to each side"
        )
    spread = np.linalg.eigvalsh(np.cov((points - bounds[0]).T))
    if len(points) < 4 or not spread[0] > FLAT_M**2:
        raise ConfigError(f"mesh file {told}: flat, expected a solid")
    return np.asarray(bounds, np.float64)


def mesh_bytes(path: Path) -> bytes:
    """What the file holds.

    Raises:
        ConfigError: it cannot be read, or is too large.
    """
    told = plain(str(path))
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"mesh file {told}: expected a name that ends with {' or '.join(ENDINGS)}")
    try:
        with existing(path, "mesh file").open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"mesh file {told}: cannot be read: {error.strerror or error}") from error
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"mesh file {told}: larger than {MOST_BYTES // 2**20} MiB")
    return raw


def mesh_asset(path: Path) -> tuple[str, bytes]:
    """The file for MuJoCo: a name that no other content has, and the bytes. MuJoCo keeps what it has read by
    name and length, and would take another mesh of the same length for this one.

    Raises:
        ConfigError: it cannot be read.
    """
    raw = mesh_bytes(path)
    return f"{hashlib.sha256(raw).hexdigest()[:24]}{path.suffix.lower()}", raw


def try_mesh(path: Path, density: float) -> None:
    """Have MuJoCo compile the mesh as a thing that falls and collides.

    Raises:
        ConfigError: it cannot; MuJoCo's reason is told.
    """
    name, raw = mesh_asset(path)
    try:
        mujoco.MjModel.from_xml_string(_TRIAL.format(name=name, density=f"{density:.6g}"), {name: raw})
    except (ValueError, mujoco.FatalError) as error:
        raise ConfigError(f"mesh file {plain(str(path))}: {plain(str(error), 200)}") from error


def _obj(raw: bytes, told: str) -> F64:
    rows = []
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), start=1):
        words = line.split()
        if words[:1] == ["v"]:
            try:
                rows.append([float(words[1]), float(words[2]), float(words[3])])
            except (IndexError, ValueError) as error:
                said = plain(line, 60)
                raise ConfigError(f"mesh file {told}: line {number}: {said!r}, expected v x y z") from error
    return np.array(rows, np.float64)


def _stl(raw: bytes, told: str) -> F64:
    count = int.from_bytes(raw[80:84], "little")
    if len(raw) < 84 or len(raw) != 84 + 50 * count:
        what = "an STL in words" if raw[:5] == b"solid" else f"{len(raw)} bytes"
        raise ConfigError(f"mesh file {told}: {what}, expected a binary STL, whole")
    facets = np.frombuffer(raw, np.uint8, offset=84, count=count * 50).reshape(count, 50)
    return facets[:, 12:48].copy().view("<f4").reshape(-1, 3).astype(np.float64)
