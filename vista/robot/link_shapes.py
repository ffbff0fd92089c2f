"""The shapes of an arm's links and of the zones around it, and how near they come to each other.

The shapes are the primitive ones of the kinematics file that collide: capsules, spheres, boxes and cylinders;
meshes are ignored. A body that a joint moves and that has none gets a capsule, or a ball at its end. MuJoCo's
own collision detection finds what is near.
"""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import mujoco
import numpy as np

from vista.errors import ConfigError
from vista.messages.plain_text import plain
from vista.robot.arm_model import arm_tree
from vista.types import F64, RobotSpec

MOST_ZONES = 24
LINK_RADIUS_M, END_RADIUS_M = 0.05, 0.02
"""Of the capsule of a link that has no shape in the file, and of the ball at the last joint."""
SAMPLES = 200
ALWAYS = 0.9
"""Two links that touch in so large a share of random postures are drawn into each other."""
_BOX = mujoco.mjtGeom.mjGEOM_BOX
_ARM_BIT, _ZONE = 1, "vista zone "

Pair = tuple[str, str]
"""A link, and what it comes near to: another link or a zone."""


class LinkShapes:
    """Which links come near to what, for any joint positions. Several threads may share it.

    Args:
        spec: The contract: kinematics, joints, ``keep_out``.
        clearance_m: Links that are nearer than this to a zone are near [m].
        self_clearance_m: Links that are nearer than this to each other are near [m].

    ``links``: the moving bodies that have a shape; ``assumed``: those whose shape is not the file's;
    ``zones``: the names of the zones.

    Raises:
        ConfigError: the file of kinematics cannot be read, or a zone names a link that it lacks.
    """

    def __init__(self, spec: RobotSpec, clearance_m: float = 0.02, self_clearance_m: float = 0.005) -> None:
        told = f"robot {spec.name}: kinematics file {plain(spec.kinematics)}"
        arm = arm_tree(spec.kinematics, shapes=True)
        self.zones = tuple(zone.name for zone in spec.keep_out)
        if len(self.zones) > MOST_ZONES:
            raise ConfigError(f"robot {spec.name}: {len(self.zones)} keep-out zones, at most {MOST_ZONES}")
        try:
            built = mujoco.MjSpec.from_string(ET.tostring(arm, encoding="unicode"))
            still = mujoco.MjSpec.from_string(ET.tostring(arm, encoding="unicode")).compile()
            moving = {
                still.body(b).name for b in range(still.nbody) if still.body_weldid[b] != 0
            }  # all but what is fixed to the world
            self.assumed = _give_shapes(built, still)
            links = self._collide(built, moving, spec, clearance_m, self_clearance_m)
            self._model = model = built.compile()
        except (ValueError, mujoco.FatalError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"{told}: {plain(str(error), 300)}") from error
        self.links = tuple(sorted(links))
        self._data, self._lock = mujoco.MjData(model), threading.Lock()
        self._joints = np.array([model.joint(name).qposadr[0] for name in spec.joint_names])
        self._names = [self._name(g) for g in range(model.ngeom)]
        self._drawn_together = self._never_apart(spec)

    def _name(self, geom: int) -> str:
        name = self._model.geom(geom).name
        if name.startswith(_ZONE):
            return self.zones[int(name.removeprefix(_ZONE))]
        return self._model.body(self._model.geom_bodyid[geom]).name

    def _collide(
        self, built: mujoco.MjSpec, moving: set[str], spec: RobotSpec, clearance_m: float, self_m: float
    ) -> set[str]:
        """Say who is looked at beside whom, and add the zones. Returns the moving links that have a shape."""
        links = set()
        for geom in built.geoms:
            link, solid = geom.parent.name, bool(geom.contype | geom.conaffinity)
            geom.contype = geom.conaffinity = _ARM_BIT if solid else 0
            geom.margin = self_m
            if solid and link in moving:
                links.add(link)
                for i, zone in enumerate(spec.keep_out):
                    if not zone.links or link in zone.links:
                        geom.conaffinity |= 2 << i
        for i, zone in enumerate(spec.keep_out):
            if zone.name in moving or not links:
                why = "is a link's, too" if links else "no moving link has a shape that could keep out"
                raise ConfigError(f"robot {spec.name}: keep_out {zone.name!r}: {why}")
            unknown = sorted(set(zone.links) - links)
            if unknown:
                raise ConfigError(
                    f"robot {spec.name}: keep_out {zone.name!r}: no moving link {', '.join(unknown)}; there "
                    f"are {', '.join(sorted(links))}"
                )
            low, high = zone.box
            built.worldbody.add_geom(
                name=f"{_ZONE}{i}", type=_BOX, pos=(low + high) / 2,
                size=(high - low) / 2, contype=2 << i, conaffinity=0, margin=clearance_m,
            )  # fmt: skip
        return links

    def _never_apart(self, spec: RobotSpec) -> frozenset[Pair]:
        """Links that hang on each other, and those that the shapes of the file draw into each other."""
        model = self._model
        joined = {
            tuple(sorted((model.body(b).name, model.body(model.body_parentid[b]).name)))
            for b in range(1, model.nbody)
        }
        self._drawn_together = frozenset()
        random, count = np.random.default_rng(0), dict[Pair, int]()
        low, high = np.maximum(spec.joint_lower, -np.pi), np.minimum(spec.joint_upper, np.pi)
        for joints in random.uniform(low, high, (SAMPLES, len(low))):
            for pair in self._touching(joints):
                count[pair] = count.get(pair, 0) + 1
        zones = set(self.zones)
        often = {p for p, n in count.items() if n >= ALWAYS * SAMPLES and p[1] not in zones}
        at_home = {p for p in self._touching(spec.home) if p[1] not in zones}
        return frozenset(often | at_home | joined)

    @property
    def drawn_together(self) -> frozenset[Pair]:
        """Pairs of links, in the order of the alphabet, that are never looked at."""
        return self._drawn_together

    def near(self, joints: F64) -> Mapping[Pair, float]:
        """What is near with the arm at ``joints`` (J,) [rad], and how far apart it is [m]; below 0: inside of
        each other."""
        found = self._touching(joints)
        return {pair: gap for pair, gap in found.items() if pair not in self._drawn_together}

    def _touching(self, joints: F64) -> dict[Pair, float]:
        model, data = self._model, self._data
        with self._lock:
            data.qpos[self._joints] = joints
            mujoco.mj_kinematics(model, data)
            mujoco.mj_collision(model, data)
            if not data.ncon:
                return {}
            geoms, gaps = data.contact.geom.copy(), data.contact.dist.copy()
            for i, (one, other) in enumerate(geoms):
                # The contact of two boxes that do not touch tells half of how far apart they are.
                if gaps[i] > 0.0 and model.geom_type[one] == model.geom_type[other] == _BOX:
                    gaps[i] = mujoco.mj_geomDistance(model, data, one, other, 2 * gaps[i] + 1e-6, None)
        found: dict[Pair, float] = {}
        for (one, other), gap in zip(geoms.tolist(), gaps.tolist(), strict=True):
            a, b = self._names[one], self._names[other]
            pair = (a, b) if b in self.zones else (b, a) if a in self.zones else (min(a, b), max(a, b))
            found[pair] = min(gap, found.get(pair, np.inf))
        return found


def _give_shapes(built: mujoco.MjSpec, still: mujoco.MjModel) -> tuple[str, ...]:
    """A shape for each body that a joint moves and that has none which collides: capsules to its children,
    or a ball at its joint. Returns their names. ``still``: the same arm, compiled."""
    shaped = {geom.parent.name for geom in built.geoms if geom.contype | geom.conaffinity}
    given = []
    for body in built.bodies:
        if body.name in shaped or body.name == "world":
            continue
        number = still.body(body.name).id
        if still.body_weldid[number] != number:  # a frame that is fixed to another body
            continue
        given.append(body.name)
        ends = [np.array(child.pos) for child in body.bodies]
        far = [end for end in ends if np.linalg.norm(end) > LINK_RADIUS_M]
        for end in far:
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=[0.0, 0.0, 0.0, *end], size=[LINK_RADIUS_M, 0, 0]
            )
        if not far:
            radius = LINK_RADIUS_M if ends else END_RADIUS_M
            body.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[radius, 0, 0])
    return tuple(sorted(given))
