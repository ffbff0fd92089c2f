"""The simulated world as what the drivers move and look through."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vista.types import F64, U8
from vista_ros.conversions.arm import JointReading
from vista_sim.render import Camera
from vista_sim.world import World

# One tick: 20 ms of simulated time, five steps of physics with the joint targets interpolated in between.
TICK_SUBSTEPS = 5


class WorldBody:
    """A :class:`World` that goes on by ticks. Of the thread that made it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tick_s = TICK_SUBSTEPS * world.model.opt.timestep
        self._camera = Camera(world.model)

    @property
    def time_s(self) -> float:
        return self.world.time

    def advance(self, joints: F64, opening: float) -> None:
        self.world.move_joints(joints, opening, TICK_SUBSTEPS)

    def reading(self, stamp_ns: int) -> JointReading:
        world = self.world
        return JointReading(
            stamp_ns, world.joints.astype(np.float32), world.joint_velocity.astype(np.float32),
            world.gripper, world.gripper_velocity,
        )  # fmt: skip

    def images(self) -> Mapping[str, U8]:
        return {
            name: self._camera.render(self.world.data, name, spec.width, spec.height)
            for name, spec in self.world.robot.cameras.items()
        }

    def close(self) -> None:
        self._camera.close()
