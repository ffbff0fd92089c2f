"""How near an arm's links come to zones and to each other, from the shapes of any kinematics file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest

from tests.mocks import mock_spec
from vista.errors import ConfigError
from vista.robot.contract import known_robots, load_robot
from vista.robot.link_shapes import LinkShapes
from vista.types import EndEffector, JointSpec, KeepOut, RobotSpec

# Two links of 0.4 m in a plane: the first turns about z at the origin, the second at the end of the first.
MJCF = """<mujoco><worldbody><body name="base"><geom size=".1 .1" type="cylinder"/>
<body name="upper"><joint name="a" axis="0 0 1" range="-3 3"/>
  <geom type="capsule" fromto=".15 0 0 .4 0 0" size=".05"/><geom type="mesh" mesh="gone"/>
  <body name="lower" pos=".4 0 0"><joint name="b" axis="0 0 1" range="-3 3"/>
    <geom type="capsule" fromto=".1 0 0 .3 0 0" size=".05"/>
    <body name="tip" pos=".4 0 0"><geom type="sphere" size=".05"/><site name="ee"/></body>
  </body></body></body></worldbody></mujoco>"""
URDF = """<robot name="two"><link name="base"/>
<link name="upper"><collision><origin xyz=".2 0 0" rpy="0 1.5707963 0"/>
  <geometry><cylinder radius=".05" length=".3"/></geometry></collision></link>
<link name="lower"><collision><geometry><mesh filename="gone.stl"/></geometry></collision>
  <collision><origin xyz=".25 0 0"/><geometry><box size=".3 .1 .1"/></geometry></collision></link>
<link name="tip"><collision><geometry><sphere radius=".05"/></geometry></collision></link>
<joint name="a" type="revolute"><parent link="base"/><child link="upper"/><axis xyz="0 0 1"/>
  <limit lower="-3" upper="3"/></joint>
<joint name="b" type="revolute"><parent link="upper"/><child link="lower"/><origin xyz=".4 0 0"/>
  <axis xyz="0 0 1"/><limit lower="-3" upper="3"/></joint>
