"""The arm's joints and bodies, from an MJCF or a URDF file, with a frame for its end effector.

Only what kinematics needs is read: bodies, joints, inertias and sites. Meshes, actuators and the like are
left out before MuJoCo sees the file, so that a file without its meshes is as good as one with them.
"""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path

# MuJoCo chooses its OpenGL library when it is first imported, whoever imports it first.
os.environ.setdefault("MUJOCO_GL", "egl")

from vista.errors import ConfigError

try:
    import mujoco
except RuntimeError as error:
    raise ConfigError(f"{error}; expected egl, glfw, osmesa or off") from error
import numpy as np

from vista.files.yaml_file import existing
from vista.messages.plain_text import plain
from vista.types.arrays import F64
from vista.values import array

MOST_BYTES = 4 * 1024 * 1024
MOST_BODIES = 1000
DEEPEST = 200
_COMPILER = ("angle", "autolimits", "balanceinertia", "coordinate", "eulerseq")
_IN_BODY = ("body", "frame", "freejoint", "inertial", "joint", "site")
_ELSEWHERE = ("attach", "include", "replicate")  # they would bring bodies that this file does not show
_PRIMITIVES = ("sphere", "capsule", "cylinder", "box")
_OF_MESHES = ("mesh", "fitscale", "hfield", "density", "mass")
_TYPES = {"revolute": "hinge", "continuous": "hinge", "prismatic": "slide", "fixed": ""}
_INERTIAL = {"pos": "0 0 0", "mass": "1", "diaginertia": ".01 .01 .01"}


def arm_model(
    path: str | Path,
    *,
    site: str = "",
    body: str = "",
    position: Sequence[float] | F64 = (0.0, 0.0, 0.0),
    quat_wxyz: Sequence[float] | F64 = (1.0, 0.0, 0.0, 0.0),
) -> tuple[mujoco.MjModel, int]:
    """The MuJoCo model of the arm in ``path``, and the id of the site that is its end effector.

    The root element tells MJCF (``mujoco``) from URDF (``robot``). The frame of the world is that of the
    MJCF's worldbody, or of the URDF's root link. Masses of a URDF are not read: this model serves no
    dynamics.

    Args:
        path: The file. Files that it names, such as meshes, are never looked for.
        site: A site of the MJCF in whose frame the end effector stands.
        body: A body of the MJCF, or a link of the URDF; instead of ``site``.
        position: Of the end effector in that frame (3,) [m].
        quat_wxyz: Of the end effector in that frame (4,); any length but 0.

    Raises:
        ConfigError: the file is missing, is neither MJCF nor URDF, is too large, holds what is not allowed
            (DTD, xacro, included files), has no joint, lacks the site or body, or MuJoCo refuses it.
        InvalidValueError: ``position`` or ``quat_wxyz`` has another shape or is not finite.
    """
    told = f"kinematics file {plain(str(path))}"
    offset = array("end effector: position", position, np.float64, (3,))
    turn = array("end effector: quat_wxyz", quat_wxyz, np.float64, (4,))
    length = math.sqrt(float(turn @ turn))
    if bool(site) == bool(body):
        given = "site and body are both given" if site else "neither site nor body is given"
        raise ConfigError(f"{told}: end effector: {given}, expected one of them")
    if not length > 1e-6:
        raise ConfigError(f"{told}: end effector: quat_wxyz is 0, expected a rotation")
    arm = arm_tree(path)
    bodies = list(arm.iter("body"))
    sites = {s.get("name"): parent for parent in arm.iter() for s in parent.findall("site") if s.get("name")}
    named = {b.get("name"): b for b in bodies if b.get("name")}
    holder = _found(told, "site", site, sites) if site else _found(told, "body", body, named)
    same = not offset.any() and abs(turn[0]) == length
    name = site
    if body or not same:
        name = "end_effector"
        while name in sites:
            name += "_"
        ET.SubElement(holder, "site", name=name)
    try:
        model = mujoco.MjModel.from_xml_string(ET.tostring(arm, encoding="unicode"))
    except (ValueError, mujoco.FatalError) as error:
        raise ConfigError(f"{told}: {plain(str(error), 300)}") from error
    found = int(model.site(name).id)
    if name != site:
        place_site(model, found, int(model.site(site).id) if site else None, offset, turn / length)
    return model, found


def arm_tree(path: str | Path, *, shapes: bool = False) -> ET.Element:
    """The arm in ``path`` as an MJCF of bodies, joints, sites and, with ``shapes``, the primitive shapes that
    collide.

    Raises:
        ConfigError: as :func:`arm_model`, but for the end effector.
    """
    told = f"kinematics file {plain(str(path))}"
    root = _read(Path(path), told)
    arm = _from_urdf(root, told, shapes) if root.tag == "robot" else _from_mjcf(root, told, shapes)
    if not any(True for world in arm.findall("worldbody") for _ in world.iter("joint")):
        raise ConfigError(f"{told}: no joint, expected those of an arm")
    count = sum(1 for _ in arm.iter("body"))
    if count > MOST_BODIES:
        raise ConfigError(f"{told}: {count} bodies, expected at most {MOST_BODIES}")
    return arm


