"""The arm in the meshes of an installed package: pictures change, physics does not."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from vista.errors import ConfigError, UnknownNameError
from vista.robot.contract import load_robot
from vista_sim.model import looks
from vista_sim.render import Camera
from vista_sim.scenes.task_scenes import scene_task
from vista_sim.world import World


def block() -> bytes:
    """A binary STL: a box of 6 x 8 x 10 cm."""
    corners = [np.array([x, y, z]) for x in (-0.03, 0.03) for y in (-0.04, 0.04) for z in (-0.05, 0.05)]
    faces = [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6),
             (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)]  # fmt: skip
    body = b"".join(
        struct.pack("<12fH", 0, 0, 0, *np.concatenate([corners[i] for i in face]), 0) for face in faces
    )
    return b"\0" * 80 + struct.pack("<I", len(faces)) + body


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with meshes, under a name that nothing else has."""
    folder = tmp_path / "panda_meshes_for_a_test" / "stl"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('imported')\n")
    for part in looks.PARTS:
        (folder / f"{part}.stl").write_bytes(block())
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(looks, "PACKAGES", (("panda-meshes", folder.parent.name, "stl", ".stl"),))
    return folder


def world(kind: str | None) -> World:
    return World(scene_task("pick_place", 10000).scene, load_robot("panda"), looks=kind)


def picture(each: World) -> np.ndarray:
    camera = Camera(each.model)
    try:
        return camera.render(each.data, "front", 96, 96)
    finally:
        camera.close()


def test_meshes_change_the_picture_and_not_the_physics(installed: Path):
    plain, dressed = world("primitive"), world("mesh")
    assert dressed.model.nmesh == len(looks.PARTS)
    assert "panda_meshes_for_a_test" not in sys.modules
    assert (picture(plain) != picture(dressed)).any()
    for each in (plain, dressed):
        each.step(50)
    np.testing.assert_array_equal(plain.data.qpos, dressed.data.qpos)
    assert plain.model.body_mass.tolist() == dressed.model.body_mass.tolist()


def test_the_environment_variable_chooses_and_primitives_are_the_default(
    installed: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv(looks.VARIABLE, raising=False)
    assert world(None).model.nmesh == 0
    monkeypatch.setenv(looks.VARIABLE, "mesh")
    assert world(None).model.nmesh == len(looks.PARTS)


def test_what_is_missing_or_unknown_is_said(installed: Path):
    (installed / "hand.stl").unlink()
    with pytest.raises(ConfigError, match="panda-meshes"):
        world("mesh")
    with pytest.raises(UnknownNameError, match="primitive"):
        world("golden")
