"""Everything this library raises on purpose.

Each message names the bad value, where it came from and what is allowed, so that the one line a
user sees on the terminal is enough to mend the call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class VistaError(Exception):
    """Root of all errors raised by ``vista`` and ``vista_sim``.

    ``for_people``: the message is a sentence that says it all; the name of the class adds nothing. Errors of
    other libraries that say so of themselves are shown in the same way.
    """

    for_people = True


class InvalidValueError(VistaError, ValueError):
    """A value breaks the contract of a type (shape, dtype, range, finiteness)."""


class NonFiniteActionError(InvalidValueError):
    """A command holds NaN or infinity; it never reaches an actuator."""


class UnknownNameError(VistaError, ValueError):
    """A name is not one of those known (task, object, robot, node, model folder, suite).

    Args:
        kind: What was looked up, in words ("task", "robot").
        name: The name that is unknown.
        known: The names that are allowed; listed in the message.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        listed = ", ".join(self.known) if self.known else "none"
        shown = name if len(name) <= 200 else f"{name[:200]} ..."
        super().__init__(f"unknown {kind} {shown!r}; known: {listed}")

    def __reduce__(self) -> tuple[Any, ...]:  # by itself Python would make it anew of its message alone
        return type(self), (self.kind, self.name, self.known)


class ConfigError(VistaError, ValueError):
    """A configuration file is missing, malformed or does not fit what reads it."""


class ModelMismatchError(VistaError, ValueError):
    """Weights belong to another configuration (cameras, action space, image size, model class)."""


class ImaginationError(VistaError):
    """A world model made no image that can be used; another seed may."""


class StaleObservationError(VistaError, TimeoutError):
    """No fresh observation arrived within the deadline; the message names the silent source."""


class InstructionError(VistaError, ValueError):
    """An instruction is empty or names nothing that is seen in the scene."""


class EmptyInstructionError(InstructionError):
    """An instruction is empty."""

    def __init__(self) -> None:
        super().__init__(
            "the instruction is empty; expected a sentence such as 'put the blue mug in the tray'"
        )

    def __reduce__(self) -> tuple[Any, ...]:  # by itself Python would hand the message to __init__
        return type(self), ()


class RobotStoppedError(VistaError):
    """The robot no longer accepts commands; the message holds the latched cause."""
