"""An arm is read from MJCF or URDF without its meshes, and what is no arm is refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.tiny import panda
from vista.errors import ConfigError, InvalidValueError
from vista.robot.arm_model import MOST_BYTES, arm_model

MJCF = """<mujoco model="two">
  <compiler angle="degree" meshdir="nowhere" inertiafromgeom="true"/>
  <option timestep="0.004"/>
  <asset><mesh name="m" file="missing.stl"/><material name="red" rgba="1 0 0 1"/></asset>
  <default>
    <default class="own"><geom material="red"/><joint axis="0 1 0"/>
      <site euler="90 0 0" material="red"/></default>
  </default>
  <worldbody>
    <light pos="0 0 1"/>
    <body name="upper" pos="0 0 0.5" childclass="own">
      <joint name="a" range="-90 90"/>
      <geom type="mesh" mesh="m"/>
      <body name="lower" pos="0 0 0.25">
        <joint name="b" axis="0 0 1" range="-180 180"/>
        <geom class="own" size=".1"/>
        <site name="tip" pos="0.1 0 0" quat="1 0 0 0" user="1"/>
      </body>
    </body>
  </worldbody>
  <sensor><framepos objtype="site" objname="tip"/></sensor>
  <actuator><motor joint="a"/></actuator>
  <keyframe><key qpos="0 0"/></keyframe>
</mujoco>"""

URDF = """<?xml version="1.0"?>
<robot name="two" xmlns:xacro="http://www.ros.org/wiki/xacro">
  <mujoco><compiler fusestatic="true" meshdir="nowhere"/></mujoco>
  <link name="world"/>
  <link name="base_link"><visual><geometry><mesh filename="package://none/base.stl"/></geometry></visual></link>
  <link name="arm"><inertial><mass value="0"/></inertial></link>
  <link name="slider"/>
  <link name="tool0"/>
  <joint name="stand" type="fixed"><parent link="world"/><child link="base_link"/>
    <origin xyz="0 0 0.5"/></joint>
  <joint name="turn" type="continuous"><parent link="base_link"/><child link="arm"/>
    <origin xyz="0.1 0 0" rpy="0.3 -0.2 0.7"/><axis xyz="0 0 1"/><limit effort="1" velocity="2"/></joint>
  <joint name="push" type="prismatic"><parent link="arm"/><child link="slider"/>
    <origin xyz="0 0.2 0" rpy="0 1.1 0"/><axis xyz="0 1 0"/>
    <limit lower="-0.1" upper="0.3" effort="1" velocity="2"/><mimic joint="turn"/></joint>
  <joint name="flange" type="fixed"><parent link="slider"/><child link="tool0"/>
    <origin xyz="0 0 0.05" rpy="0 0 1.5707963267948966"/></joint>
  <transmission name="t"/><gazebo reference="arm"/><ros2_control name="r" type="system"/>
</robot>"""


def write(tmp_path: Path, text: str | bytes, name: str = "arm.xml") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def pose(model: mujoco.MjModel, site: int, **joints: float) -> np.ndarray:
    """(4, 4) of the site in the world."""
    data = mujoco.MjData(model)
    for name, value in joints.items():
        data.joint(name).qpos[0] = value
    mujoco.mj_kinematics(model, data)
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = data.site_xmat[site].reshape(3, 3), data.site_xpos[site]
    return out


def move(xyz: tuple[float, ...], rpy: tuple[float, ...] = (0, 0, 0)) -> np.ndarray:
    """(4, 4) of a place and of URDF's angles, which turn about fixed axes x, y, z."""
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = Rotation.from_euler("xyz", rpy).as_matrix(), xyz
    return out


def test_the_panda_is_the_file_that_mujoco_reads():
    spec = panda()
    whole = mujoco.MjModel.from_xml_path(spec.kinematics)
    model, site = arm_model(spec.kinematics, site="ee")
    assert model.site(site).name == "ee"
    assert model.ngeom == model.nu == model.neq == 0
    a, b = mujoco.MjData(whole), mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for _ in range(20):
        a.qpos[:7] = b.qpos[:7] = rng.uniform(spec.joint_lower, spec.joint_upper)
        mujoco.mj_kinematics(whole, a)
        mujoco.mj_kinematics(model, b)
        np.testing.assert_array_equal(a.site("ee").xpos, b.site_xpos[site])
        np.testing.assert_array_equal(a.site("ee").xmat, b.site_xmat[site])


