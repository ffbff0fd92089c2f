"""Moves each joint of an arm by two degrees, and its gripper, to see that signs and units are right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from vista.assembly.loading import joint_guard
from vista.assembly.robot_check import Checked, Finding
from vista.errors import StaleObservationError, VistaError
from vista.guard import GuardLimits
from vista.types import F64, ActionChunk, ActionSpace, RobotSpec
from vista_ros.commanding.controllers import Controllers
from vista_ros.node_base import VistaNode
from vista_ros.sensing.observation import ObservationSource

STEP_RAD = float(np.deg2rad(2.0))
WINDOW_ROWS = 3
TOLERANCE_RAD = float(np.deg2rad(0.7))
OTHERS_RAD = float(np.deg2rad(0.5))
GRIPPER_STEP = 0.3
"""How far the gripper is moved, as a share of its travel."""
GRIPPER_OFF = 0.15
"""A gripper that ends farther from where it was sent [0, 1] went somewhere else."""
MEET_S = 5.0
KNOWN_S = 1.5
"""After so long [s] everybody in the domain who commands the arm is known."""

Ask = Callable[[str], bool]
"""Asks a person a question in words; whether the answer is yes."""


class JogCheck:
    """Jogs the arm of ``spec``, every command through the guard's rules.

    Args:
        approve: Asked before anything moves; no ends the check.
        confirm: Asked after each move whether the eye saw what was to be seen: a unit that is wrong both
            ways, to the driver and back, shows on no wire.
        move_s: How long a move takes [s].
        settle_s: How long the arm then has to come to rest [s].
    """

    def __init__(
        self,
        node: VistaNode,
        spec: RobotSpec,
        approve: Ask,
        confirm: Ask,
        *,
        move_s: float = 1.0,
        settle_s: float = 0.7,
    ) -> None:
        self._move_s, self._settle_s = move_s, settle_s
        self._node, self._spec, self._approve, self._confirm = node, spec, approve, confirm
        self._source = ObservationSource(node, spec, cameras=False)
        self._controllers = Controllers(node, spec)
        self._dt_s = 1 / spec.control_hz
        limits = GuardLimits(joint_speed_scale=0.2, max_chunk_s=0.3)
        forward = self._source.forward
        self._guard = joint_guard(spec, limits, lambda q: forward(q)[:3, 3], node.now_ns)

    def rows(self) -> Iterator[Checked]:
        """One row a joint and one for the gripper, as each is done. The first that is wrong is the last.

        Raises:
            VistaError: the joints are not told, a controller is missing or somebody else commands the arm.
        """
        deadline = time.monotonic() + MEET_S
        while (missing := self._controllers.missing()) is not None and time.monotonic() < deadline:
            time.sleep(0.1)
        if missing is not None:
            raise VistaError(f"nothing is moved: {missing}")
        time.sleep(KNOWN_S)
        self._joints()
        for i in range(len(self._spec.joints)):
            row = self._jog(i)
            yield row
            if row.finding is not Finding.OK:
                return
        yield self._grip()

    def _joints(self) -> tuple[F64, float]:
        try:
            obs = self._source.wait(self._node.now_ns(), timeout_s=2.0)
        except StaleObservationError as error:
            raise VistaError(f"nothing is moved: {error}") from error
        return obs.joint_pos.astype(np.float64), float(obs.gripper)

    def _jog(self, i: int) -> Checked:
        joint = self._spec.joints[i]
        start, opening = self._joints()
        up = start[i] + STEP_RAD <= joint.upper
        step = STEP_RAD if up else -STEP_RAD
        sense = "larger" if up else "smaller"
        what = f"joint {joint.name}"
        if not self._approve(f"{joint.name} moves by 2 degrees towards {sense} angles, and back. Go on?"):
            return Checked(what, Finding.WRONG, "not approved: nothing more is moved")
        goal = start.copy()
        goal[i] += step
        self._move(start, goal, opening)
        there, _ = self._joints()
        moved = there - start
        seen = self._confirm(f"Did {joint.name}, and nothing else, move by about 2 degrees?")
        self._move(there, start, opening)
        others = np.delete(np.abs(moved), i)
        far = f"{np.rad2deg(moved[i]):+.2f} degrees instead of {np.rad2deg(step):+.0f}"
        if abs(moved[i] - step) > TOLERANCE_RAD:
            turned = abs(moved[i] + step) <= TOLERANCE_RAD
            hint = (
                "is `sign` right?" if turned else "does another controller hold it, or is its unit another?"
            )
            return Checked(what, Finding.WRONG, f"{far}; {hint}")
        if len(others) and others.max() > OTHERS_RAD:
            name = [each.name for each in self._spec.joints if each is not joint][int(others.argmax())]
            return Checked(what, Finding.WRONG, f"{name} moved, too: are two names exchanged?")
        if not seen:
            return Checked(what, Finding.WRONG, "the driver says so, the eye did not: unit or name is wrong")
        return Checked(what, Finding.OK, far.replace("instead of", "for"))

    def _grip(self) -> Checked:
        start, opening = self._joints()
        step = -GRIPPER_STEP if opening > 0.5 else GRIPPER_STEP
        verb = "closes" if step < 0 else "opens"
        if not self._approve(f"the gripper {verb} by a third. Go on?"):
            return Checked("gripper", Finding.WRONG, "not approved: nothing more is moved")
        self._move(start, start, opening + step)
        _, there = self._joints()
        seen = self._confirm(f"Did the gripper {verb[:-1]}?")
        self._move(start, start, opening)
        said = f"opening {opening:.2f}, then {there:.2f} for {opening + step:.2f}"
        if abs(there - opening - step) > GRIPPER_OFF:
            return Checked("gripper", Finding.WRONG, f"{said}; are `open` and `closed` right?")
        if not seen:
            return Checked("gripper", Finding.WRONG, f"{said}; the eye saw another way round")
        return Checked("gripper", Finding.OK, said)

    def _move(self, start: F64, goal: F64, opening: float) -> None:
        """From ``start`` to ``goal`` (J,) [rad] in ``move_s``, and hold there until all is quiet."""
        count = round(self._move_s / self._dt_s)
        path = start + (goal - start) * np.linspace(0, 1, count + 1)[1:, None]
        hold = np.repeat(goal[None], round(self._settle_s / self._dt_s) + WINDOW_ROWS, axis=0)
        rows = np.column_stack([np.concatenate([path, hold]), np.full(len(path) + len(hold), opening)])
        self._controllers.look_around()
        if (others := self._controllers.others) is not None:
            raise VistaError(f"nothing more is moved: {others}")
        for first in range(len(rows) - WINDOW_ROWS + 1):
            obs = self._source.wait(timeout_s=1.0)  # an arm that hears nothing for 0.3 s stands still
            chunk = ActionChunk(
                rows[first : first + WINDOW_ROWS], self._dt_s, ActionSpace.JOINT_POSITION, obs.stamp_ns
            )
            verdict = self._guard.check(chunk, obs)
            if verdict.chunk is None:
                raise VistaError(f"held by the guard, rule {verdict.rule}: {verdict.reason}")
            self._controllers.send(verdict.chunk, obs.joint_pos)
            time.sleep(self._dt_s)
