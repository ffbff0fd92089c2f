"""A policy of LeRobot behind the ``Policy`` protocol."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from vista.errors import ConfigError, ModelMismatchError, NonFiniteActionError, UnknownNameError
from vista.executor.lerobot.connection import PolicyConnection
from vista.executor.lerobot.process import PolicyServerError, ServerProcess
from vista.executor.lerobot.wire import PolicySpec, WireError, pack, unpack
from vista.learning.images import resize
from vista.learning.weight_files import problem_in_model
from vista.messages.redaction import conceal, register_address
from vista.types import F32, U8, ActionChunk, ActionSpace, Observation, Subgoal

ACTIONS = ("joint_position", "ee_delta", "ee_step")
STATES = ("joint_pos", "joint_vel", "gripper", "gripper_command", "ee_position", "ee_quat")
GOAL = "goal_"


@dataclass(frozen=True, slots=True)
class LeRobotSettings:
    """A settings file of type ``lerobot``.

    Either ``checkpoint``, a folder that a server of its own is started for, or ``address``, host:port of one
    that runs. ``actions``: what a row means: ``joint_position`` [rad] and gripper; ``ee_delta``, pose
    relative to the measured one at the chunk's start; ``ee_step``, relative to the row before (both:
    translation [m], rotation vector [rad] in the hand frame, gripper). ``state``: what is laid end to end as
    observation.state. ``cameras``: the robot's camera by the checkpoint's name of it, where they differ;
    ``goal_<camera>`` is the imagined image. ``gripper_closed`` and ``gripper_open``: what the checkpoint
    calls 0 and 1. ``dt_s`` between rows [s]; ``max_rows`` of a chunk that are kept; ``timeout_s`` for one
    chunk, reconnecting included [s]; ``start_timeout_s`` for a server of its own; ``device`` of it.
    """

    checkpoint: str | None = None
    address: str | None = None
    actions: str = "joint_position"
    state: tuple[str, ...] = ("joint_pos", "gripper")
    cameras: Mapping[str, str] = field(default_factory=dict)
    gripper_closed: float = 0.0
    gripper_open: float = 1.0
    dt_s: float = 0.1
    max_rows: int = 16
    timeout_s: float = 5.0
    start_timeout_s: float = 180.0
    device: str = "auto"

    def __post_init__(self) -> None:
        if (self.checkpoint is None) == (self.address is None):
            raise ConfigError("lerobot: expected either 'checkpoint' or 'address'")
        if self.address is not None and not _is_host_and_port(self.address):
            register_address(f"http://{self.address}")
            raise ConfigError(
                f"lerobot: address {conceal(self.address)!r}; expected host:port, without user and password"
            )
        if self.actions not in ACTIONS:
            raise UnknownNameError("meaning of LeRobot's actions", self.actions, ACTIONS)
        for name in self.state:
            if name not in STATES:
                raise UnknownNameError("part of LeRobot's state", name, STATES)
        if (
            self.gripper_open == self.gripper_closed
            or not np.isfinite([self.gripper_open, self.gripper_closed]).all()
            or not all(0 < t < 1e6 for t in (self.dt_s, self.timeout_s, self.start_timeout_s))
            or self.max_rows < 1
        ):
            raise ConfigError(f"{self}: expected positive times and rows, and a gripper that opens")


class LeRobotPolicy:
    """Asks a policy server for chunks. One thread at a time."""

    def __init__(self, settings: LeRobotSettings) -> None:
        """Start the server if one is to be started, and ask what it serves.

        Raises:
            ConfigError: no checkpoint. PolicyServerError: no server. ModelMismatchError: actions of another
                length than the settings say, or a torn file in the checkpoint.
        """
        self._settings = settings
        self._process: ServerProcess | None = None
        if settings.checkpoint is not None:
            folder = Path(settings.checkpoint)
            if not os.path.isfile(folder / "config.json"):
                raise ConfigError(f"LeRobot checkpoint: no config.json in {str(folder)!r}")
            if (problem := problem_in_model(folder)) is not None:
                raise ModelMismatchError(f"LeRobot checkpoint: {problem}")
            self._process = ServerProcess.for_checkpoint(
                settings.checkpoint, device=settings.device, timeout_s=settings.start_timeout_s
            )
        address = self._process.address if self._process is not None else settings.address or ""
        try:
            self._server = PolicyConnection(address, settings.timeout_s, self._process)
            if settings.actions != "joint_position" and self.spec.action != 7:
                raise ModelMismatchError(
                    f"{self._who} gives actions of {self.spec.action}; {settings.actions} has 7 "
                    "(translation, rotation vector, gripper)"
                )
            self.reset()
        except BaseException:
            if self._process is not None:
                self._process.close()
            raise

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> LeRobotPolicy:
        """Serve the checkpoint in ``folder`` with the default settings."""
        return cls(LeRobotSettings(checkpoint=str(folder)))

    @property
    def action_space(self) -> ActionSpace:
        joints = self._settings.actions == "joint_position"
        return ActionSpace.JOINT_POSITION if joints else ActionSpace.EE_DELTA

    @property
    def spec(self) -> PolicySpec:
        """What the server said of its checkpoint."""
        return self._server.spec

    def reset(self) -> None:
        """Forget past observations, and draw the same noise as after every reset."""
        self._server.ask("/reset", pack({}, {"seed": "0"}))

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        """A chunk of at most ``max_rows`` rows.

        Raises:
            ModelMismatchError: cameras, state or actions that do not fit; both sides are named.
            PolicyServerError: no chunk by the deadline, or the policy failed. NonFiniteActionError: NaN,
                infinity, or more than single precision holds.
        """
        arrays: dict[str, F32 | U8] = {f"image.{c}": self._image(c, obs, subgoal) for c in self.spec.cameras}
        if self.spec.state:
            arrays["state"] = self._state(obs)
        raw = self._server.ask("/predict", pack(arrays, {"task": subgoal.subtask.network_text}))
        try:
            answered = unpack(raw)[0]["actions"]
        except KeyError as error:
            raise PolicyServerError(
                f"{self._who} answered no actions: the array 'actions' is missing"
            ) from error
        except WireError as error:
            raise PolicyServerError(f"{self._who} answered no actions: {error}") from error
        if answered.dtype.kind not in "fiu":
            raise PolicyServerError(f"{self._who} answered no actions: {answered.dtype}, expected numbers")
        rows = np.asarray(answered, np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.spec.action or len(rows) == 0:
            raise ModelMismatchError(
                f"{self._who} answered {rows.shape}, expected (rows, {self.spec.action})"
            )
        if self.action_space is ActionSpace.JOINT_POSITION and rows.shape[1] != len(obs.joint_pos) + 1:
            raise ModelMismatchError(
                f"{self._who} gives actions of {rows.shape[1]}; the robot takes "
                f"{len(obs.joint_pos)} joints and a gripper"
            )
        odd = np.argwhere(~(np.abs(rows) <= np.finfo(np.float32).max))
        if len(odd):
            row, column = odd[0]
            raise NonFiniteActionError(
                f"{self._who} answered {rows[row, column]} in row {row}, column {column}; "
                "expected finite numbers"
            )
        settings = self._settings
        rows = rows[: settings.max_rows].copy()
        if settings.actions == "ee_step":
            rows[:, :6] = accumulated(rows[:, :6])
        span = settings.gripper_open - settings.gripper_closed
        rows[:, -1] = np.clip((rows[:, -1] - settings.gripper_closed) / span, 0.0, 1.0)
        return ActionChunk(rows.astype(np.float32), settings.dt_s, self.action_space, obs.stamp_ns)

    def close(self) -> None:
        """Close the connection, and end the server that was started for it."""
        self._server.close()
        if self._process is not None:
            self._process.close()

    def _image(self, name: str, obs: Observation, subgoal: Subgoal) -> U8:
        """The image that the checkpoint calls ``name``, at its size."""
        wanted = self._settings.cameras.get(name, name)
        goal = wanted.startswith(GOAL)
        images = subgoal.images if goal else obs.images
        camera = wanted.removeprefix(GOAL) if goal else wanted
        if camera not in images:
            which = "the subgoal has images of" if goal else "the robot has cameras"
            raise ModelMismatchError(
                f"{self._who} needs camera {name!r} (here {wanted!r}) out of {', '.join(self.spec.cameras)}; "
                f"{which} {', '.join(images) or 'none'}"
            )
        image, size = images[camera], self.spec.cameras[name]
        if image.shape[:2] == size:
            return image
        if size[0] != size[1]:
            raise ModelMismatchError(
                f"{self._who} takes {size[0]} x {size[1]} from camera {name!r}, which is not square; "
                f"{camera!r} gives {image.shape[0]} x {image.shape[1]}"
            )
        return resize(image, size[0])

    def _state(self, obs: Observation) -> F32:
        settings = self._settings
        span = settings.gripper_open - settings.gripper_closed
        parts = {
            "joint_pos": obs.joint_pos,
            "joint_vel": obs.joint_vel,
            "gripper": [settings.gripper_closed + span * obs.gripper],
            "gripper_command": [settings.gripper_closed + span * obs.gripper_command],
            "ee_position": obs.ee_pose.position,
            "ee_quat": obs.ee_pose.quat_wxyz,
        }
        state = np.concatenate([np.asarray(parts[name], np.float32) for name in settings.state])
        if len(state) != self.spec.state:
            raise ModelMismatchError(
                f"{self._who} takes a state of {self.spec.state}; "
                f"{', '.join(settings.state)} make {len(state)}"
            )
        return state

    @property
    def _who(self) -> str:
        return self._server.who


def _is_host_and_port(address: str) -> bool:
    host, _, port = address.rpartition(":")
    odd = any(c.isspace() or not c.isprintable() or c in "@/?#" for c in host)
    return bool(host) and not odd and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536


def accumulated(steps: np.ndarray) -> np.ndarray:
    """Poses (T, 6) relative to the chunk's start from poses (T, 6) each relative to the one before."""
    out = np.empty_like(steps)
    place, turn = np.zeros(3), Rotation.identity()
    for i, step in enumerate(steps):
        place = place + turn.apply(step[:3])
        turn = turn * Rotation.from_rotvec(step[3:])
        out[i, :3], out[i, 3:] = place, turn.as_rotvec()
    return out
