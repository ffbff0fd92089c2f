"""The world model: imagines the cameras' images when a subtask is done."""

from __future__ import annotations

import threading
import time
from typing import Any

from vista.assembly import loading
from vista.errors import VistaError
from vista.robot.contract import load_robot
from vista_msgs.action import ImagineSubgoal
from vista_msgs.msg import Subgoal
from vista_ros import conversions as c
from vista_ros.actions import conclude, serve_goals
from vista_ros.calls import Beat
from vista_ros.goal_places import GoalPlaces
from vista_ros.node_base import VistaNode, run_node

# Each goal that waits holds a thread of the node; the others answer cancel requests and speak of health.
PLACES = 2


class WorldModelNode(VistaNode):
    """One image at a time; one goal that comes meanwhile waits its turn, a third is rejected."""

    def __init__(self) -> None:
        super().__init__("world_model")
        self._places, self._turn = GoalPlaces(PLACES), threading.Lock()

    def setup(self) -> None:
        self._model = loading.load_world_model(
            self.param("world_model", "") or None, spec=load_robot(self.param("robot", "panda"))
        )
        serve_goals(
            self, ImagineSubgoal, "imagine_subgoal", self._imagine, places=self._places,
            described=lambda goal: c.subtask_in_words(goal.subtask),
            busy=lambda: f"{PLACES} goals are being worked on already",
        )  # fmt: skip

    def _imagine(self, handle: Any) -> ImagineSubgoal.Result:
        result, start, begun = ImagineSubgoal.Result(), time.monotonic(), self._places.begin()
        try:
            if not begun:
                raise VistaError("other goals began before this one was executed")
            with Beat(lambda: handle.publish_feedback(ImagineSubgoal.Feedback())), self._turn:
                result.subgoal = self._image(handle)
            result.ok = True
        except BaseException as error:  # whatever a model raises is the answer, and the next goal is taken
            result.reason = c.wire(self.note_error("imagine_subgoal", error))
        finally:
            if begun:
                self._places.end()
        result.seconds = time.monotonic() - start
        conclude(handle, succeeded=result.ok)
        return result

    def _image(self, handle: Any) -> Subgoal:
        """The image for the goal of ``handle``; a feedback shows it, too."""
        if handle.is_cancel_requested:
            raise VistaError("cancelled before it was imagined")
        goal = handle.request
        obs, subtask = c.observation_from_msg(goal.observation), c.subtask_from_msg(goal.subtask)
        with self.meter.measure("imagine"):
            subgoal = c.subgoal_to_msg(
                self._model.imagine(obs, subtask, goal.seed, c.grounding_from_field(goal.grounding))
            )
        shown = ImagineSubgoal.Feedback(fraction=1.0, cameras=subgoal.cameras, images=subgoal.images)
        handle.publish_feedback(shown)
        return subgoal


def main() -> int:
    return run_node(WorldModelNode)


if __name__ == "__main__":
    raise SystemExit(main())