def test_mjcf_without_its_meshes(tmp_path: Path):
    model, site = arm_model(write(tmp_path, MJCF), site="tip")
    assert [model.joint(i).name for i in range(model.njnt)] == ["a", "b"]
    np.testing.assert_allclose(model.jnt_range, np.deg2rad([[-90, 90], [-180, 180]]))
    expected = move((0, 0, 0.5)) @ move((0, 0, 0), (0, 0.4, 0)) @ move((0, 0, 0.25), (0, 0, 0.3))
    got = pose(model, site, a=0.4, b=0.3)
    np.testing.assert_allclose(got[:3, 3], (expected @ move((0.1, 0, 0)))[:3, 3], atol=1e-12)


@pytest.mark.parametrize("given", ["site", "body"])
def test_an_offset_stands_in_the_frame_of_the_site_or_body(tmp_path: Path, given: str):
    path, at, rpy = write(tmp_path, MJCF), (0.01, -0.02, 0.3), (0.2, -0.5, 1.0)
    quat = 3.0 * Rotation.from_euler("xyz", rpy).as_quat()[[3, 0, 1, 2]]
    name = {"site": "tip", "body": "lower"}[given]
    model, made = arm_model(path, **{given: name}, position=at, quat_wxyz=quat)
    frame = move((0, 0, 0.75), (0, 0, 0))
    if given == "site":
        plain_model, tip = arm_model(path, site="tip")
        frame = pose(plain_model, tip)
        assert model.nsite == 2
    np.testing.assert_allclose(pose(model, made), frame @ move(at, rpy), atol=1e-12)


def test_a_urdf_with_fixed_links_and_a_continuous_joint(tmp_path: Path):
    model, site = arm_model(write(tmp_path, URDF), body="tool0", position=(0, 0, 0.1))
    assert [model.body(i).name for i in range(model.nbody)] == [
        "world",
        "base_link",
        "arm",
        "slider",
        "tool0",
    ]
    assert list(model.jnt_limited) == [0, 1]
    np.testing.assert_allclose(model.jnt_range[1], [-0.1, 0.3])
    expected = (
        move((0, 0, 0.5))
        @ move((0.1, 0, 0), (0.3, -0.2, 0.7))
        @ move((0, 0, 0), (0, 0, 4.0))
        @ move((0, 0.2, 0), (0, 1.1, 0))
        @ move((0, 0.25, 0))
        @ move((0, 0, 0.05), (0, 0, np.pi / 2))
        @ move((0, 0, 0.1))
    )
    np.testing.assert_allclose(pose(model, site, turn=4.0, push=0.25), expected, atol=1e-12)


def test_a_urdf_is_the_arm_that_mujoco_itself_reads(tmp_path: Path):
    inertial = (
        '<inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial>'
    )
    text = URDF.replace('<link name="slider"/>', f'<link name="slider">{inertial}</link>')
    text = text.replace('<inertial><mass value="0"/></inertial>', inertial)
    text = text.replace("<visual>", "<!--").replace("</visual>", "-->").replace('="true"', '="false"')
    theirs = mujoco.MjModel.from_xml_string(text.partition("?>")[2])
    model, site = arm_model(write(tmp_path, text), body="tool0")
    data = mujoco.MjData(theirs)
    data.joint("turn").qpos[0], data.joint("push").qpos[0] = 1.0, 0.2
    mujoco.mj_kinematics(theirs, data)
    got = pose(model, site, turn=1.0, push=0.2)
    np.testing.assert_allclose(got[:3, 3], data.body("tool0").xpos, atol=1e-12)
    np.testing.assert_allclose(got[:3, :3].ravel(), data.body("tool0").xmat, atol=1e-12)


