"""Reads robot contracts (``config/robots/*.yaml``) into :class:`vista.types.RobotSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.files.resources import resource_path
from vista.files.yaml_file import Reader, open_yaml, user_path
from vista.robot.contract_entries import (
    WITHDRAW_KEYS,
    camera_entry,
    command_entry,
    corners_entry,
    end_effector_entry,
    gripper_entry,
    joint_entry,
    keep_out_entry,
    place_entry,
    state_entry,
    tabletop_entry,
)
from vista.types import (
    ActionSpace,
    RobotSpec,
    Withdraw,
)
from vista.types.robot import ARM_COMMANDS
from vista.values import shown

VERSION = 2
KEYS = (
    "version", "name", "kinematics", "base_frame", "end_effector", "ros_prefix", "joints", "home", "gripper",
    "workspace", "ik", "withdraw", "action_space", "control_hz", "state", "arm", "cameras", "places",
    "keep_out", "tabletop", "accepts_models_of",
)  # fmt: skip
OPTIONAL = (
    "base_frame", "ros_prefix", "ik", "withdraw", "places", "keep_out", "tabletop", "accepts_models_of",
)  # fmt: skip


def known_robots() -> list[str]:
    """Names of the contracts that ship."""
    return sorted(p.stem for p in resource_path("config/robots").glob("*.yaml"))


def load_robot(name: str | Path) -> RobotSpec:
    """The contract named ``name`` (a name that ships, or the path of a YAML file).

    Raises:
        UnknownNameError: no such contract; those that exist are listed.
        ConfigError: the file can't be read, or a key is missing, unknown or holds a wrong value; the file
            and the key are named.
    """
    path = user_path(name, "robot contract")
    if path.suffix not in (".yaml", ".yml"):
        if str(name) not in known_robots():
            raise UnknownNameError("robot", str(name), known_robots())
        path = resource_path(f"config/robots/{name}.yaml")
    read, data = open_yaml(path, "robot contract")
    try:
        return _spec(read, path, data)
    except InvalidValueError as error:
        raise ConfigError(f"{read.where}: {error}") from error


def _spec(read: Reader, path: Path, given: object) -> RobotSpec:
    if isinstance(given, dict) and (given.get("version") != VERSION or isinstance(given["version"], bool)):
        told = (
            f"{shown(given['version'])}, expected {VERSION}" if "version" in given else "`version` is missing"
        )
        raise read.fail("version", f"{told}; docs/howto/robot.md tells what changed since version 1")
    data = read.mapping(given, "", KEYS, required=[key for key in KEYS if key not in OPTIONAL])
    base = read.text(data.get("base_frame", "base"), "base_frame")
    entries = read.mapping(data["joints"], "joints")
    if not entries:
        raise read.fail("joints", "none, expected at least one")
    joints = tuple(
        joint_entry(read, f"joints.{name}", read.text(name, "joints"), v) for name, v in entries.items()
    )
    _each_once(read, [(f"joints.{each.name}.wire", each.wire) for each in joints], "a name on the wire")
    home = read.numbers(data["home"], "home", len(joints), -1e3, 1e3)
    for joint, at in zip(joints, home, strict=True):
        if not joint.lower - 1e-6 <= at <= joint.upper + 1e-6:
            limits = f"{joint.lower:g} to {joint.upper:g} rad"
            raise read.fail("home", f"{joint.name} at {at:g}, expected within its limits, {limits}")
    arm = command_entry(read, "arm", data["arm"], sorted(ARM_COMMANDS))
    gripper = gripper_entry(read, data["gripper"], joints)
    cameras = {
        name: camera_entry(read, f"cameras.{name}", read.text(name, "cameras"), camera, (base, "hand"))
        for name, camera in read.mapping(data["cameras"], "cameras").items()
    }
    state = state_entry(read, data["state"])
    channels = [("arm.topic", arm.topic), *((f"state.topics[{i}]", t) for i, t in enumerate(state.topics))]
    if gripper.command.topic:
        channels.append(("gripper.command.topic", gripper.command.topic))
    for name, camera in cameras.items():
        channels += [
            (f"cameras.{name}.image", camera.channel.image),
            (f"cameras.{name}.info", camera.channel.info),
        ]
    _each_once(read, channels, "a topic")
    ik = read.mapping(data.get("ik"), "ik", ("orientation_weight",))
    withdraw = read.mapping(data.get("withdraw"), "withdraw", WITHDRAW_KEYS)
    return RobotSpec(
        name=read.text(data["name"], "name"),
        joints=joints,
        gripper=gripper,
        home=np.array(home),
        workspace=np.array(corners_entry(read, "workspace", data["workspace"], 3)),
        cameras=cameras,
        action_space=ActionSpace(read.word(data["action_space"], "action_space", tuple(ActionSpace))),
        control_hz=read.number(data["control_hz"], "control_hz", 0.01, 10_000),
        kinematics=str(path.parent / read.file_name(data["kinematics"], "kinematics")),
        end_effector=end_effector_entry(read, data["end_effector"]),
        base_frame=base,
        ros_prefix=read.text(data["ros_prefix"], "ros_prefix") if data.get("ros_prefix") else "",
        arm_command=arm,
        state=state,
        ik_orientation_weight=read.number(
            ik.get("orientation_weight", 0.3), "ik.orientation_weight", 0.0, 100
        ),
        places={
            name: place_entry(read, f"places.{name}", read.text(name, "places"), place)
            for name, place in read.mapping(data.get("places"), "places").items()
        },
        accepts_models_of=read.texts(data.get("accepts_models_of", []), "accepts_models_of", empty=True),
        keep_out=keep_out_entry(read, data.get("keep_out", [])),
        withdraw=Withdraw(**{n: read.number(v, f"withdraw.{n}", 0.0, 2.0) for n, v in withdraw.items()}),
        tabletop=tabletop_entry(read, data.get("tabletop")),
    )


def _each_once(read: Reader, named: Sequence[tuple[str, str]], what: str) -> None:
    """Raises ConfigError for a value that stands at two keys."""
    seen: dict[str, str] = {}
    for key, value in named:
        if value in seen:
            raise read.fail(key, f"{value!r} is {what} of {seen[value]}, too; expected each once")
        seen[value] = key
