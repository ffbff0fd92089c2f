"""The guard: applies its rules in order and says which one decided."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vista.errors import ConfigError
from vista.guard.limits import GuardLimits
from vista.guard.rules import CLIP_RULES, HOLD_RULES, PLACE_RULES, Case, ForwardKinematics, NearLinks
from vista.types import ActionChunk, Decision, Observation, RobotSpec, Verdict

MOST_EARLIER = 1.5
"""A chunk may begin so many of its steps before the last one that was let through."""


class SafetyGuard:
    """Lets through only chunks that the robot's contract and the limits allow. Satisfies ``Guard``.

    If a rule can be kept by moving less, the chunk is clipped; if the plan is not for this robot or not for
    now, the guard holds. ``stop`` and ``release`` may be called from any thread.

    Args:
        spec: The robot's contract: joint limits, workspace, action space, rate.
        limits: The other limits; None: the default ones.
        clock_ns: The robot's clock [ns]. Without it the age of a chunk is compared with the observation
            alone, and rates are not looked at, which is right in lockstep.
        forward: Joint positions (J,) [rad] to the end effector's position (3,) in the base frame [m];
            with it joint targets too must stay in the workspace.
        near: What comes near to what at joint positions (J,) [rad]; with it the links of joint targets keep
            out of the contract's zones and apart from each other.

    Raises:
        ConfigError: the margins leave nothing of the workspace or of a joint's range.
    """

    def __init__(
        self,
        spec: RobotSpec,
        limits: GuardLimits | None = None,
        *,
        clock_ns: Callable[[], int] | None = None,
        forward: ForwardKinematics | None = None,
        near: NearLinks | None = None,
    ) -> None:
        self.spec, self.limits = spec, limits or GuardLimits()
        self._clock_ns, self._forward, self._near = clock_ns, forward, near
        self._passed_ns = self._started_ns = -1
        self._lock = threading.Lock()
        self._stopped: str | None = None
        _check_margins(spec, self.limits)

    def reset(self) -> None:
        """Start of a subgoal. A latched stop stays: only :meth:`release` lifts it."""

    def stop(self, cause: str) -> None:
        """Answer STOP from now on. Idempotent; the first cause is kept."""
        with self._lock:
            if self._stopped is None:
                self._stopped = cause or "stopped"

    def release(self) -> None:
        """Lift a latched stop."""
        with self._lock:
            self._stopped = None

    @property
    def stopped(self) -> str | None:
        """The latched cause, None while the arm may move."""
        with self._lock:
            return self._stopped

    def check(self, chunk: ActionChunk, obs: Observation) -> Verdict:
        """Judge ``chunk`` against the measured state ``obs``.

        ``EE_DELTA`` rows are composed with ``obs.ee_pose``, so ``obs`` should be the observation that the
        chunk was planned from. Returns STOP (latched from outside), HOLD, CLIP with a changed copy, or
        ALLOW with ``chunk`` itself; ``rule`` names the rule that decided, or all that clipped.
        """
        if (cause := self.stopped) is not None:
            return Verdict(Decision.STOP, "stop", cause, None)
        now_ns = self._clock_ns() if self._clock_ns is not None else None
        if now_ns is not None and (why := self._too_often(now_ns)) is not None:
            return Verdict(Decision.HOLD, "rate", why, None)
        if now_ns is not None and (why := self._out_of_order(chunk)) is not None:
            return Verdict(Decision.HOLD, "order", why, None)
        case = Case(chunk, obs, self.spec, self.limits, now_ns, self._forward, self._near)
        for holds in HOLD_RULES:
            if (why := holds(case)) is not None:
                return Verdict(Decision.HOLD, holds.__name__, why, None)
        rows, changed = chunk.actions.astype(np.float64), {}
        for clips in CLIP_RULES[chunk.space]:
            rows, what = clips(case, rows)
            if what is not None:
                changed[clips.__name__] = what
        if not changed:
            self._passed(chunk, now_ns)
            return Verdict(Decision.ALLOW, "none", "", chunk)
        clipped = replace(chunk, actions=rows.astype(np.float32))
        for holds in PLACE_RULES:
            if (why := holds(replace(case, chunk=clipped))) is not None:
                return Verdict(Decision.HOLD, holds.__name__, f"once clipped, {why}", None)
        self._passed(chunk, now_ns)
        return Verdict(Decision.CLIP, ", ".join(changed), "; ".join(changed.values()), clipped)

    def _too_often(self, now_ns: int) -> str | None:
        """Why this chunk comes too soon after the last one that was let through."""
        with self._lock:
            gap_s = (now_ns - self._passed_ns) * 1e-9
            if 0.0 <= gap_s < 1 / self.limits.max_commands_hz and self._passed_ns >= 0:
                return f"{gap_s * 1e3:.0f} ms after the last one, at most {self.limits.max_commands_hz:g} Hz"
        return None

    def _out_of_order(self, chunk: ActionChunk) -> str | None:
        """Why this chunk was meant for before the last one; a plan that replaces another may begin a step
        earlier."""
        with self._lock:
            late_s = (self._started_ns - chunk.start_stamp_ns) * 1e-9
            if MOST_EARLIER * chunk.dt_s < late_s < self.limits.max_age_s:
                return f"begins {late_s:.2f} s before the last one: it was overtaken on its way"
        return None

    def _passed(self, chunk: ActionChunk, now_ns: int | None) -> None:
        with self._lock:
            self._started_ns = chunk.start_stamp_ns
            self._passed_ns = self._passed_ns if now_ns is None else now_ns


def _check_margins(spec: RobotSpec, limits: GuardLimits) -> None:
    if not (spec.workspace[0] + 2 * limits.workspace_margin_m < spec.workspace[1]).all():
        raise ConfigError(
            f"workspace_margin_m {limits.workspace_margin_m:g} leaves no workspace for {spec.name}"
        )
    if not (spec.joint_lower + 2 * limits.joint_margin_rad < spec.joint_upper).all():
        raise ConfigError(
            f"joint_margin_rad {limits.joint_margin_rad:g} leaves a joint of {spec.name} no range"
        )
