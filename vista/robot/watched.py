"""A robot whose observations somebody else sees, too."""

from __future__ import annotations

from collections.abc import Callable

from vista.protocols import Robot
from vista.robot.clock import in_lockstep
from vista.types import ActionChunk, Observation, RobotSpec


class WatchedRobot:
    """Passes everything on to ``robot``; ``watch`` sees every observation, in the caller's thread."""

    def __init__(self, robot: Robot, watch: Callable[[Observation], None]) -> None:
        self._robot, self._watch = robot, watch

    @property
    def spec(self) -> RobotSpec:
        return self._robot.spec

    @property
    def lockstep(self) -> bool:
        return in_lockstep(self._robot)

    def observe(self, timeout_s: float = 1.0) -> Observation:
        obs = self._robot.observe(timeout_s)
        self._watch(obs)
        return obs

    def send(self, chunk: ActionChunk) -> None:
        self._robot.send(chunk)

    def stop(self, cause: str) -> None:
        self._robot.stop(cause)
