"""Reads the entries of a robot's contract, each into the value that it says.

Every function raises ConfigError, with file, line and key, for an entry that cannot be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from vista.files.yaml_file import Reader
from vista.robot.views import intrinsics, look_at
from vista.types import (
    F64,
    CameraChannel,
    CameraSpec,
    CommandChannel,
    CommandKind,
    EndEffector,
    GripperSpec,
    JointSpec,
    KeepOut,
    Place,
    Pose,
    StateChannel,
    Tabletop,
    Transport,
)
from vista.types.body import UNLIMITED, Box
from vista.types.channels import ACTIONS
from vista.values import shown

JOINT_KEYS = (
    "limits",
    "continuous",
    "velocity",
    "acceleration",
    "jerk",
    "wire",
    "sign",
    "offset_rad",
    "degrees",
)
GRIPPER_KEYS = ("joint", "wire", "open", "closed", "width_m", "command")
END_EFFECTOR_KEYS = ("site", "body", "position", "quat_wxyz")
COMMAND_KEYS = ("kind", "topic", "action", "velocities", "max_effort")
STATE_KEYS = ("topics", "max_clock_offset_s")
WITHDRAW_KEYS = ("height_m", "carry_m", "aside_m")
TABLETOP_BOXES = {"things": 2, "limits": 2, "starts": 3}  # number of coordinates
TABLETOP_KEYS = ("ready", *TABLETOP_BOXES, "most")
CAMERA_KEYS = (
    "size", "fovy_deg", "parent", "position", "look_at", "quat_wxyz", "image", "info", "transport", "driver",
)  # fmt: skip
DRIVER_KEYS = ("size", "k", "distortion")
KEEP_OUT_KEYS = ("name", "box", "links")
PLACE_KEYS = ("half_size_m", "drawer", "position", "handle_m", "cabinet")
MOST_RAD = 4 * np.pi
"""A joint with wider limits than this [rad] is one whose limits are in degrees, or a continuous one."""
TOPIC = re.compile(r"[~/]?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")
AXES = {2: "[x, y]", 3: "[x, y, z]"}
FAR_M = 1e3
"""No camera and no place of an arm is farther away [m]."""


def topic_entry(read: Reader, key: str, value: object) -> str:
    name = read.text(value, key, 250)
    if not TOPIC.fullmatch(name):
        raise read.fail(key, f"{shown(name)}, expected a ROS name such as arm_controller/joint_trajectory")
    return name


def flag_entry(read: Reader, key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise read.fail(key, f"{shown(value)}, expected true or false")
    return value


def _frame(read: Reader, key: str, entry: Mapping[str, object]) -> tuple[F64, F64]:
    """Position (3,) [m] and unit quaternion (4,) of an entry; both may be left out."""
    position = read.numbers(entry.get("position", [0, 0, 0]), f"{key}.position", 3, -FAR_M, FAR_M)
    quat = np.array(read.numbers(entry.get("quat_wxyz", [1, 0, 0, 0]), f"{key}.quat_wxyz", 4, -1.01, 1.01))
    norm = float(np.linalg.norm(quat))
    if abs(norm - 1.0) > 1e-3:
        raise read.fail(f"{key}.quat_wxyz", f"norm {norm:.4g}, expected 1")
    return np.array(position), quat


def camera_entry(read: Reader, key: str, name: str, value: object, parents: Sequence[str]) -> CameraSpec:
    from vista.robot.kinematics import matrix_to_pose

    entry = read.mapping(value, key, CAMERA_KEYS, required=("size", "fovy_deg", "position"))
    width, height = _size(read, f"{key}.size", entry["size"])
    fovy = read.number(entry["fovy_deg"], f"{key}.fovy_deg", 0.1, 179)
    position = np.array(read.numbers(entry["position"], f"{key}.position", 3, -FAR_M, FAR_M))
    parent = read.word(entry.get("parent", "base"), f"{key}.parent", parents)
    if ("look_at" in entry) == ("quat_wxyz" in entry):
        raise read.fail(key, "expected either `look_at` or `quat_wxyz`")
    if "look_at" in entry:
        matrix = np.eye(4)
        target = read.numbers(entry["look_at"], f"{key}.look_at", 3, -FAR_M, FAR_M)
        matrix[:3, :3] = look_at(position, np.array(target))
        matrix[:3, 3] = position
        pose = matrix_to_pose(matrix, parent)
    else:
        pose = Pose(position, _frame(read, key, entry)[1], parent)
    return CameraSpec(name, width, height, intrinsics(width, height, fovy), pose, _channel(read, key, entry))


def _size(read: Reader, key: str, value: object) -> tuple[int, int]:
    width, height = (read.whole(each, key, 1, 8192) for each in read.numbers(value, key, 2, 1, 8192))
    return width, height


def _channel(read: Reader, key: str, entry: Mapping[str, object]) -> CameraChannel:
    image, info = (topic_entry(read, f"{key}.{n}", entry[n]) if n in entry else "" for n in ("image", "info"))
    transport = Transport(read.word(entry.get("transport", "raw"), f"{key}.transport", tuple(Transport)))
    if "driver" not in entry:
        return CameraChannel(image, info, transport)
    if info:
        raise read.fail(key, "expected either `info` or `driver`: both tell the driver's intrinsics")
    own = read.mapping(entry["driver"], f"{key}.driver", DRIVER_KEYS, required=("size", "k"))
    width, height = _size(read, f"{key}.driver.size", own["size"])
    fx, fy, cx, cy = read.numbers(own["k"], f"{key}.driver.k", 4, 1e-3, 1e5)
    bent = own.get("distortion", [])
    count = len(bent) if isinstance(bent, list) and len(bent) in (0, 4, 5, 8) else 5
    distortion = np.array(read.numbers(bent, f"{key}.driver.distortion", count, -1e3, 1e3))
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    return CameraChannel(image, info, transport, width, height, K, distortion)


def joint_entry(read: Reader, key: str, name: str, value: object) -> JointSpec:
    if isinstance(value, list):
        raise read.fail(
            key, f"{shown(value)}, expected {{limits: [lower, upper], velocity: ...}} in version 2"
        )
    entry = read.mapping(value, key, JOINT_KEYS, required=("velocity",))
    continuous = flag_entry(read, f"{key}.continuous", entry.get("continuous", False))
    if continuous == ("limits" in entry):
        raise read.fail(key, "expected either `limits: [lower, upper]` or `continuous: true`")
    lower, upper = 0.0, 0.0
    if not continuous:
        lower, upper = read.numbers(entry["limits"], f"{key}.limits", 2, -1e3, 1e3)
        if not lower < upper:
            raise read.fail(f"{key}.limits", f"[{lower:g}, {upper:g}], expected the lower one first")
        if max(-lower, upper) > MOST_RAD:
            raise read.fail(
                f"{key}.limits", f"[{lower:g}, {upper:g}], expected radians, or `continuous: true`"
            )
    sign = read.whole(entry.get("sign", 1), f"{key}.sign", -1, 1)
    if sign == 0:
        raise read.fail(f"{key}.sign", "0, expected 1 or -1")
    return JointSpec(
        name, lower, upper, read.number(entry["velocity"], f"{key}.velocity", 1e-4, 100.0), continuous,
        read.text(entry["wire"], f"{key}.wire") if "wire" in entry else "", sign,
        read.number(entry.get("offset_rad", 0.0), f"{key}.offset_rad", -MOST_RAD, MOST_RAD),
        flag_entry(read, f"{key}.degrees", entry.get("degrees", False)),
        read.number(entry.get("acceleration", UNLIMITED), f"{key}.acceleration", 1e-3, UNLIMITED),
        read.number(entry.get("jerk", UNLIMITED), f"{key}.jerk", 1e-3, UNLIMITED),
    )  # fmt: skip


def command_entry(read: Reader, key: str, value: object, kinds: Sequence[CommandKind]) -> CommandChannel:
    entry = read.mapping(value, key, COMMAND_KEYS, required=("kind",))
    kind = CommandKind(read.word(entry["kind"], f"{key}.kind", kinds))
    velocities = flag_entry(read, f"{key}.velocities", entry.get("velocities", False))
    if velocities and kind is not CommandKind.JOINT_TRAJECTORY:
        raise read.fail(f"{key}.velocities", f"true, but a command of kind {kind} holds positions only")
    address = "action" if kind in ACTIONS else "topic"
    allowed = () if kind is CommandKind.WITH_ARM else (address,)
    for other in ("topic", "action"):
        if other in entry and other not in allowed:
            instead = f"expected `{address}`" if allowed else "it goes with the command of the arm"
            raise read.fail(f"{key}.{other}", f"a command of kind {kind} has none; {instead}")
    if "max_effort" in entry and kind not in ACTIONS:
        raise read.fail(f"{key}.max_effort", f"a command of kind {kind} has none; an action's goal has")
    if kind is CommandKind.WITH_ARM:
        return CommandChannel(kind, "")
    if address not in entry:
        raise read.fail(key, f"`{address}` is missing")
    effort = read.number(entry.get("max_effort", 0.0), f"{key}.max_effort", 0.0, 1e4)
    return CommandChannel(kind, topic_entry(read, f"{key}.{address}", entry[address]), velocities, effort)


def gripper_entry(read: Reader, value: object, joints: Sequence[JointSpec]) -> GripperSpec:
    needed = ("joint", "open", "closed", "width_m", "command")
    entry = read.mapping(value, "gripper", GRIPPER_KEYS, required=needed)
    joint = read.text(entry["joint"], "gripper.joint")
    wire = read.text(entry["wire"], "gripper.wire") if "wire" in entry else ""
    for key, name, taken in (
        ("gripper.joint", joint, {each.name for each in joints}),
        ("gripper.wire" if wire else "gripper.joint", wire or joint, {each.wire for each in joints}),
    ):
        if name in taken:
            raise read.fail(key, f"{name!r} is a joint of the arm, expected one that moves the gripper only")
    opened, closed = (read.number(entry[n], f"gripper.{n}", -1e4, 1e4) for n in ("open", "closed"))
    if abs(opened - closed) < 1e-6:
        raise read.fail("gripper.closed", f"{closed:g}, expected another value than `open`")
    return GripperSpec(
        joint, opened, closed, read.number(entry["width_m"], "gripper.width_m", 1e-3, 0.5), wire,
        command_entry(read, "gripper.command", entry["command"], tuple(CommandKind)),
    )  # fmt: skip


def end_effector_entry(read: Reader, value: object) -> EndEffector:
    entry = read.mapping(value, "end_effector", END_EFFECTOR_KEYS)
    if ("site" in entry) == ("body" in entry):
        raise read.fail("end_effector", "expected either `site` (of an MJCF) or `body` (or link of a URDF)")
    names = {n: read.text(entry[n], f"end_effector.{n}") for n in ("site", "body") if n in entry}
    position, quat = _frame(read, "end_effector", entry)
    return EndEffector(names.get("site", ""), names.get("body", ""), position, quat)


def state_entry(read: Reader, value: object) -> StateChannel:
    entry = read.mapping(value, "state", STATE_KEYS, required=("topics",))
    topics = read.texts(entry["topics"], "state.topics")
    offset = entry.get("max_clock_offset_s", StateChannel().max_clock_offset_s)
    return StateChannel(
        tuple(topic_entry(read, f"state.topics[{i}]", topic) for i, topic in enumerate(topics)),
        read.number(offset, "state.max_clock_offset_s", 0.001, 10.0),
    )


def place_entry(read: Reader, key: str, name: str, value: object) -> Place:
    entry = read.mapping(value, key, PLACE_KEYS, required=("half_size_m",))
    half_x, half_y = read.numbers(entry["half_size_m"], f"{key}.half_size_m", 2, 1e-3, FAR_M)
    drawer = flag_entry(read, f"{key}.drawer", entry.get("drawer", False))
    given = entry.get("position")
    if given is None and drawer:
        raise read.fail(key, "`position` is missing: where the drawer is when it is closed, x and y [m]")
    position = None
    if given is not None:
        x, y = read.numbers(given, f"{key}.position", 2, -FAR_M, FAR_M)
        position = (x, y)
    handle_m = read.number(entry.get("handle_m", 0.0), f"{key}.handle_m", -FAR_M, FAR_M)
    cabinet = read.text(entry["cabinet"], f"{key}.cabinet") if "cabinet" in entry else ""
    if not drawer and ("handle_m" in entry or "cabinet" in entry):
        raise read.fail(key, "`handle_m` and `cabinet` are of drawers; add `drawer: true`")
    return Place(name, (half_x, half_y), drawer, position, handle_m, cabinet)


def keep_out_entry(read: Reader, value: object) -> tuple[KeepOut, ...]:
    if not isinstance(value, list):
        raise read.fail("keep_out", f"{shown(value)}, expected a list of zones")
    zones: list[KeepOut] = []
    for i, each in enumerate(value):
        key = f"keep_out[{i}]"
        entry = read.mapping(each, key, KEEP_OUT_KEYS, required=("name", "box"))
        name = read.text(entry["name"], f"{key}.name")
        if name in (zone.name for zone in zones):
            raise read.fail(f"{key}.name", f"{name!r} is another zone's, too; expected each once")
        links = read.texts(entry["links"], f"{key}.links") if "links" in entry else ()
        zones.append(KeepOut(name, np.array(corners_entry(read, f"{key}.box", entry["box"], 3)), links))
    return tuple(zones)


def tabletop_entry(read: Reader, value: object) -> Tabletop:
    entry = read.mapping(value, "tabletop", TABLETOP_KEYS)
    ready = read.numbers(entry["ready"], "tabletop.ready", 3, -FAR_M, FAR_M) if "ready" in entry else None
    boxes = {
        name: corners_entry(read, f"tabletop.{name}", entry[name], count)
        for name, count in TABLETOP_BOXES.items()
        if name in entry
    }
    most = read.whole(entry["most"], "tabletop.most", 1, 1000) if "most" in entry else None
    return Tabletop(ready, **boxes, most=most)


def corners_entry(read: Reader, key: str, value: object, count: int) -> Box:
    """Lower and upper corner of ``count`` coordinates [m]."""
    if not isinstance(value, list) or len(value) != 2:
        raise read.fail(key, f"{shown(value)}, expected two corners {AXES[count]} [m]")
    low, high = (read.numbers(corner, f"{key}[{i}]", count, -FAR_M, FAR_M) for i, corner in enumerate(value))
    if not all(a < b for a, b in zip(low, high, strict=True)):
        raise read.fail(key, f"{shown(value)}, expected the lower corner first, then the higher one")
    return low, high
