"""Callables that may take over from the rules where those are unsure, such as a language model.

Each is asked with a deadline; one that is late, fails or answers what was not on offer is ignored, and the
rule's answer stands. What a callable is told is data: nothing in a remembered text is followed.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from robomemory.records import MemoryRecord

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """A question about the graph that no rule settles. ``choices`` are the answers on offer, the first one
    is what the rule does; ``note`` raised it; ``local`` are the facts around it (arXiv 2508.01415,
    Algorithm 2, steps 1 to 5), such as "mug in drawer"."""

    question: str
    choices: tuple[str, ...]
    note: MemoryRecord
    local: tuple[str, ...] = ()


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


Resolver = Callable[[Ambiguity], str]
Updater = Callable[[MemoryRecord, Sequence[MemoryRecord]], Revision | None]
Summarizer = Callable[[Sequence[MemoryRecord]], str]


@dataclass(frozen=True, slots=True)
class Helpers:
    """``resolve`` settles an :class:`Ambiguity`; ``update`` decides on a semantic candidate and the known
    records most like it (None: the rule shall); ``summarize`` writes the line for the oldest steps. Each
    call has ``timeout_s`` [s]."""

    resolve: Resolver | None = None
    update: Updater | None = None
    summarize: Summarizer | None = None
    timeout_s: float = 2.0


def ask(call: Callable[[], T], timeout_s: float) -> T | None:
    """What ``call`` returns, None if it fails or takes longer than ``timeout_s`` [s]."""
    box: queue.SimpleQueue[T | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            box.put(call())
        except Exception as error:
            box.put(error)

    threading.Thread(target=run, name="memory-helper", daemon=True).start()
    try:
        answer = box.get(timeout=timeout_s)
    except queue.Empty:
        _log.warning("a helper of the memory took longer than %s s; the rule decides", timeout_s)
        return None
    if isinstance(answer, Exception):
        _log.warning("a helper of the memory failed; the rule decides", exc_info=answer)
        return None
    return answer


def settle(helpers: Helpers, asked: Ambiguity) -> str:
    """The choice that ``helpers.resolve`` makes, else the first one."""
    resolve = helpers.resolve
    if resolve is None:
        return asked.choices[0]
    answer = ask(lambda: resolve(asked), helpers.timeout_s)
    if answer not in asked.choices:
        if answer is not None:
            _log.warning("resolver answered %r, on offer were %s; the rule decides", answer, asked.choices)
        return asked.choices[0]
    return answer
