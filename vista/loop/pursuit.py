"""Moves the arm towards one subgoal until it is reached, has failed or took too long."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from vista.errors import InvalidValueError
from vista.events import Event, EventKind, Listener, ignore
from vista.loop.clock import CLOCK_STALL_S, ClockWatch
from vista.loop.stopping import Halt, halt_robot, never, raise_if_stopped
from vista.messages.describe import describe, on_purpose
from vista.protocols import Guard, Policy, Robot, ShouldStop, Switcher
from vista.robot.gripper import closed_on_nothing
from vista.robot.retreat import Retreat
from vista.types import Cause, Decision, Progress, State, Subgoal

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """How subgoals are pursued.

    ``execute_rows``: rows of each chunk that are sent before the next is planned. ``timeout_s``: robot time
    [s] after which the answer is TIMED_OUT. While the guard says HOLD nothing is sent and the chunk is
    planned again, ``hold_tries`` times at ``hold_wait_s`` [s] of wall time (in lockstep at once, as nothing
    would change meanwhile). ``retreat``: how the hand leaves a place where the switcher or the clock said
    that it failed, where it let go of something or grasped it, and where it begins with fingers that are
    closed on nothing; None: it stays.

    Raises:
        InvalidValueError: ``execute_rows`` is below 1.
    """

    execute_rows: int = 4
    timeout_s: float = 30.0
    hold_tries: int = 10
    hold_wait_s: float = 0.1
    retreat: Retreat | None = None

    def __post_init__(self) -> None:
        if self.execute_rows < 1:
            raise InvalidValueError(f"execute_rows: {self.execute_rows}, expected at least 1")


@dataclass(frozen=True, slots=True)
class MotionParts:
    """Who moves the arm: what plans chunks, what judges them, what stands before the motors, and the
    motors."""

    robot: Robot
    policy: Policy
    switcher: Switcher
    guard: Guard
    settings: MotionSettings = field(default_factory=MotionSettings)

    def __call__(
        self, subgoal: Subgoal, listener: Listener = ignore, should_stop: ShouldStop = never
    ) -> Progress:
        """:func:`pursue` with these parts."""
        return pursue(self, subgoal, listener=listener, should_stop=should_stop)


def pursue(
    parts: MotionParts, subgoal: Subgoal, *, listener: Listener = ignore, should_stop: ShouldStop = never
) -> Progress:
    """Move towards ``subgoal`` until the switcher, the guard, the clock or the caller ends it.

    Only what the guard has let through is sent, and only the first rows of each chunk. How long the parts
    think never counts. Anything that makes it unsafe to go on (guard STOP, ``should_stop``, a robot or camera
    that is silent, an exception in a learned part) stops the robot; the cause of the answer is then STOPPED.

    Args:
        listener: Hears PROGRESS after every step, at the end with the answer, and STAGE_ENDED of
            ``pursue.observe``, ``.predict``, ``.judge``, ``.guard`` and ``.send``.
        should_stop: Asked at every step; None to go on, else the cause.

    Returns:
        REACHED, FAILED or TIMED_OUT, with the cause, the reason for people, and the steps that were sent.
    """
    pursuit = _Pursuit(parts, subgoal, listener, should_stop)
    retreat = parts.settings.retreat
    try:
        if retreat is not None and closed_on_nothing(parts.robot.observe()):
            pursuit.retreat(retreat, again=True)
        final = pursuit.run()
        if retreat is not None and not pursuit.held:
            # Robot time of the retreat is not the subtask's: its steps are.
            pursuit.retreat(retreat, again=final.state is not State.REACHED)
        final = pursuit.progress(final.state, final.reason, final.cause, final.fraction)
        pursuit.tell(final)
        return final
    except Halt as halt:
        reason = str(halt)
    except Exception as error:
        reason = f"{pursuit.stage or 'pursue'}: {describe(error)}"
        _log.log(logging.WARNING, "%s", reason, exc_info=not on_purpose(error))
    except BaseException as error:
        halt_robot(parts.robot, f"interrupted by {type(error).__name__}")
        raise
    halt_robot(parts.robot, reason)
    return pursuit.progress(State.FAILED, reason, Cause.STOPPED)


class _Pursuit:
    """One call of :func:`pursue`."""

    def __init__(
        self, parts: MotionParts, subgoal: Subgoal, listener: Listener, should_stop: ShouldStop
    ) -> None:
        self._parts, self._settings = parts, parts.settings
        self._subgoal, self._listener, self._should_stop = subgoal, listener, should_stop
        self._fraction, self._steps = 0.0, 0
        self.held = False
        self.stage = ""
        self._watch = ClockWatch(parts.robot, should_stop, CLOCK_STALL_S)

    @contextmanager
    def _measure(self, stage: str) -> Iterator[None]:
        """Time a block; ``stage`` stays the name of one that raised."""
        self.stage, start = stage, time.perf_counter()
        try:
            yield
            self.stage = ""
        finally:
            seconds = time.perf_counter() - start
            self._listener(Event(EventKind.STAGE_ENDED, stage=f"pursue.{stage}", seconds=seconds))

    def progress(
        self, state: State, reason: str = "", cause: Cause = Cause.NONE, fraction: float | None = None
    ) -> Progress:
        """How it stands, with the steps that were sent so far."""
        return Progress(state, self._fraction if fraction is None else fraction, reason, cause, self._steps)

    def tell(self, progress: Progress) -> None:
        """Let the listener hear ``progress``."""
        self._listener(Event(EventKind.PROGRESS, progress=progress))

    def run(self) -> Progress:
        """The loop itself."""
        parts, settings = self._parts, self._settings
        parts.policy.reset()
        parts.guard.reset()
        start_ns, holds = -1, 0
        while True:
            raise_if_stopped(self._should_stop)
            with self._measure("observe"):
                obs = self._watch.observe()
            if start_ns < 0:
                start_ns = obs.stamp_ns
                parts.switcher.reset(self._subgoal, start_ns)
            with self._measure("predict"):
                chunk = parts.policy.predict_chunk(obs, self._subgoal)
            with self._measure("judge"):
                progress = parts.switcher.judge(obs, chunk)
            self._fraction = progress.fraction
            if progress.state is not State.RUNNING:
                return progress
            if (obs.stamp_ns - start_ns) * 1e-9 >= settings.timeout_s:
                reason = f"not reached within {settings.timeout_s:g} s"
                return self.progress(State.TIMED_OUT, reason, Cause.OUT_OF_TIME)
            with self._measure("guard"):
                verdict = parts.guard.check(chunk.head(settings.execute_rows), obs)
            said = f"guard {verdict.rule}: {verdict.reason}"
            if verdict.decision is Decision.STOP:
                raise Halt(said)
            if verdict.chunk is None:
                holds += 1
                if holds >= settings.hold_tries:
                    self.held = True
                    return self.progress(State.FAILED, said, Cause.GUARD)
                self.tell(self.progress(State.RUNNING, f"holding still, {said}", Cause.GUARD))
                self._watch.hold(settings.hold_wait_s)
                continue
            holds = 0
            raise_if_stopped(self._should_stop)
            with self._measure("send"):
                self._watch.send(verdict.chunk)
            self._steps += 1
            if verdict.decision is Decision.CLIP:
                self.tell(self.progress(State.RUNNING, f"clipped, {said}", Cause.GUARD))
            else:
                self.tell(self.progress(State.RUNNING, progress.reason, progress.cause))

    def retreat(self, how: Retreat, *, again: bool) -> None:
        """Take the hand away, no longer than it may take, as far as the guard lets it."""
        start_ns = -1
        self._parts.guard.reset()
        while True:
            raise_if_stopped(self._should_stop)
            with self._measure("observe"):
                obs = self._watch.observe()
            if start_ns < 0:
                start_ns, target = obs.stamp_ns, how.target(obs, again)
            chunk = how.chunk(obs, target, self._settings.execute_rows)
            if chunk is None or (obs.stamp_ns - start_ns) * 1e-9 >= how.timeout_s:
                return
            with self._measure("guard"):
                verdict = self._parts.guard.check(chunk, obs)
            if verdict.decision is Decision.STOP:
                raise Halt(f"guard {verdict.rule}: {verdict.reason}")
            if verdict.chunk is None:
                return
            with self._measure("send"):
                self._watch.send(verdict.chunk)
            self._steps += 1
            self.tell(self.progress(State.RUNNING, "withdrawing"))
