"""The guard: the only node that speaks to the controllers."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from vista.assembly.loading import joint_guard
from vista.errors import StaleObservationError
from vista.guard import load_limits
from vista.guard.policy import load_policy, policy_files
from vista.types import ActionChunk, ActionSpace, Decision, Verdict
from vista_msgs.msg import GuardStatus
from vista_msgs.srv import Stop
from vista_ros import conversions as c
from vista_ros.commanding.controllers import Controllers
from vista_ros.commanding.switches import SafetySwitches
from vista_ros.node_base import VistaNode, run_node
from vista_ros.parameters import robot_of
from vista_ros.sensing.observation import ObservationSource

SILENCE_S = 0.3  # without a command for so long nothing more is sent
SEND_S = 0.3  # no trajectory lasts longer: the arm stops by itself
FINGERS_MOVE_PER_S = 0.05  # a gripper whose opening changes faster moves
JOINTS_S = 0.3  # joint states older than this say nothing about where the arm is


class GuardNode(VistaNode):
    """Judges each trajectory against the measured joints and passes on what may be sent, at once.

    There is no queue: when commands stop, what was sent last ends within 0.3 s, and nothing more is sent.
    """

    def __init__(self) -> None:
        super().__init__("guard")
        self._sending = threading.Lock()  # what is judged before a stop is not sent after it
        self._pressed = True

    def setup(self) -> None:
        spec, rules = robot_of(self), load_policy(*policy_files(self.param("guard_policy", "")))
        self._spec = replace(spec, keep_out=(*spec.keep_out, *rules.zones))
        limits = load_limits(self.param("limits", "") or None)
        limits = replace(limits, max_chunk_s=min(limits.max_chunk_s, SEND_S))
        self._joints = ObservationSource(self, self._spec, cameras=False)
        self._guard = joint_guard(self._spec, limits, lambda q: self._joints.forward(q)[:3, 3], self.now_ns)
        self._controllers = Controllers(self, self._spec)
        make = self.create_publisher
        self._sent = self.owns(make(JointTrajectory, "guard/command", 1), self.destroy_publisher)
        self._status = self.owns(make(GuardStatus, "guard/status", 10), self.destroy_publisher)
        self._last = c.GuardReport(0, Decision.HOLD, c.IDLE, "no command yet")
        self._commanded = -1e9
        self.subscribe(JointTrajectory, "executor/command", self._on_command, 1)
        self._switches = SafetySwitches(self, self._stop)
        self.serve(Stop, "guard/stop", self._on_stop)
        self.serve(Trigger, "guard/release", self._on_release)
        self.every(0.2, self._report_idle, "watchdog")
        self.every(0.5, self._controllers.look_around, "other commanders")
        self.every(0.05, self._watch_dead_man, "dead man")

    def _on_command(self, msg: JointTrajectory) -> None:
        self._commanded = time.monotonic()
        verdict = self._judge(msg)
        with self._sending:
            cause = self._guard.stopped or ""
            if verdict.chunk is not None and cause:
                verdict = Verdict(Decision.STOP, "stop", cause, None)
            elif verdict.chunk is not None:
                self._send(verdict.chunk)
        self._report(c.GuardReport(self.now_ns(), verdict.decision, verdict.rule, verdict.reason, cause))

    def _judge(self, msg: JointTrajectory) -> Verdict:
        try:
            chunk = c.chunk_from_msg(msg, self._spec)
            obs = self._joints.wait(timeout_s=JOINTS_S)
        except ValueError as error:  # InvalidValueError: malformed or not finite
            return Verdict(Decision.HOLD, "command", self.note_error("executor/command", error), None)
        except StaleObservationError as error:
            return Verdict(Decision.HOLD, "joint_states", str(error), None)
        verdict = self._guard.check(chunk, obs)
        if verdict.chunk is None:
            return verdict
        for rule, why in (
            ("dead_man", self._switches.released()),
            ("stop_switch", self._switches.unheard()),
            ("controllers", self._controllers.missing()),
            ("commanders", self._controllers.others),
        ):
            if why is not None:
                return Verdict(Decision.HOLD, rule, f"nothing is sent: {why}", None)
        return verdict

    def _send(self, chunk: ActionChunk) -> None:
        self._controllers.send(chunk, self._joints.joints().position)
        self._sent.publish(c.chunk_to_msg(chunk, self._spec))
        self.meter.add("sent")

    def _hold(self) -> None:
        """Have the arm hold where it is, instead of going on to the end of what it has. Fingers that move
        stop; those that stand still go on pressing what they hold."""
        self._controllers.halt()
        try:
            obs = self._joints.wait(timeout_s=JOINTS_S)
        except StaleObservationError:
            return
        moving = abs(obs.gripper_vel) > FINGERS_MOVE_PER_S
        row = np.append(obs.joint_pos, obs.gripper if moving else obs.gripper_command)[None]
        dt = 1 / self._spec.control_hz
        hold = ActionChunk(row.astype(np.float32), dt, ActionSpace.JOINT_POSITION, obs.stamp_ns)
        with self._sending:
            self._controllers.send(hold, obs.joint_pos, gripper_action=False)
            self._sent.publish(c.chunk_to_msg(hold, self._spec))

    def _watch_dead_man(self) -> None:
        """Have the arm hold at once when the dead man's switch is let go."""
        pressed = self._switches.released() is None
        if self._pressed and not pressed:
            self._hold()
        self._pressed = pressed

    def _report_idle(self) -> None:
        if time.monotonic() - self._commanded > SILENCE_S:
            idle = c.GuardReport(
                0, Decision.HOLD, c.IDLE, f"no command for {SILENCE_S:g} s", self.latch.cause or ""
            )
            self._report(replace(idle, stamp_ns=self.now_ns()))

    def _report(self, report: c.GuardReport) -> None:
        self._status.publish(c.guard_report_to_msg(report))
        held = report.decision in (Decision.HOLD, Decision.STOP) and report.rule != c.IDLE
        self.warn("guard", f"{report.decision} {report.rule}: {report.reason}" if held else "")
        self.meter.add(str(report.decision))

    def _stop(self, cause: str) -> str:
        """Latch a stop and have the arm hold. Returns the first cause."""
        with self._sending:
            self._guard.stop(self.latch.set(cause))
            self._controllers.halt()
        self._hold()
        first = self._guard.stopped or ""
        self._report(c.GuardReport(self.now_ns(), Decision.STOP, "stop", first, first))
        return first

    def _on_stop(self, request: Stop.Request, response: Stop.Response) -> Stop.Response:
        response.ok, response.cause = True, self._stop(request.cause or "stopped without a cause")
        return response

    def _on_release(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = True, f"released; it was: {self.latch.cause or 'not stopped'}"
        self.latch.release()
        self._guard.release()
        self._report(c.GuardReport(self.now_ns(), Decision.HOLD, c.IDLE, "released"))
        return response


def main() -> int:
    return run_node(GuardNode, threads=4)


if __name__ == "__main__":
    raise SystemExit(main())