def place_site(model: mujoco.MjModel, made: int, base: int | None, position: F64, quat: F64) -> None:
    """Moves the site ``made`` in its body to ``position`` (3,) [m] and ``quat`` (4,) in the frame of the site
    ``base``, None: of the body. In numbers, not in the text: there a default of the file's own
    (``<site euler=...>``) would win over what is asked for."""
    at, turn = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
    if base is not None:
        at, turn = np.array(model.site_pos[base]), np.array(model.site_quat[base])
    moved, turned = np.empty(3), np.empty(4)
    mujoco.mju_rotVecQuat(moved, position, turn)
    mujoco.mju_mulQuat(turned, turn, quat)
    model.site_pos[made], model.site_quat[made] = at + moved, turned
    model.site_sameframe[made] = 0  # the compiler's note that it lies in its body's origin


def _found(told: str, what: str, name: str, known: dict[str | None, ET.Element]) -> ET.Element:
    if name not in known:
        listed = plain(", ".join(sorted(str(k) for k in known)) or "none", 600)
        raise ConfigError(f"{told}: no {what} {plain(name, 80)!r} for the end effector; it has: {listed}")
    return known[name]


class _Builder(ET.TreeBuilder):
    """Refuses what no arm's file needs and what would unfold: document types and deep nesting."""

    def __init__(self, told: str) -> None:
        super().__init__()
        self._told, self._depth = told, 0

    def doctype(self, *_: object) -> None:
        raise ConfigError(f"{self._told}: has a document type (<!DOCTYPE>), expected none")

    def start(self, tag: str, attrs: dict[str, str]) -> ET.Element:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConfigError(f"{self._told}: elements nested more than {DEEPEST} deep")
        if "xacro" in tag.partition("}")[0] or tag.startswith("xacro:"):
            raise ConfigError(f"{self._told}: {_UNEXPANDED}")
        return super().start(tag, attrs)

    def end(self, tag: str) -> ET.Element:
        self._depth -= 1
        return super().end(tag)


_UNEXPANDED = "is a xacro file that is not expanded yet; expected the URDF that 'xacro FILE' writes"