<joint name="c" type="fixed"><parent link="lower"/><child link="tip"/>
  <origin xyz=".4 0 0"/></joint></robot>"""


def arm(tmp_path: Path, text: str, *zones: KeepOut) -> RobotSpec:
    file = tmp_path / "arm.xml"
    file.write_text(text)
    return replace(
        mock_spec(),
        joints=(JointSpec("a", -3, 3, 1), JointSpec("b", -3, 3, 1)),
        home=np.zeros(2),
        kinematics=str(file),
        end_effector=EndEffector(body="tip"),
        keep_out=zones,
    )


def wall(x: float, *links: str) -> KeepOut:
    return KeepOut("wall", np.array([[x, -1.0, -1.0], [x + 1.0, 1.0, 1.0]]), links)


@pytest.mark.parametrize("text", [MJCF, URDF])
def test_distances_to_a_zone_are_those_of_the_shapes(tmp_path: Path, text: str):
    shapes = LinkShapes(arm(tmp_path, text, wall(0.86)), clearance_m=0.02)
    assert shapes.near(np.zeros(2)) == pytest.approx({("tip", "wall"): 0.01}, abs=1e-4)
    assert shapes.near(np.array([0.5, 0.5])) == {}
    inside = LinkShapes(arm(tmp_path, text, wall(0.84)), clearance_m=0.02)
    assert inside.near(np.zeros(2))["tip", "wall"] == pytest.approx(-0.01, abs=1e-3)


@pytest.mark.parametrize("text", [MJCF, URDF])
def test_a_zone_is_for_its_links_only(tmp_path: Path, text: str):
    shapes = LinkShapes(arm(tmp_path, text, wall(0.5, "upper")))
    assert shapes.near(np.zeros(2)) == {}
    with pytest.raises(ConfigError, match=r"'wall': no moving link elbow; there are lower, tip, upper"):
        LinkShapes(arm(tmp_path, text, wall(0.5, "elbow")))


def test_a_folded_arm_is_near_itself(tmp_path: Path):
    shapes = LinkShapes(arm(tmp_path, MJCF))
    assert ("base", "upper") in shapes.drawn_together
    found = shapes.near(np.array([0.0, 2.95]))
    assert found["base", "tip"] < 0.0
    assert shapes.near(np.array([0.0, 1.5])) == {}


def test_links_without_a_shape_of_their_own_get_one(tmp_path: Path):
    """The base has a box, the links have meshes: they keep out all the same."""
    bare = "\n".join(line for line in URDF.splitlines() if "collision" not in line and "geometry" not in line)
    box = '<collision><geometry><box size=".1 .1 .1"/></geometry></collision>'
    links = "".join(f'<link name="{name}"/>' for name in ("upper", "lower", "tip"))
    bare = bare.replace('<link name="base"/>', f'<link name="base">{box}</link>{links}')
    shapes = LinkShapes(arm(tmp_path, bare, wall(0.84)))
    assert shapes.assumed == ("lower", "upper")
    assert set(shapes.near(np.zeros(2))) == {("lower", "wall")}
    with pytest.raises(ConfigError, match="keep_out 'upper': is a link's, too"):
        LinkShapes(arm(tmp_path, bare, KeepOut("upper", np.array([[0, 0, 0], [1, 1, 1]]))))


def test_a_file_without_shapes_gets_a_capsule_along_each_link(tmp_path: Path):
    bare = "\n".join(line for line in URDF.splitlines() if "collision" not in line and "geometry" not in line)
    bare = bare.replace(
        '<link name="base"/>', "".join(f'<link name="{n}"/>' for n in ("base", "upper", "lower", "tip"))
    )
    shapes = LinkShapes(arm(tmp_path, bare, wall(0.84)))
    assert set(shapes.near(np.zeros(2))) == {("lower", "wall")}


def lowest(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> float:
    """The z of the lowest point of a shape [m]."""
    up = np.abs(data.geom_xmat[geom].reshape(3, 3)[2])
    size, kind = model.geom_size[geom], model.geom_type[geom]
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        down = float(up @ size)
    elif kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        down = up[2] * size[1] + size[0] * np.sqrt(max(0.0, 1 - up[2] ** 2))
    else:
        down = up[2] * size[1] + size[0]
    return float(data.geom_xpos[geom][2]) - down


@pytest.mark.parametrize("robot", known_robots())
def test_links_are_near_the_table_where_their_lowest_points_are(robot: str):
    spec = load_robot(robot)
    (table,) = spec.keep_out
    shapes, rng = LinkShapes(spec, clearance_m=0.02), np.random.default_rng(0)
    assert shapes.near(spec.home) == {}
    model = mujoco.MjModel.from_xml_path(spec.kinematics)
    data, joints = mujoco.MjData(model), [model.joint(name).qposadr[0] for name in spec.joint_names]
    solid = [g for g in range(model.ngeom) if model.geom_contype[g] and owner(model, g) in table.links]
    low, high = np.maximum(spec.joint_lower, -np.pi), np.minimum(spec.joint_upper, np.pi)
    seen = 0
    for posture in rng.uniform(low, high, (200, len(low))):
        data.qpos[joints] = posture
        mujoco.mj_kinematics(model, data)
        heights: dict[str, float] = {}
        for geom in solid:
            name = owner(model, geom)
            heights[name] = min(heights.get(name, np.inf), lowest(model, data, geom))
        found = {link: gap for (link, other), gap in shapes.near(posture).items() if other == "table"}
        assert set(found) == {name for name, z in heights.items() if z < 0.02}
        for name, gap in found.items():
            if gap > 0.0:
                assert gap == pytest.approx(heights[name], abs=1e-3)
        seen += len(found)
    assert seen > 20


def owner(model: mujoco.MjModel, geom: int) -> str:
    return model.body(model.geom_bodyid[geom]).name
