"""What is sensed and seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from vista import values
from vista.errors import InvalidValueError
from vista.types.arrays import F32, F64, U8, checked_images, set_field
from vista.types.pose import Pose
from vista.types.robot import ObjectKind
from vista.values import Value


@dataclass(frozen=True, slots=True, eq=False)
class Observation(Value):
    """What the robot senses at ``stamp_ns`` [ns, robot clock].

    ``images`` {camera: u8 (H, W, 3) RGB}; ``depth`` {camera: f32 (H, W) [m], NaN invalid};
    ``joint_pos`` f32 (J,) [rad]; ``joint_vel`` f32 (J,) [rad/s]; ``gripper`` [0 closed, 1 open];
    ``gripper_command`` the last opening that was commanded, same scale; ``gripper_vel`` rate of the opening
    [1/s]; ``ee_pose`` in the base frame.
    """

    stamp_ns: int
    images: Mapping[str, U8]
    joint_pos: F32
    joint_vel: F32
    gripper: float
    ee_pose: Pose
    gripper_command: float = 1.0
    gripper_vel: float = 0.0
    depth: Mapping[str, F32] = field(default_factory=dict)

    def __post_init__(self) -> None:
        set_field(self, "stamp_ns", values.whole("Observation.stamp_ns", self.stamp_ns))
        set_field(self, "images", checked_images("Observation.images", self.images))
        for name in ("joint_pos", "joint_vel"):
            set_field(
                self, name, values.array(f"Observation.{name}", getattr(self, name), np.float32, (None,))
            )
        if self.joint_pos.shape != self.joint_vel.shape:
            raise InvalidValueError(
                f"Observation: joint_pos {self.joint_pos.shape} and joint_vel {self.joint_vel.shape} differ"
            )
        for name in ("gripper", "gripper_command"):
            value = values.number(
                f"Observation.{name}", getattr(self, name), -0.05, 1.05, "0 (closed) to 1 (open)"
            )
            set_field(self, name, min(1.0, max(0.0, value)))
        rate = values.number("Observation.gripper_vel", self.gripper_vel, -1e6, 1e6)
        set_field(self, "gripper_vel", rate)
        values.instance("Observation.ee_pose", self.ee_pose, Pose)
        depth = values.entries("Observation.depth", self.depth)
        set_field(
            self,
            "depth",
            values.read_only({c: _depth(f"Observation.depth[{values.shown(c)}]", d) for c, d in depth}),
        )


def _depth(name: str, image: object) -> F32:
    """``image`` as a read-only f32 (H, W); NaN and infinity stand for what the camera does not know."""
    if not isinstance(image, np.ndarray) or image.dtype.kind != "f" or image.ndim != 2:
        told = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else values.shown(image)
        raise InvalidValueError(f"{name}: {told}, expected a float array (H, W) [m]")
    with np.errstate(over="ignore"):
        out = np.array(image, np.float32, subok=False)
    out.setflags(write=False)
    return out


class GroundedBy(StrEnum):
    """Who says where something is."""

    DETECTOR = "detector"  # the trained detector's colours and shapes
    EXEMPLAR = "exemplar"  # pictures of the thing that were taught
    OPEN_VOCABULARY = "open_vocabulary"  # a model that looks for any words
    MEMORY = "memory"  # it is not seen now
    CONTRACT = "contract"  # it stands where the robot's contract says


@dataclass(frozen=True, slots=True, eq=False)
class Detection(Value):
    """One object seen: ``box`` f32 (4,) x0 y0 x1 y1 as fractions of the image width and height;
    ``position`` f64 (3,) in the base frame [m] with ``sigma_m``, its standard deviation per axis;
    ``kind``: a thing, a container or the handle of a drawer; ``by``: who calls it so."""

    label: str
    score: float
    box: F32
    position: F64
    sigma_m: float
    camera: str = "front"
    kind: ObjectKind = ObjectKind.THING
    by: GroundedBy = GroundedBy.DETECTOR

    def __post_init__(self) -> None:
        values.text("Detection.label", self.label)
        set_field(self, "score", values.number("Detection.score", self.score, 0.0, 1.0))
        set_field(self, "box", values.array("Detection.box", self.box, np.float32, (4,)))
        set_field(self, "position", values.position("Detection.position", self.position))
        sigma = values.number("Detection.sigma_m", self.sigma_m, 0.0, values.FAR_M, "at least 0 m")
        set_field(self, "sigma_m", sigma)
        values.text("Detection.camera", self.camera)
        set_field(self, "kind", values.word("Detection.kind", self.kind, ObjectKind))
        set_field(self, "by", values.word("Detection.by", self.by, GroundedBy))
