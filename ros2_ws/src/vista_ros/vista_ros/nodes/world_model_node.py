"""The world model: imagines what the cameras see when a subtask is done."""

from __future__ import annotations

import threading
import time
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse

from vista.cli import compose
from vista.errors import VistaError
from vista.robots import load_robot
from vista_msgs.action import ImagineSubgoal
from vista_ros import conversions as c
from vista_ros import stand_ins
from vista_ros.calls import Beat
from vista_ros.node_base import VistaNode, run_node


class WorldModelNode(VistaNode):
    """One image at a time; a goal that comes meanwhile waits its turn."""

    def __init__(self) -> None:
        super().__init__("world_model")
        self._turn = threading.Lock()

    def setup(self) -> None:
        spec = load_robot(self.param("robot", "panda"))
        finder = stand_ins.detector(self, self.param("detector", "") or None, spec)
        self._model = compose.load_world_model(self.param("world_model", "") or None, finder=finder)
        server = ActionServer(
            self, ImagineSubgoal, "imagine_subgoal", self._imagine, callback_group=self.group,
            goal_callback=lambda _: GoalResponse.ACCEPT if self.active else GoalResponse.REJECT,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )  # fmt: skip
        self.owns(server, lambda each: each.destroy())

    def _imagine(self, handle: Any) -> ImagineSubgoal.Result:
        result, start = ImagineSubgoal.Result(), time.monotonic()
        with Beat(lambda: handle.publish_feedback(ImagineSubgoal.Feedback())), self._turn:
            try:
                if handle.is_cancel_requested:
                    raise VistaError("cancelled before it was imagined")
                goal = handle.request
                obs, subtask = c.observation_from_msg(goal.observation), c.subtask_from_msg(goal.subtask)
                with self.meter.measure("imagine"):
                    subgoal = self._model.imagine(obs, subtask, goal.seed)
                result.ok, result.subgoal = True, c.subgoal_to_msg(subgoal)
                shown = ImagineSubgoal.Feedback(fraction=1.0)
                shown.cameras, shown.images = result.subgoal.cameras, result.subgoal.images
                handle.publish_feedback(shown)
            except Exception as error:
                result.reason = self.note_error("imagine_subgoal", error)
        result.seconds = time.monotonic() - start
        if handle.is_cancel_requested:
            handle.canceled()
        elif result.ok:
            handle.succeed()
        else:
            handle.abort()
        return result


def main() -> int:
    return run_node(WorldModelNode)


if __name__ == "__main__":
    raise SystemExit(main())
