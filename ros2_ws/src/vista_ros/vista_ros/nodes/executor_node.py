"""The executor: moves the arm until the cameras see the subgoal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vista.assembly import loading
from vista.errors import StaleObservationError, VistaError
from vista.events import Event, EventKind
from vista.guard.policy import Permit, load_policy, policy_files
from vista.loop import MotionParts, MotionSettings, pursue
from vista.loop.timings import Timings
from vista.messages.describe import describe
from vista.robot.retreat import Retreat
from vista.types import Cause, Progress, State, Subgoal
from vista_msgs.action import ExecuteSubgoal
from vista_msgs.msg import GuardStatus
from vista_ros import conversions as c
from vista_ros import stand_ins
from vista_ros.actions import conclude, serve_goals
from vista_ros.calls import Beat
from vista_ros.goal_places import GoalPlaces
from vista_ros.node_base import VistaNode, run_node
from vista_ros.parameters import robot_of
from vista_ros.peers import MEET_S, Peers
from vista_ros.proxies import GraphDetector
from vista_ros.ros_robot import GraphGuard, RosRobot
from vista_ros.sensing.observation import ObservationSource

GONE_S = 1.5  # a peer that is back within this time [s] only made the arm pause


class ExecutorNode(VistaNode):
    """Holds policy, switcher and inverse kinematics; one subgoal at a time."""

    def __init__(self) -> None:
        super().__init__("executor")
        self._places = GoalPlaces()

    def setup(self) -> None:
        spec = robot_of(self)
        policy_ref, switcher_ref = self.param("policy", ""), self.param("switcher", "")
        self._rules = load_policy(*policy_files(self.param("guard_policy", "")))
        self._guard = GraphGuard(loading.load_guard(spec, self.param("limits", "") or None))
        self._peers = Peers(self, list(self.param("peers", ["guard", "agent"])))
        self._source = ObservationSource(self, spec, self._peers.lost)
        self._robot = RosRobot(self, self._source, self._peers.lost)
        self._robot.end()
        height_m = float(self.param("withdraw_height_m", spec.withdraw.height_m))
        aside_m = float(self.param("withdraw_aside_m", spec.withdraw.aside_m))
        carry_m = float(self.param("carry_height_m", spec.withdraw.carry_m))
        self._parts = MotionParts(
            self._robot,
            stand_ins.policy(self, policy_ref or None, spec),
            stand_ins.switcher(switcher_ref or None, policy_ref, GraphDetector(self), spec),
            self._guard,
            MotionSettings(
                execute_rows=int(self.param("execute_rows", 4)),
                timeout_s=float(self.param("timeout_s", 30.0)),
                retreat=Retreat(height_m, aside_m=aside_m, carry_m=carry_m) if height_m > 0 else None,
            ),
        )
        self.subscribe(
            GuardStatus, "guard/status", lambda m: self._guard.hear(c.guard_report_from_msg(m)), 10
        )
        serve_goals(
            self, ExecuteSubgoal, "execute_subgoal", self._execute, places=self._places,
            described=lambda goal: c.subtask_in_words(goal.subgoal.subtask),
            busy=lambda: "another subgoal is being pursued",
        )  # fmt: skip
        self.every(0.5, self._watch, "watch")

    def _watch(self) -> None:
        silent = self._source.silent(1.0)
        self.warn("silent", f"holding still: no {silent}" if silent else "")
        self.warn("drivers' clocks", self._source.clocks() or "")
        self.warn("peers", f"holding still: {lost}" if (lost := self._peers.lost()) else "")

    def _execute(self, handle: Any) -> ExecuteSubgoal.Result:
        result, begun = ExecuteSubgoal.Result(), self._places.begin()
        try:
            if not begun:
                raise VistaError("another subgoal began before this one was executed")
            progress = self._pursue(handle, result)
            result.progress = c.progress_to_msg(progress)
        except BaseException as error:  # whatever a part raises, the arm holds and the next subgoal is taken
            progress = Progress(State.FAILED, 0.0, describe(error), Cause.STOPPED)
            result.progress = c.progress_to_msg(progress)
        finally:
            if begun:
                self._places.end()
        if progress.stopped:
            self.note_error("execute_subgoal", VistaError(progress.reason))
        conclude(handle, succeeded=progress.state is State.REACHED)
        return result

    def _pursue(self, handle: Any, result: ExecuteSubgoal.Result) -> Progress:
        """Pursue the subgoal of ``handle``; fills in ``result``, but for how it ended.

        Raises:
            VistaError: the goal is malformed; nothing was sent.
        """
        settings = self._parts.settings
        timeout_s = c.seconds_of("timeout_s", handle.request.timeout_s, settings.timeout_s)
        subgoal = c.subgoal_from_msg(handle.request.subgoal)
        if (forbidden := self._forbidden(subgoal)) is not None:
            return Progress(State.FAILED, 0.0, forbidden, Cause.REFUSED)
        timings, start_ns = Timings(), self.now_ns()
        latest = [Progress(State.RUNNING, 0.0, "starting")]

        def hear(event: Event) -> None:
            if event.kind is EventKind.STAGE_ENDED:
                timings.add(event.stage, event.seconds)
            elif event.progress is not None:
                latest[0] = event.progress
                tell()

        def tell() -> None:
            shown = latest[0]
            if (paused := self._peers.lost()) is not None:
                shown = replace(shown, state=State.RUNNING, reason=f"holding still: {paused}")
            feedback = ExecuteSubgoal.Feedback(progress=c.progress_to_msg(shown))
            feedback.elapsed_s = max(0.0, (self.now_ns() - start_ns) / c.NS)
            feedback.rate_hz = self.meter.rate_hz("plans")
            handle.publish_feedback(feedback)

        def should_stop() -> str | None:
            if handle.is_cancel_requested:
                return "cancelled"
            return self.latch.cause or self._peers.lost(GONE_S)

        parts = replace(self._parts, settings=replace(settings, timeout_s=timeout_s))
        try:
            with Beat(tell):
                self._peers.meet(MEET_S)
                self._robot.start()
                progress = pursue(parts, subgoal, listener=hear, should_stop=should_stop)
        finally:
            self._robot.end()
        result.seconds = max(0.0, (self.now_ns() - start_ns) / c.NS)
        result.timings_json = c.timings_to_json(timings.as_mapping())
        self._add_images(result)
        return progress

    def _forbidden(self, subgoal: Subgoal) -> str | None:
        """Why no instruction may have this done, whoever sent it. What a person may approve was the agent's
        to ask."""
        where = subgoal.grounding
        grounds = () if where is None else (where.thing, where.place)
        known = {ground.name: ground.position for ground in grounds if ground is not None}
        ruling = self._rules.judge(subgoal.subtask.skill, known)
        if ruling.permit is not Permit.FORBID:
            return None
        return f"{subgoal.subtask.text!r} is forbidden by rule {ruling.rule!r}: {ruling.why}"

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
