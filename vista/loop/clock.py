"""Whose time it is: a lockstep robot's clock waits for whoever plans, a free one's runs on by itself.

In lockstep wall time changes nothing: a busy machine or a slow part gives the same episode. In free running
only what the stack spends *waiting* for the robot tells that its clock stands; what it spends thinking does
not.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from vista.errors import StaleObservationError
from vista.loop.stopping import wait
from vista.protocols import Robot, ShouldStop
from vista.robot.clock import in_lockstep
from vista.types import ActionChunk, Observation

CLOCK_STALL_S = 2.0
"""A free robot whose clock stands still for this long [s] while the stack waits for it is gone."""
STALLED_SENDS = 3
"""So is one in lockstep whose clock stands still through so many commands."""
_POLL_S = 0.02


class ClockWatch:
    """Passes on to ``robot`` and notices when its clock stands still: its images would look fresh for ever.

    Args:
        limit_s: Longest time [s] that the stack waits for the clock of a robot in free running.
        clock: Wall time [s]; replaced in tests.
    """

    def __init__(
        self,
        robot: Robot,
        should_stop: ShouldStop,
        limit_s: float = CLOCK_STALL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._robot, self._should_stop, self._limit_s, self._clock = robot, should_stop, limit_s, clock
        self.lockstep = in_lockstep(robot)
        self._stamp_ns, self._sends, self._waited_s = -1, 0, 0.0

    def observe(self) -> Observation:
        """The newest observation; of a free robot one that is newer than the last command.

        Raises:
            StaleObservationError: the clock stands still, or what the robot raises.
        """
        while True:
            began = self._clock()
            obs = self._robot.observe()
            if obs.stamp_ns > self._stamp_ns:
                self._stamp_ns, self._sends, self._waited_s = obs.stamp_ns, 0, 0.0
                return obs
            if self.lockstep:
                if self._sends >= STALLED_SENDS:
                    raise self._stands(f"through {self._sends} commands")
                return obs
            self._waited_s += self._clock() - began
            if self._waited_s > self._limit_s:
                raise self._stands(f"for {self._waited_s:.1f} s")
            if self._sends == 0:  # nothing was to move it
                return obs
            self.hold(_POLL_S)

    def send(self, chunk: ActionChunk) -> None:
        """Have ``chunk`` carried out; the clock must move after it."""
        began = self._clock()
        self._robot.send(chunk)
        self._sends += 1
        self._waited_s += self._clock() - began

    def hold(self, seconds: float) -> None:
        """Wait ``seconds`` [s] while nothing is sent; in lockstep nothing would change meanwhile."""
        if self.lockstep:
            return
        began = self._clock()
        wait(seconds, self._should_stop)
        self._waited_s += self._clock() - began

    def _stands(self, how_long: str) -> StaleObservationError:
        return StaleObservationError(f"the robot's clock has stood at {self._stamp_ns} ns {how_long}")
