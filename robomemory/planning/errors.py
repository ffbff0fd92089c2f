"""What planning raises on purpose."""

from __future__ import annotations

from robomemory.errors import RoboMemoryError


class PlanningError(RoboMemoryError):
    """Root of the errors of ``robomemory.planning``."""


class DomainError(PlanningError, ValueError):
    """A domain, a state or a goal breaks its contract; the name and what is allowed are given."""


class InstructionUnclear(PlanningError, ValueError):
    """An instruction is not understood, or names something nobody knows; the message says what is."""


class EngineError(PlanningError):
    """The classical planner failed, took too long, or was given too large a problem."""
