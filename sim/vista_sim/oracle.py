"""Parts that read the simulator's truth. Named ``oracle`` in every table that uses them."""

from __future__ import annotations

from vista.types import Observation, Subgoal, Subtask
from vista_sim.goals import Snapshot
from vista_sim.render import Camera
from vista_sim.tasks.base import Task
from vista_sim.world import World


class OracleWorldModel:
    """True goal images: the simulator is set to the end of the subtask, photographed and set back."""

    def __init__(self, world: World, task: Task) -> None:
        self._world, self._task = world, task

    def imagine(self, obs: Observation, subtask: Subtask, seed: int = 0) -> Subgoal:
        before = Snapshot(self._world)
        camera = Camera(self._world.model)
        try:
            self._task.show(self._world, subtask.text)
            spec = self._world.robot.cameras["front"]
            image = camera.render(self._world.data, "front", spec.width, spec.height)
        finally:
            camera.close()
            before.restore()
        return Subgoal(subtask, {"front": image}, 1.0, seed, obs.stamp_ns)
