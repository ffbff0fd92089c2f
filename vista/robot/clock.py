"""Whether the time of a robot waits while the parts of the stack compute."""

from __future__ import annotations

from vista.protocols import Lockstep, Robot

FAR_S = 600.0
"""A deadline [s] for parts that are asked in lockstep: only a part that hangs misses it."""


def in_lockstep(robot: Robot) -> bool:
    """Whether the time of ``robot`` waits while the parts compute; False for a robot that does not say."""
    return isinstance(robot, Lockstep) and bool(robot.lockstep)
