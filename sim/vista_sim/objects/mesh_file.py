"""Mesh files of a user's objects: read with trimesh, measured, and tried in MuJoCo before a scene needs them.

OBJ and binary STL go to MuJoCo as they are; PLY, GLB and STL in words, which it does not read, as OBJ.
"""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from vista.errors import ConfigError
from vista.files.yaml_file import existing
from vista.messages.plain_text import plain
from vista.types import F64

if TYPE_CHECKING:
    import trimesh  # it takes a second to load: where there is no mesh, there is no need

ENDINGS = (".obj", ".stl", ".ply", ".glb")
_Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""A GLB has y up, by its standard; the table has z up."""
MOST_BYTES = 32 * 2**20
MOST_FACES = 200_000
"""MuJoCo reads no more from an STL, and takes minutes for more of another kind."""
POINTER = b"version https://git-lfs"
"""So begins what Git LFS leaves in the place of a file that it has not fetched."""
LEAST_M, MOST_M = 0.001, 0.5
"""Length of each side of the box around a mesh [m]; a mesh in mm is a thousand times too large."""
FLAT_M = 1e-5
"""Least spread of the vertices in any direction [m]; a thinner mesh is flat."""
_TRIAL = """<mujoco><asset><mesh name="m" file="{name}"/></asset>
<worldbody><body><freejoint/><geom type="mesh" mesh="m" density="{density}"/></body></worldbody></mujoco>"""


def mesh_bounds(path: Path) -> F64:
    """Lower and upper corner (2, 3) of a mesh: Wavefront OBJ, STL, PLY or GLB [m].

    Raises:
        ConfigError: it is none of these, is torn, or is no solid of the size of a thing on a table.
    """
    told = plain(str(path))
    dumped = _scene(path).dump()
    parts = [getattr(part, "vertices", np.zeros((0, 3))) for part in dumped]
    points = np.concatenate([np.zeros((0, 3)), *(np.asarray(part, np.float64) for part in parts)])
    if points.size == 0:
        raise ConfigError(f"mesh file {told}: holds no vertices")
    if not np.isfinite(points).all():
        raise ConfigError(f"mesh file {told}: holds a vertex that is not finite")
    faces = sum(len(getattr(part, "faces", ())) for part in dumped)
    if faces > MOST_FACES:
        raise ConfigError(f"mesh file {told}: {faces:,} faces, expected at most {MOST_FACES:,}; simplify it")
    bounds = np.stack([points.min(0), points.max(0)])
    sides = bounds[1] - bounds[0]
    if np.abs(bounds).max() > 1e3 or not ((sides >= LEAST_M) & (sides <= MOST_M)).all():
        size = " x ".join(f"{1000 * float(side):.4g}" for side in sides)
        unit = "; its numbers count as m: is it in mm?" if 1.0 < sides.max() < 1e3 else ""
        raise ConfigError(
            f"mesh file {told}: {size} mm, expected {1000 * LEAST_M:g} to {1000 * MOST_M:g} mm to each side"
            f"{unit}"
        )
    spread = np.linalg.eigvalsh(np.cov((points - bounds[0]).T))
    if len(points) < 4 or not spread[0] > FLAT_M**2:
        raise ConfigError(f"mesh file {told}: flat, expected a solid")
    return np.asarray(bounds, np.float64)


def mesh_bytes(path: Path) -> bytes:
    """The content of the file.

    Raises:
        ConfigError: it cannot be read, or is too large.
    """
    told = plain(str(path))
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"mesh file {told}: expected a name that ends with {', '.join(ENDINGS)}")
    try:
        with existing(path, "mesh file").open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"mesh file {told}: cannot be read: {error.strerror or error}") from error
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"mesh file {told}: larger than {MOST_BYTES // 2**20} MiB")
    if raw.startswith(POINTER):
        raise ConfigError(f"mesh file {told}: a pointer of Git LFS; `git lfs pull` fetches the mesh itself")
    return raw


def mesh_asset(path: Path) -> tuple[str, bytes]:
    """The mesh for MuJoCo: a file name that no other content has, and the bytes. MuJoCo keeps meshes by name
    and length, and would take another mesh of the same length for this one.

    Raises:
        ConfigError: it cannot be read.
    """
    raw, ending = mesh_bytes(path), path.suffix.lower()
    name = hashlib.sha256(raw).hexdigest()[:24]
    as_it_is = ending == ".obj" or (ending == ".stl" and not _in_words(raw))
    return (f"{name}{ending}", raw) if as_it_is else (f"{name}.obj", _as_obj(path, name))


@lru_cache(maxsize=32)
def _as_obj(path: Path, digest: str) -> bytes:
    """The mesh of a file, whose content has ``digest``, as OBJ."""
    try:
        mesh = _scene(path).to_mesh()
        text = mesh.export(file_type="obj", include_normals=False, include_color=False, include_texture=False)
    except ConfigError:
        raise
    except Exception as error:  # a file that is read, but holds no surface
        why = plain(f"{type(error).__name__}: {error}", 200)
        raise ConfigError(f"mesh file {plain(str(path))}: holds no mesh: {why}") from error
    return str(text).encode()


def try_mesh(path: Path, density: float) -> None:
    """Have MuJoCo compile the mesh as a thing that falls and collides.

    Raises:
        ConfigError: it cannot, for the reason that MuJoCo gives.
    """
    name, raw = mesh_asset(path)
    try:
        mujoco.MjModel.from_xml_string(_TRIAL.format(name=name, density=f"{density:.6g}"), {name: raw})
    except (ValueError, mujoco.FatalError) as error:
        raise ConfigError(f"mesh file {plain(str(path))}: {plain(str(error), 200)}") from error


def _scene(path: Path) -> trimesh.Scene:
    """What trimesh reads in the file, z up; vertices as they are, neither merged nor reordered."""
    import trimesh

    raw, told, kind = mesh_bytes(path), plain(str(path)), path.suffix.lower()
    if kind == ".obj":
        _check_vertex_lines(raw, told)
    if kind == ".stl":
        _check_length(raw, told)
    how: dict[str, Any] = {"maintain_order": True} if kind == ".obj" else {}
    try:
        scene = trimesh.load_scene(io.BytesIO(raw), file_type=kind[1:], process=False, **how)
    except Exception as error:  # each format's reader raises its own, whatever a torn file makes it do
        why = plain(f"{type(error).__name__}: {error}", 200)
        raise ConfigError(f"mesh file {told}: cannot be read as {kind[1:].upper()}: {why}") from error
    if kind == ".glb":
        scene.apply_transform(_Z_UP)
    return scene


def _check_vertex_lines(raw: bytes, told: str) -> None:
    """Raise ConfigError that names the line of an OBJ file with a broken vertex; trimesh names none."""
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), start=1):
        words = line.split()
        if words[:1] == ["v"]:
            try:
                _ = [float(words[k]) for k in (1, 2, 3)]
            except (IndexError, ValueError) as error:
                said = plain(line, 60)
                raise ConfigError(f"mesh file {told}: line {number}: {said!r}, expected v x y z") from error


def _check_length(raw: bytes, told: str) -> None:
    """A binary STL is as long as it says; MuJoCo reads no other."""
    if not _in_words(raw) and not _whole(raw):
        raise ConfigError(f"mesh file {told}: {len(raw)} bytes, expected an STL, whole")


def _whole(raw: bytes) -> bool:
    return len(raw) >= 84 and len(raw) == 84 + 50 * int.from_bytes(raw[80:84], "little")


def _in_words(raw: bytes) -> bool:
    """Whether an STL is written in words. A binary one may begin with the same one."""
    return raw[:5].lower() == b"solid" and not _whole(raw)
