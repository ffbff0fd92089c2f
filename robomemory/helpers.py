"""Callables that may take over from the rules where those are unsure, such as a language model.

The rule's answer is committed at once; a helper is asked afterwards, on a thread of its own and with a
deadline, and what it says is an update of its own (:mod:`robomemory.resolving.worker`). One that is late,
fails or answers what is not on offer is ignored, and the rule's answer stands. What a callable is told is
data: nothing in a remembered text is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from robomemory import checks
from robomemory.errors import InvalidQueryError
from robomemory.records import MemoryRecord
from robomemory.resolving.local_graph import ConflictResolver

_DAY_S = 86_400.0


class RevisionAction(StrEnum):
    """What the semantic updater does with a candidate (paper, Long-term Memory Creator)."""

    ADD = "add"
    UPDATE = "update"
    REMOVE = "remove"
    NOOP = "noop"


@dataclass(frozen=True, slots=True)
class Revision:
    """``action`` on the known record ``target`` (0 with ADD: none)."""

    action: RevisionAction
    target: int = 0


Updater = Callable[[MemoryRecord, Sequence[MemoryRecord]], Revision | None]
Summarizer = Callable[[Sequence[MemoryRecord]], str]


@dataclass(frozen=True, slots=True)
class Helpers:
    """``resolve`` edits the local graph around new facts (:class:`robomemory.LocalGraph`); ``update`` decides
    on a semantic record that was kept and the records most like it, those that it took the place of
    included (None: the rule's decision stays); ``summarize`` writes the line for the oldest steps. Each call
    has ``timeout_s`` [s]; no write waits for it.

    Raises:
        InvalidQueryError: a helper can't be called, or a bad ``timeout_s``.
    """

    resolve: ConflictResolver | None = None
    update: Updater | None = None
    summarize: Summarizer | None = None
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        for name in ("resolve", "update", "summarize"):
            helper = getattr(self, name)
            if helper is not None and not callable(helper):
                raise InvalidQueryError(f"Helpers.{name}: {checks.shown(helper)}, expected a callable")
        number = isinstance(self.timeout_s, int | float) and not isinstance(self.timeout_s, bool)
        if not number or not 0 < self.timeout_s <= _DAY_S:
            raise InvalidQueryError(
                f"Helpers.timeout_s: {checks.shown(self.timeout_s)} s, expected > 0 and at most {_DAY_S:g}"
            )

    def __bool__(self) -> bool:
        return not (self.resolve is None and self.update is None and self.summarize is None)
