"""How the arm is drawn: with primitives, or with the meshes of a package that happens to be installed.

Meshes change pictures only: contact stays with the primitives. No mesh is part of this project.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from importlib.util import find_spec
from pathlib import Path

from vista.errors import ConfigError, UnknownNameError
from vista_sim.model.elements import add

LOOKS = ("primitive", "mesh")
GREY = ".92 .92 .94 1"
VARIABLE = "VISTA_ARM_LOOKS"
PARTS = (*(f"link{i}" for i in range(8)), "hand", "finger")
# Distribution, importable package, folder in it, file ending; the first that is there is taken.
PACKAGES = (
    (
        "gymnasium-robotics", "gymnasium_robotics",
        "envs/assets/kitchen_franka/franka_assets/meshes/collision", ".stl",
    ),
    ("dm-robotics-panda", "dm_robotics.panda", "assets/panda", ".obj"),
)  # fmt: skip


def arm_looks(looks: str | None = None) -> str:
    """``looks``, or else the environment variable ``VISTA_ARM_LOOKS``, or else ``primitive``.

    Raises:
        UnknownNameError: neither ``primitive`` nor ``mesh``.
    """
    chosen = looks or os.environ.get(VARIABLE) or LOOKS[0]
    if chosen not in LOOKS:
        raise UnknownNameError("looks of the arm", chosen, LOOKS)
    return chosen


def find_meshes() -> dict[str, Path]:
    """{part: file} of the Panda's links, hand and finger, from an installed package that is not imported.

    Raises:
        ConfigError: no package with all of them is installed; those that are known are named.
    """
    for _, package, folder, ending in PACKAGES:
        try:
            spec = find_spec(package)
        except (ImportError, ValueError):  # half installed
            continue
        for root in (spec.submodule_search_locations or ()) if spec else ():
            files = {part: Path(root) / folder / f"{part}{ending}" for part in PARTS}
            if all(file.is_file() for file in files.values()):
                return files
    raise ConfigError(
        f"no package with meshes of the arm is installed; known are {', '.join(p[0] for p in PACKAGES)} "
        f"(pip install --no-deps gymnasium-robotics), or say {VARIABLE}=primitive"
    )


def draw_shapes(root: ET.Element) -> None:
    """Draw an arm whose file has no visual geometry by its collision shapes."""
    geoms = [(body, geom) for body in root.iter("body") for geom in body.findall("geom")]
    if any(geom.get("class") == "visual" for _, geom in geoms):
        return
    for body, geom in geoms:
        if geom.get("class") == "collision":
            seen = {"group": "2", "contype": "0", "conaffinity": "0", "mass": "0", "rgba": GREY}
            add(body, "geom", **{**geom.attrib, **seen})


def dress(robot: str, root: ET.Element, asset: ET.Element, assets: dict[str, bytes]) -> None:
    """Draw the arm of the MJCF tree ``root`` with meshes: the visual primitives of each part make room.

    Raises:
        ConfigError: no package with the meshes is installed, or the arm ``robot`` is no Panda.
    """
    bodies = {body.get("name") for body in root.iter("body")}
    if not bodies.issuperset(part for part in PARTS if part != "finger"):
        raise ConfigError(f"robot {robot}: no meshes are known of this arm; say {VARIABLE}=primitive")
    for part, file in find_meshes().items():
        name = f"arm_{part}"
        try:
            assets[f"{name}{file.suffix}"] = file.read_bytes()
        except OSError as error:
            raise ConfigError(f"mesh of the arm {file}: {error.strerror or error}") from error
        add(asset, "mesh", name=name, file=f"{name}{file.suffix}", inertia="shell")
    for body in root.iter("body"):
        part = "finger" if body.get("name", "").endswith("_finger") else body.get("name", "")
        if part not in PARTS:
            continue
        for geom in [g for g in body.findall("geom") if g.get("class") == "visual"]:
            body.remove(geom)
        add(body, "geom", **{"class": "visual", "type": "mesh", "mesh": f"arm_{part}"})
