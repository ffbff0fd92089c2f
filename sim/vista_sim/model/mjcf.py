"""Builds the MuJoCo model of a scene from the arm's own MJCF file and the scene's data."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import mujoco
import numpy as np

from vista.errors import ConfigError
from vista.messages.plain_text import plain
from vista.types import RobotSpec
from vista_sim.model.cabinet import add_cabinet
from vista_sim.model.elements import add as _add
from vista_sim.model.eyes import add_eyes, place_eyes
from vista_sim.model.looks import arm_looks, draw_shapes, dress
from vista_sim.model.textures import draw, png
from vista_sim.objects.mesh_file import mesh_asset
from vista_sim.objects.specs import Geom, ObjectSpec
from vista_sim.scenes.scene import Scene
from vista_sim.scenes.table import HIGH, LOW


@cache
def _arm_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"kinematics file {plain(path)}: cannot be read: {plain(str(error), 200)}"
        ) from error


def build_model(scene: Scene, robot: RobotSpec, looks: str | None = None) -> mujoco.MjModel:
    """Compile ``scene`` with the arm of ``robot``. Objects are bodies ``object0``… with free joints.

    ``looks``: how the arm is drawn, see :func:`vista_sim.model.looks.arm_looks`. No name from outside
    stands in the MJCF text: objects and files are numbered.

    Raises:
        ConfigError: the arm's file is no MJCF, has no camera ``front`` to look with, or MuJoCo cannot
            compile the scene; its reason is told.
    """
    told = f"robot {robot.name}: kinematics file {plain(robot.kinematics)}"
    try:
        root = ET.fromstring(_arm_text(robot.kinematics))
    except ET.ParseError as error:
        raise ConfigError(f"{told}: {error}") from error
    assets: dict[str, bytes] = {}
    asset, world = ET.SubElement(root, "asset"), root.find("worldbody")
    if world is None:
        raise ConfigError(f"{told}: no MJCF, for it has no worldbody")
    if "front" not in robot.cameras:
        has = ", ".join(robot.cameras) or "none"
        raise ConfigError(f"robot {robot.name}: the simulator needs a camera 'front'; the contract has {has}")
    if arm_looks(looks) == "mesh":
        dress(robot.name, root, asset, assets)
    else:
        draw_shapes(root)
    for body in root.iter("body"):
        body.set("gravcomp", "1")  # as the drivers of arms do
    option = _add(root, "option", timestep="0.004", integrator="implicitfast", solver="Newton",
                  cone="elliptic", impratio="10", iterations="100", ls_iterations="50")  # fmt: skip
    # One contact point under a light mesh lets it sink; scenes without meshes stay as they are.
    meshes = any(geom.mesh for placed in scene.objects for geom in placed.spec.geoms)
    _add(option, "flag", multiccd="enable" if meshes else "disable")
    ET.SubElement(root, "statistic", extent="1", center="0.5 0 0")
    ET.SubElement(root, "size", memory="8M")
    visual = ET.SubElement(root, "visual")
    _add(visual, "global", offwidth="640", offheight="480")
    _add(visual, "quality", offsamples="0", shadowsize="512", numslices="16", numstacks="8", numquads="4")
    _add(visual, "map", znear="0.02", zfar="20")
    _add(visual, "headlight", ambient=[scene.ambient] * 3, diffuse=[0.2] * 3, specular="0 0 0")
    _add(asset, "texture", type="skybox", builtin="gradient", rgb1=".7 .75 .8", rgb2=".4 .45 .5",
         width="64", height="64")  # fmt: skip
    tile = draw(scene.pattern, np.array(scene.table_rgb), np.array(scene.table_rgb2), 64, scene.seed)
    assets["table.png"] = png(tile)
    _add(asset, "texture", name="table", type="2d", file="table.png")
    _add(asset, "material", name="table", texture="table", texrepeat="6 8", reflectance="0", specular="0")
    direction = np.array([0.5, 0, 0]) - np.array(scene.light_pos)
    _add(world, "light", pos=scene.light_pos, dir=direction, diffuse=[scene.light_diffuse] * 3,
         specular=".2 .2 .2", castshadow="false")  # fmt: skip
    add_eyes(root, world, robot, scene.camera_shift)
    _add(world, "geom", name="table", type="box", size=[*(HIGH - LOW) / 2, 0.02],
         pos=[*(LOW + HIGH) / 2, -0.02], material="table", friction="1 .01 .0005", condim="4")  # fmt: skip
    _add(world, "geom", name="floor", type="plane", size="3 3 .1", pos="0 0 -.6", contype="0",
         conaffinity="0", rgba=".35 .35 .38 1")  # fmt: skip
    if scene.tray is not None:
        _tray(world, scene)
    if scene.drawers:
        add_cabinet(world, scene.drawers)
    for i, placed in enumerate(scene.objects):
        _object(world, asset, assets, f"object{i}", placed.spec)
    try:
        model = mujoco.MjModel.from_xml_string(ET.tostring(root, encoding="unicode"), assets)
    except (ValueError, mujoco.FatalError) as error:
        raise ConfigError(f"{told}: scene {scene.seed} cannot be built: {plain(str(error), 300)}") from error
    place_eyes(model, robot)
    return model


def _tray(world: ET.Element, scene: Scene) -> None:
    assert scene.tray is not None
    body = _add(world, "body", name="tray", pos=(*scene.tray, 0))
    rgba = (*scene.tray_rgb, 1)
    _add(body, "geom", type="box", size=".06 .06 .002", pos="0 0 .002", rgba=rgba)
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        size = (0.003, 0.06, 0.012) if dx else (0.06, 0.003, 0.012)
        _add(body, "geom", type="box", size=size, pos=(0.06 * dx, 0.06 * dy, 0.012), rgba=rgba)


def _object(
    world: ET.Element, asset: ET.Element, assets: dict[str, bytes], name: str, spec: ObjectSpec
) -> None:
    body = _add(world, "body", name=name)
    _add(body, "joint", name=name, type="free", damping=".0005")
    looks: dict[str, object] = {"rgba": (*spec.rgb, 1)}
    if spec.texture is not None:
        pattern, second = spec.texture
        assets[f"{name}.png"] = png(draw(pattern, np.array(spec.rgb), np.array(second), 32, 0))
        _add(asset, "texture", name=name, type="cube", file=f"{name}.png")
        _add(asset, "material", name=name, texture=name, texrepeat="2 2", specular="0.2")
        looks = {"material": name}
    contact: dict[str, object] = {"condim": "4", "friction": "1 .01 .0005"}
    if spec.rolls and spec.geoms[0].type == "sphere":
        contact = {"condim": "6", "friction": "1 .01 .0005", "solimp": ".95 .99 .001"}
    for k, geom in enumerate(spec.geoms):
        attrs = _geom(asset, assets, f"{name}_{k}", geom)
        if geom.collides:
            attrs |= {"density": [spec.density], **contact}
            if geom.mesh:
                attrs |= {"solref": ".008 1", "solimp": ".95 .99 .001", "priority": "1"}
        else:
            attrs |= {"contype": "0", "conaffinity": "0", "mass": "0"}
        if geom.collides and any(g.mesh and not g.collides for g in spec.geoms):
            attrs |= {"group": "3"}
        _add(body, "geom", **attrs, **looks)


def _geom(asset: ET.Element, assets: dict[str, bytes], name: str, geom: Geom) -> dict[str, object]:
    attrs: dict[str, object] = {"type": geom.type}
    if geom.vertices:
        _add(asset, "mesh", name=name, vertex=geom.vertices)
        return attrs | {"mesh": name}
    if geom.mesh:
        file, raw = mesh_asset(Path(geom.mesh))
        assets[file] = raw
        _add(asset, "mesh", name=name, file=file)
        return attrs | {"mesh": name, "pos": geom.pos}
    attrs |= {"size": geom.size}
    return attrs | ({"fromto": geom.fromto} if geom.fromto else {"pos": geom.pos})
