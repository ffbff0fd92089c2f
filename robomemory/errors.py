"""Everything this library raises on purpose.

Each message names the bad value, where it came from and what is allowed.
"""

from __future__ import annotations


class RoboMemoryError(Exception):
    """Root of all errors raised by ``robomemory``.

    ``for_people``: the message is a sentence that says it all; the name of the class adds nothing.
    """

    for_people = True


class InvalidNoteError(RoboMemoryError, ValueError):
    """Something handed to ``remember`` breaks the contract of a record; nothing of the call was kept."""


class InvalidQueryError(RoboMemoryError, ValueError):
    """A query, or a setting of ``recall``, breaks its contract."""


class EmbeddingError(RoboMemoryError, ValueError):
    """An embedder gave vectors of the wrong shape, or with NaN or infinity."""


class MissingDependencyError(RoboMemoryError, ImportError):
    """An optional package is not installed; the message names what installs it."""


class StoreError(RoboMemoryError):
    """The file of a memory can't be opened, read or written; the message names the file."""


class ReadOnlyError(StoreError):
    """The memory was opened with ``mode="r"``, and the call would change it."""


class StoreInUseError(StoreError):
    """Another process, or another ``RoboMemory`` of this one, holds the file; or a forked child uses what its
    parent has opened."""


class StoreCorruptError(StoreError, ValueError):
    """The file is torn, not whole, or not a RoboMemory store."""


class StoreVersionError(StoreError):
    """The file was written with another schema version or by another embedder."""


class MemoryClosedError(RoboMemoryError):
    """The memory was closed before the call."""


class ResolverError(RoboMemoryError):
    """A resolver can't be made, did not answer, or answered what is no edit; the message holds no key."""


class PlanningError(RoboMemoryError):
    """Root of the errors of ``robomemory.planning``."""


class DomainError(PlanningError, ValueError):
    """A domain, a state or a goal breaks its contract; the name and what is allowed are given."""


class InstructionUnclear(PlanningError, ValueError):
    """An instruction is not understood, or names something nobody knows; the message says what is."""


class EngineError(PlanningError):
    """The classical planner failed, took too long, or was given too large a problem."""
