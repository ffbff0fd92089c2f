"""The executor: moves the arm until the cameras see the subgoal."""

from __future__ import annotations

from typing import Any

from rclpy.action import CancelResponse, GoalResponse

from vista.assembly import loading
from vista.errors import StaleObservationError, VistaError
from vista.loop.run import pursue
from vista.loop.stopping import STOPPED
from vista.loop.timings import Timings
from vista.messages.describe import describe
from vista.robot.contract import load_robot
from vista.robot.retreat import Withdrawal
from vista.types import Progress, State
from vista_msgs.action import ExecuteSubgoal
from vista_msgs.msg import GuardStatus
from vista_ros import conversions as c
from vista_ros import stand_ins
from vista_ros.actions import CalmServer
from vista_ros.calls import Beat
from vista_ros.node_base import VistaNode, run_node
from vista_ros.observation import ObservationSource
from vista_ros.peers import Peers
from vista_ros.ros_robot import GraphGuard, RosRobot
from vista_ros.turn import Turn

GONE_S = 1.5  # a peer that is back within this time [s] only made the arm pause


class ExecutorNode(VistaNode):
    """Holds policy, switcher and inverse kinematics; one subgoal at a time."""

    def __init__(self) -> None:
        super().__init__("executor")
        self._turn = Turn()

    def setup(self) -> None:
        self._spec = load_robot(self.param("robot", "panda"))
        self._policy = stand_ins.policy(self, self.param("policy", "") or None)
        self._switcher = stand_ins.switcher(
            self, self.param("switcher", "") or None, self.param("policy", ""), self._spec
        )
        self._rows = int(self.param("execute_rows", 4))
        self._timeout_s = float(self.param("timeout_s", 30.0))
        height_m = float(self.param("withdraw_height_m", 0.25))
        aside_m = float(self.param("withdraw_aside_m", 0.08))
        carry_m = float(self.param("carry_height_m", 0.15))
        self._withdrawal = Withdrawal(height_m, aside_m=aside_m, carry_m=carry_m) if height_m > 0 else None
        self._guard = GraphGuard(loading.load_guard(self._spec, self.param("limits", "") or None))
        self._peers = Peers(self, list(self.param("peers", ["guard", "agent"])))
        self._source = ObservationSource(self, self._spec, self._peers.lost)
        self.subscribe(
            GuardStatus, "guard/status", lambda m: self._guard.hear(c.guard_report_from_msg(m)), 10
        )
        self._robot = RosRobot(self, self._source, self._paused)
        self._robot.end()
        server = CalmServer(
            self, ExecuteSubgoal, "execute_subgoal", self._execute, callback_group=self.group,
            goal_callback=self._accept, cancel_callback=lambda _: CancelResponse.ACCEPT,
        )  # fmt: skip
        self.owns(server, lambda each: each.destroy())
        self.every(0.5, self._watch, "watch")

    def _accept(self, goal: ExecuteSubgoal.Goal) -> GoalResponse:
        why = "" if self.active else "the executor is not active"
        if not why and not self._turn.reserve():
            why = "another subgoal is being pursued"
        if why:
            self.get_logger().warning(f"subgoal {c.wire(goal.subgoal.subtask.text)!r} rejected: {why}")
        return GoalResponse.REJECT if why else GoalResponse.ACCEPT

    def _watch(self) -> None:
        silent = self._source.silent(1.0)
        self.warn("silent", f"holding still: no {silent}" if silent else "")
        self.warn("peers", f"holding still: {lost}" if (lost := self._peers.lost()) else "")

    def _execute(self, handle: Any) -> ExecuteSubgoal.Result:
        result, begun = ExecuteSubgoal.Result(), self._turn.begin()
        try:
            if not begun:
                raise VistaError("another subgoal began before this one was executed")
            progress = self._pursue(handle, result)
            result.progress = c.progress_to_msg(progress)
        except BaseException as error:  # whatever a part raises, the arm holds and the next subgoal is taken
            progress = Progress(State.FAILED, 0.0, STOPPED + describe(error))
            result.progress = c.progress_to_msg(progress)
        finally:
            if begun:
                self._turn.end()
        if progress.reason.startswith(STOPPED):
            self.note_error("execute_subgoal", VistaError(progress.reason))
        if progress.state is State.REACHED:
            handle.succeed()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        return result

    def _pursue(self, handle: Any, result: ExecuteSubgoal.Result) -> Progress:
        """Pursue the subgoal of ``handle``; fills in ``result``, but for how it ended.

        Raises:
            VistaError: the goal is malformed; nothing was sent.
        """
        timeout_s = c.seconds_of("timeout_s", handle.request.timeout_s, self._timeout_s)
        subgoal = c.subgoal_from_msg(handle.request.subgoal)
        timings, start_ns = Timings(), self.now_ns()
        latest = [Progress(State.RUNNING, 0.0, "starting")]

        def tell(progress: Progress | None = None) -> None:
            latest[0] = progress or latest[0]
            shown = latest[0]
            if (paused := self._paused()) is not None:
                shown = Progress(State.RUNNING, shown.fraction, f"holding still: {paused}")
            feedback = ExecuteSubgoal.Feedback(progress=c.progress_to_msg(shown))
            feedback.elapsed_s = max(0.0, (self.now_ns() - start_ns) / c.NS)
            feedback.rate_hz = self.meter.rate_hz("plans")
            handle.publish_feedback(feedback)

        def should_stop() -> str | None:
            if handle.is_cancel_requested:
                return "cancelled"
            return self.latch.cause or self._peers.lost(GONE_S)

        robot = self._robot
        self._peers.begin()
        robot.start()
        try:
            with Beat(tell):
                progress = pursue(
                    robot, self._policy, self._switcher, self._guard, subgoal,
                    execute_rows=self._rows, timeout_s=timeout_s, should_stop=should_stop,
                    on_progress=tell, timings=timings, withdrawal=self._withdrawal,
                )  # fmt: skip
        finally:
            robot.end()
        result.seconds, result.steps = max(0.0, (self.now_ns() - start_ns) / c.NS), robot.sent
        result.timings_json = c.timings_to_json(timings.as_mapping())
        self._add_images(result)
        return progress

    def _paused(self) -> str | None:
        return self._peers.lost()

    def _add_images(self, result: ExecuteSubgoal.Result) -> None:
        try:
            obs = self._source.wait(timeout_s=0.3)
        except StaleObservationError:
            return
        result.cameras = list(obs.images)
        result.images = [c.image_to_msg(image, obs.stamp_ns, name) for name, image in obs.images.items()]


def main() -> int:
    return run_node(ExecutorNode)


if __name__ == "__main__":
    raise SystemExit(main())
