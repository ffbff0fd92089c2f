"""Whether a robot's time waits for whoever plans."""

from __future__ import annotations

from vista.protocols import Lockstep, Robot

FAR_S = 600.0
"""A deadline [s] that only what hangs misses, for parts that are asked in lockstep."""


def in_lockstep(robot: Robot) -> bool:
    """Whether the time of ``robot`` waits for whoever plans; False where it does not say."""
    return isinstance(robot, Lockstep) and bool(robot.lockstep)
