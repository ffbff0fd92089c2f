"""Faults that a driver can be given, as parameters of its node; they may be changed while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from rclpy.qos import QoSProfile, ReliabilityPolicy

from vista.errors import InvalidValueError, UnknownNameError, VistaError
from vista.types import RobotSpec
from vista_ros.conversions.encodings import WRITTEN


class CameraFault(StrEnum):
    """What is wrong with a camera."""

    SILENT = "silent"
    FROZEN = "frozen"
    BLACK = "black"
    UPSIDE_DOWN = "upside_down"


class JointFault(StrEnum):
    """What is wrong with a joint in the joint states."""

    NAN = "nan"
    MISSING = "missing"


Kind = TypeVar("Kind", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Faults:
    """``cameras`` {camera: fault}; ``joints`` {name on the wire: fault}; ``joints_silent``: no joint states
    at all; ``clock_offset_s``: how far the driver's clock is ahead [s]; ``dropped``: share of the images that
    are lost; ``encoding``: of the images."""

    cameras: Mapping[str, CameraFault]
    joints: Mapping[str, JointFault]
    joints_silent: bool
    clock_offset_s: float
    dropped: float
    encoding: str


class FaultParameters:
    """The faults that the parameters of a node ask for. A parameter that is set to what there is not is told
    as a warning, and the faults stay as they were.

    Raises:
        InvalidValueError, UnknownNameError: the node is started with such a parameter.
    """

    def __init__(self, node: Any, spec: RobotSpec) -> None:
        self._node, self._spec = node, spec
        self._last = faults_of(node, spec)

    def now(self) -> Faults:
        try:
            self._last = faults_of(self._node, self._spec)
            self._node.warn("faults", "")
        except VistaError as error:
            self._node.warn("faults", str(error))
        return self._last


def faults_of(node: Any, spec: RobotSpec) -> Faults:
    """The faults that the parameters of ``node`` ask for now: ``camera_faults`` ("front=frozen,
    wrist=black"), ``joint_faults`` ("joint1=nan"), ``joints_silent``, ``clock_offset_s``, ``drop_images``,
    ``encoding``.

    Raises:
        InvalidValueError, UnknownNameError: a parameter asks for what there is not.
    """
    dropped = node.param("drop_images", 0.0)
    if not 0.0 <= dropped <= 1.0:
        raise InvalidValueError(f"parameter 'drop_images': {dropped!r}, expected a share from 0 to 1")
    encoding = node.param("encoding", "rgb8")
    if encoding not in WRITTEN:
        raise UnknownNameError("encoding", encoding, WRITTEN)
    cameras = _pairs("camera_faults", node.param("camera_faults", ""), tuple(spec.cameras), CameraFault)
    wires = (*spec.wire_names, spec.gripper_wire)
    joints = _pairs("joint_faults", node.param("joint_faults", ""), wires, JointFault)
    silent, offset = node.param("joints_silent", False), node.param("clock_offset_s", 0.0)
    return Faults(cameras, joints, silent, offset, dropped, encoding)


def _pairs(name: str, text: str, known: tuple[str, ...], kinds: type[Kind]) -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for entry in filter(None, (each.strip() for each in text.split(","))):
        key, _, fault = (part.strip() for part in entry.partition("="))
        if key not in known:
            raise UnknownNameError(f"parameter {name!r}: name", key, known)
        if fault not in tuple(kinds):
            raise UnknownNameError(f"parameter {name!r}: fault", fault, tuple(kinds))
        found[key] = kinds(fault)
    return found


def reliability(node: Any, name: str, qos: QoSProfile) -> QoSProfile:
    """``qos`` with the reliability that the parameter ``name`` of ``node`` asks for: "reliable" or
    "best_effort"; read when the driver starts.

    Raises:
        UnknownNameError: another word.
    """
    kinds = {"reliable": ReliabilityPolicy.RELIABLE, "best_effort": ReliabilityPolicy.BEST_EFFORT}
    word = node.param(name, "reliable")
    if word not in kinds:
        raise UnknownNameError(f"parameter {name!r}: reliability", word, kinds)
    return QoSProfile(depth=qos.depth, history=qos.history, reliability=kinds[word])