def _read(path: Path, told: str) -> ET.Element:
    existing(path, "kinematics file")
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{told}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    if len(data) > MOST_BYTES:
        raise ConfigError(
            f"{told}: larger than {MOST_BYTES // 2**20} MiB, expected a file without meshes in it"
        )
    try:
        root = ET.fromstring(data, ET.XMLParser(target=_Builder(told)))
    except (ET.ParseError, ValueError, LookupError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{told}: no XML: {plain(str(error), 200)}") from error
    if root.tag not in ("mujoco", "robot"):
        raise ConfigError(
            f"{told}: begins with <{plain(root.tag, 80)}>, expected MJCF <mujoco> or URDF <robot>"
        )
    return root


def _from_mjcf(root: ET.Element, told: str, shapes: bool) -> ET.Element:
    arm = ET.Element("mujoco")
    drawn = ("geom",) if shapes else ()
    for element in root.iter():
        if element.tag in _ELSEWHERE:
            raise ConfigError(f"{told}: has <{element.tag}>, expected every body written out in this file")
    for element in root:
        if element.tag == "compiler":
            kept = {k: v for k, v in element.attrib.items() if k in _COMPILER}
            ET.SubElement(arm, "compiler", kept)
        elif element.tag == "default":
            _keep(element, ("default", "joint", "site", *drawn))
            arm.append(element)
        elif element.tag == "worldbody":
            _keep(element, (*_IN_BODY, *drawn))
            arm.append(element)
        elif element.tag == "contact" and shapes:
            _keep(element, ("exclude",))
            arm.append(element)
    if arm.find("worldbody") is None:
        ET.SubElement(arm, "worldbody")
    for body in list(arm.iter()):
        for geom in body.findall("geom"):
            if "mesh" in geom.attrib or geom.get("type", "sphere") not in _PRIMITIVES:
                body.remove(geom)
    for each in arm.iter():
        # A material is among the assets, a number of users' values in <size>.
        for key in ("material", "user", *(_OF_MESHES if each.tag == "geom" else ())):
            each.attrib.pop(key, None)
    for each in list(arm.iter("body")):
        if each.find("inertial") is None:  # its geoms gave it a mass
            ET.SubElement(each, "inertial", _INERTIAL)
    ET.SubElement(arm, "compiler", inertiafromgeom="false")
    return arm


def _keep(element: ET.Element, tags: Iterable[str]) -> None:
    for parent in list(element.iter()):
        for child in list(parent):
            if child.tag not in tags:
                parent.remove(child)


def _from_urdf(root: ET.Element, told: str, shapes: bool) -> ET.Element:
    """The same arm as MJCF: a body per link, named alike, also where the joint above is fixed."""
    arm = ET.Element("mujoco")
    ET.SubElement(arm, "compiler", angle="radian", autolimits="true", eulerseq="XYZ", inertiafromgeom="false")
    world = ET.SubElement(arm, "worldbody")
    bodies: dict[str, ET.Element] = {}
    for link in root.findall("link"):
        name = _value(link, "name", told)
        if name in bodies:
            raise ConfigError(f"{told}: two links {plain(name, 80)!r}, expected one")
        bodies[name] = ET.Element("body", name=name)
        ET.SubElement(bodies[name], "inertial", _INERTIAL)
        if shapes:
            _draw(link, bodies[name], f"{told}: link {plain(name, 80)!r}")
    above: dict[str, str] = {}
    for joint in root.findall("joint"):
        name = _value(joint, "name", told)
        where = f"{told}: joint {plain(name, 80)!r}"
        ends = [_value(joint.find(end), "link", f"{where}: {end}") for end in ("parent", "child")]
        for end in ends:
            if end not in bodies:
                raise ConfigError(f"{where}: no link {plain(end, 80)!r} in the file")
        if ends[1] in above:
            raise ConfigError(f"{where}: link {plain(ends[1], 80)!r} hangs on two joints, expected one")
        above[ends[1]] = ends[0]
        _joint(joint, name, bodies[ends[1]], where)
    tops = [name for name in bodies if name not in above]
    if len(tops) != 1:
        listed = plain(", ".join(tops) or "none", 300)
        raise ConfigError(f"{told}: links without a joint above: {listed}; expected one, the root")
    for child, parent in above.items():
        bodies[parent].append(bodies[child])
    if len(list(bodies[tops[0]].iter("body"))) != len(bodies):
        raise ConfigError(f"{told}: links that hang on each other in a ring, expected a tree")
    if tops[0] == "world":  # MuJoCo's own name for what does not move
        world.extend(bodies["world"].findall("body"))
    else:
        world.append(bodies[tops[0]])
    return arm


def _draw(link: ET.Element, body: ET.Element, where: str) -> None:
    """The primitive collision shapes of a link."""
    for collision in link.findall("collision"):
        origin, geometry = collision.find("origin"), collision.find("geometry")
        for shape in () if geometry is None else geometry:
            if shape.tag == "box":
                sides = _numbers(shape, "size", "0 0 0", where)
                size = " ".join(f"{float(side) / 2:.9g}" for side in sides.split())
            elif shape.tag in ("cylinder", "capsule"):
                radius, length = (_numbers(shape, key, "0", where) for key in ("radius", "length"))
                size = f"{radius} {float(length) / 2:.9g}"
            elif shape.tag == "sphere":
                size = _numbers(shape, "radius", "0", where)
            else:
                continue
            geom = ET.SubElement(body, "geom", type=shape.tag, size=size)
            if origin is not None:
                geom.set("pos", _numbers(origin, "xyz", "0 0 0", where))
                geom.set("euler", _numbers(origin, "rpy", "0 0 0", where))


def _joint(joint: ET.Element, name: str, child: ET.Element, where: str) -> None:
    kind = _value(joint, "type", where)
    if kind not in _TYPES:
        raise ConfigError(f"{where}: type {plain(kind, 80)!r}, expected one of {', '.join(_TYPES)}")
    origin = joint.find("origin")
    if origin is not None:
        child.set("pos", _numbers(origin, "xyz", "0 0 0", where))
        child.set("euler", _numbers(origin, "rpy", "0 0 0", where))
    if not _TYPES[kind]:
        return
    axis, limit = joint.find("axis"), joint.find("limit")
    moved = ET.Element("joint", name=name, type=_TYPES[kind])
    moved.set("axis", "1 0 0" if axis is None else _numbers(axis, "xyz", "1 0 0", where))
    if kind != "continuous" and limit is not None:
        lower, upper = (_numbers(limit, end, "0", where) for end in ("lower", "upper"))
        if not float(lower) < float(upper):
            raise ConfigError(f"{where}: limits {lower} to {upper}, expected the lower one first")
        moved.set("range", f"{lower} {upper}")
    child.append(moved)


def _value(element: ET.Element | None, key: str, where: str) -> str:
    value = element.get(key) if element is not None else None
    if not value:
        raise ConfigError(f"{where}: no {key}, expected a name")
    if "${" in value or "$(" in value:
        raise ConfigError(f"{where}: {plain(value, 80)!r}: {_UNEXPANDED}")
    return value


def _numbers(element: ET.Element, key: str, default: str, where: str) -> str:
    """The text of ``element``'s numbers, for MuJoCo to read, once it is known to hold numbers."""
    text = element.get(key, default)
    if "${" in text or "$(" in text:
        raise ConfigError(f"{where}: {plain(text, 80)!r}: {_UNEXPANDED}")
    try:
        good = all(math.isfinite(float(word)) for word in text.split())
    except ValueError:
        good = False
    count = len(default.split())
    if not good or len(text.split()) != count:
        told = f"{count} numbers" if count > 1 else "a number"
        raise ConfigError(f"{where}: {element.tag} {key}: {plain(text, 80)!r}, expected {told}")
    return " ".join(text.split())
