"""Pictures of one's own objects, each alone on a table, by which a stack is taught to know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from vista.learning.splits import load_splits
from vista.types import U8, RobotSpec
from vista_sim.objects.object_file import load_objects
from vista_sim.objects.specs import ObjectSpec
from vista_sim.render import Camera
from vista_sim.scenes.scene import OBJECT_RADIUS, Placed, place, sample_surroundings
from vista_sim.scenes.table import Table
from vista_sim.sight import CAMERA
from vista_sim.world import World

PICTURES = 12
"""Of each thing: so many are enough to know it again."""


def pictures_of(spec: ObjectSpec, robot: RobotSpec, *, first: int = 0, count: int = PICTURES) -> list[U8]:
    """``count`` images u8 (H, W, 3) of ``spec`` alone on tables of the demonstrations, whose place, turn,
    pattern and light the seeds from the ``first`` of the range "taught" on draw."""
    return [_picture(spec, robot, load_splits().seed("taught", first + i)) for i in range(count)]


def own_pictures(folder: str | Path, robot: RobotSpec) -> dict[str, list[U8]]:
    """{label: images} of every object of a folder of one's own.

    Raises:
        ConfigError: as :func:`vista_sim.objects.object_file.load_objects`.
    """
    return drawn(load_objects(folder), robot)


def drawn(specs: Mapping[str, ObjectSpec], robot: RobotSpec) -> dict[str, list[U8]]:
    """{label: images} of ``specs`` {label: object}."""
    return {
        label: pictures_of(spec, robot, first=i * PICTURES) for i, (label, spec) in enumerate(specs.items())
    }


def _picture(spec: ObjectSpec, robot: RobotSpec, seed: int) -> U8:
    rng = np.random.default_rng(seed)
    scene = sample_surroundings(rng, seed, load_splits().demo_patterns)
    table = Table.of(robot)
    ((x, y),) = place(rng, [OBJECT_RADIUS], table.x, table.y)
    yaw = float(rng.uniform(-np.pi, np.pi))
    world = World(replace(scene, objects=(Placed(spec, x, y, yaw),)), robot)
    camera = Camera(world.model)
    try:
        seen = robot.cameras[CAMERA]
        return camera.render(world.data, CAMERA, seen.width, seen.height)
    finally:
        camera.close()
