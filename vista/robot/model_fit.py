"""Which arm and which cameras a model was trained for, kept beside its weights, and whether another arm may
use it: a policy that never saw an arm moves it by chance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vista.errors import ModelMismatchError
from vista.messages.plain_text import plain
from vista.types import CameraSpec, Pose, RobotSpec
from vista.values import entries, number, shown, text

FILE = "robot.json"
"""Stands in a model's folder. A folder without it holds a model that does not say what it was trained for."""
AWAY_M, TURNED_DEG, WIDER = 0.06, 6.0, 0.06
"""How far a camera may be from the one in training, how much it may be turned, and by which share its field
of view may differ: what the training data varies, and a little more."""


@dataclass(frozen=True, slots=True)
class CameraView:
    """What a camera shows: ``pose`` as :class:`vista.types.CameraSpec` has it, and ``half_width``,
    ``half_height``: tangents of half the field of view."""

    pose: Pose
    half_width: float
    half_height: float

    @classmethod
    def of(cls, camera: CameraSpec) -> CameraView:
        return cls(
            camera.pose, float(camera.width / 2 / camera.K[0, 0]), float(camera.height / 2 / camera.K[1, 1])
        )

    def differs(self, other: CameraView) -> str | None:
        """In which way ``other`` shows something else, in words; None: it does not."""
        if self.pose.frame != other.pose.frame:
            return f"is mounted on {other.pose.frame!r}, not on {self.pose.frame!r}"
        away = float(np.linalg.norm(self.pose.position - other.pose.position))
        if away > AWAY_M:
            return f"is {away:.2f} m from there, at most {AWAY_M:g} m"
        turn = 2 * np.arccos(min(1.0, abs(float(self.pose.quat_wxyz @ other.pose.quat_wxyz))))
        if np.rad2deg(turn) > TURNED_DEG:
            return f"is turned by {np.rad2deg(turn):.0f} degrees, at most {TURNED_DEG:g}"
        for side in ("width", "height"):
            mine, its = getattr(self, f"half_{side}"), getattr(other, f"half_{side}")
            if abs(its / mine - 1) > WIDER:
                wide, was = (2 * np.rad2deg(np.arctan(half)) for half in (its, mine))
                return f"sees {wide:.0f} degrees of {side}, not {was:.0f}"
        return None


@dataclass(frozen=True, slots=True)
class TrainedFor:
    """The arm, the frame of its positions, and the cameras {name: view} that a model was trained for."""

    robot: str
    base_frame: str
    cameras: Mapping[str, CameraView]


def write_trained_for(folder: Path, spec: RobotSpec, cameras: Iterable[str] = ()) -> None:
    """Note in a model's ``folder`` that it was trained for the arm of ``spec`` and for its ``cameras``."""
    views = {name: CameraView.of(spec.cameras[name]) for name in cameras}
    data = {
        "robot": spec.name,
        "base_frame": spec.base_frame,
        "cameras": {
            name: {
                "parent": view.pose.frame,
                "position": [round(float(v), 6) for v in view.pose.position],
                "quat_wxyz": [round(float(v), 9) for v in view.pose.quat_wxyz],
                "half_width": round(view.half_width, 6),
                "half_height": round(view.half_height, 6),
            }
            for name, view in views.items()
        },
    }
    (folder / FILE).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def trained_for(folder: Path) -> TrainedFor | None:
    """What the model in ``folder`` was trained for; None: it does not say.

    Raises:
        ModelMismatchError: the file beside the weights is torn, or holds something else.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        data = dict(entries("the file", json.loads(path.read_text(encoding="utf-8"))))
        cameras = {
            name: CameraView(
                Pose(view["position"], view["quat_wxyz"], text("parent", view["parent"])),
                number("half_width", view["half_width"], 1e-4, 1e3),
                number("half_height", view["half_height"], 1e-4, 1e3),
            )
            for name, view in entries("cameras", data["cameras"])
        }
        return TrainedFor(text("robot", data["robot"]), text("base_frame", data["base_frame"]), cameras)
    except (OSError, ValueError, KeyError, TypeError) as error:  # InvalidValueError is a ValueError
        raise ModelMismatchError(f"{plain(str(path))}: says no arm and cameras: {shown(error)}") from error


def check_fits(part: str, folder: Path, spec: RobotSpec) -> None:
    """Check that the model in ``folder``, a ``part`` such as "executor", was trained for the arm of ``spec``.

    Raises:
        ModelMismatchError: it was trained for another arm, frame or camera; both are named.
    """
    trained = trained_for(folder)
    if trained is None:
        return
    told = f"{part}: the model in {plain(str(folder))} was trained for"
    if trained.robot != spec.name and trained.robot not in spec.accepts_models_of:
        raise ModelMismatchError(
            f"{told} the arm {trained.robot!r}, and the contract is of {spec.name!r}; train one for this arm "
            f"(docs/howto/data.md), or, where it is the same arm under another name, write "
            f"`accepts_models_of: [{trained.robot}]` into its contract"
        )
    if trained.base_frame != spec.base_frame:
        raise ModelMismatchError(
            f"{told} positions in the frame {trained.base_frame!r}; those of {spec.name!r} are in "
            f"{spec.base_frame!r}"
        )
    for name, view in trained.cameras.items():
        if name not in spec.cameras:
            has = ", ".join(spec.cameras) or "none"
            raise ModelMismatchError(f"{told} a camera {name!r}; the contract of {spec.name!r} has {has}")
        if (why := view.differs(CameraView.of(spec.cameras[name]))) is not None:
            raise ModelMismatchError(
                f"{told} another view of the camera {name!r}: that of {spec.name!r} {why}"
            )