ONE = (
    '<robot name="r"><link name="a"/><link name="b"/><joint name="j" type="{}"><parent link="a"/>{}</joint>'
    "</robot>"
)
CHILD = '<child link="b"/>'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no XML"),
        ("\0", "no XML"),
        ("<mujoco", "no XML"),
        ("<?xml version='1.0' encoding='none-such'?><mujoco/>", "no XML"),
        ("<sdf/>", "begins with <sdf>, expected MJCF <mujoco> or URDF <robot>"),
        ('<!DOCTYPE mujoco [<!ENTITY a "b">]><mujoco>&a;</mujoco>', "document type"),
        ('<!DOCTYPE r SYSTEM "file:///etc/passwd"><robot/>', "document type"),
        ("<mujoco>" + "<body>" * 1000 + "</body>" * 1000 + "</mujoco>", "nested more than 200 deep"),
        (" " * (MOST_BYTES + 1), "larger than 4 MiB"),
        ('<mujoco><include file="/etc/passwd"/></mujoco>', "<include>"),
        (
            "<mujoco><worldbody><joint/>" + "<body/>" * 1001 + "</worldbody></mujoco>",
            "1001 bodies, expected at most 1000",
        ),
        (MJCF.replace('"tip"', '"top"'), "no site 'tip' for the end effector; it has: top"),
        (MJCF.replace('axis="0 0 1"', 'axis="0 0 0"'), "axis"),
        ('<mujoco><worldbody><site name="tip"/></worldbody></mujoco>', "no joint"),
    ],
)
def test_a_bad_mjcf_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str):
    with pytest.raises(ConfigError) as caught:
        arm_model(write(tmp_path, text), site="tip")
    assert "arm.xml: " in str(caught.value)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '<robot xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:macro name="m"/></robot>',
            "not expanded",
        ),
        ('<robot><link name="${prefix}a"/></robot>', "not expanded"),
        ("<robot/>", "links without a joint above: none; expected one"),
        ("<robot><link/></robot>", "no name"),
        ('<robot><link name="a"/><link name="a"/></robot>', "two links 'a'"),
        (
            '<robot><link name="a"/><link name="b"/></robot>',
            "links without a joint above: a, b; expected one",
        ),
        ('<robot><link name="b"/></robot>', "no joint"),
        (ONE.format("ball", CHILD), "joint 'j': type 'ball', expected one of revolute"),
        (ONE.format("revolute", ""), "joint 'j': child: no link"),
        (ONE.format("revolute", '<child link="c"/>'), "joint 'j': no link 'c' in the file"),
        (ONE.format("revolute", '<child link="a"/>'), "in a ring"),
        (ONE.format("revolute", CHILD + '<origin xyz="0 0"/>'), "origin xyz: '0 0', expected 3 numbers"),
        (ONE.format("revolute", CHILD + '<origin xyz="0 0 nan"/>'), "expected 3 numbers"),
        (ONE.format("revolute", CHILD + '<origin xyz="0 0 ${l}"/>'), "not expanded"),
        (ONE.format("revolute", CHILD + '<limit lower="1" upper="-1"/>'), "limits 1 to -1"),
        (
            ONE.format("revolute", CHILD + '<limit lower="x" upper="1"/>'),
            "limit lower: 'x', expected a number",
        ),
        (
            ONE.format("revolute", CHILD).replace(
                "</robot>", '<joint name="k" type="fixed"><parent link="a"/><child link="b"/></joint></robot>'
            ),
            "link 'b' hangs on two joints",
        ),
        (ONE.format("fixed", CHILD), "no joint"),
        (
            ONE.format("revolute", CHILD).replace('"b"', '"c"'),
            "no body 'b' for the end effector; it has: a, c",
        ),
    ],
)
def test_a_bad_urdf_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str):
    with pytest.raises(ConfigError) as caught:
        arm_model(write(tmp_path, text, "arm.urdf"), body="b")
    assert "arm.urdf: " in str(caught.value)
    assert said in str(caught.value)


def test_links_in_a_ring_are_refused(tmp_path: Path):
    ring = "".join(
        f'<link name="{a}"/><joint name="{a}" type="fixed"><parent link="{a}"/><child link="{b}"/></joint>'
        for a, b in ("bc", "cb")
    )
    with pytest.raises(ConfigError, match="in a ring"):
        arm_model(write(tmp_path, f'<robot><link name="top"/>{ring}</robot>'), body="b")


def test_a_missing_file_and_an_end_effector_that_is_none(tmp_path: Path):
    path = write(tmp_path, MJCF)
    with pytest.raises(ConfigError, match=r"none\.xml does not exist"):
        arm_model(tmp_path / "none.xml", site="tip")
    with pytest.raises(ConfigError, match="neither site nor body is given"):
        arm_model(path)
    with pytest.raises(ConfigError, match="site and body are both given"):
        arm_model(path, site="tip", body="lower")
    with pytest.raises(ConfigError, match="quat_wxyz is 0"):
        arm_model(path, body="lower", quat_wxyz=(0, 0, 0, 0))
    with pytest.raises(InvalidValueError, match="position"):
        arm_model(path, body="lower", position=(0, 0, np.nan))
