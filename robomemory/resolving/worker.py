"""Asks the helpers in the background, so that no write waits for one.

What was committed since the last pass is handled together. One thread asks, off the write lock; each call
runs on a thread that is left behind at its deadline, at most one for each helper.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from robomemory.errors import MemoryClosedError, RoboMemoryError
from robomemory.helpers import Helpers, Revision, RevisionAction
from robomemory.plain_text import short
from robomemory.records import MemoryKind
from robomemory.resolving.checking import changing, whole
from robomemory.resolving.gathering import Raised, raised_by
from robomemory.resolving.provenance import name_of
from robomemory.resolving.swap_back import SwapBack
from robomemory.temporal import COMPRESSED
from robomemory.update_protocol import Change

MOST_QUEUED = 1_000
"""Facts, things, texts and lines that wait for a helper, of each sort; the oldest are dropped beyond."""

MOST_RAISED = 20
"""New facts, and new things, of one local graph."""

CLOSE_S = 0.5
"""How long ``close`` waits for a commit that is under way [s]; a call that hangs is left behind at once."""

_log = logging.getLogger(__name__)
T = TypeVar("T")
_CLOSED = object()  # put in the place of an answer


class _Backlog:
    """What waits to be asked about, oldest first: keys of facts, things, semantic records and lines."""

    def __init__(self) -> None:
        self.facts: dict[int, None] = {}
        self.things: dict[int, None] = {}
        self.texts: dict[int, None] = {}
        self.lines: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self.facts) + len(self.things) + len(self.texts) + len(self.lines)

    def cut(self) -> int:
        """Drops the oldest beyond the bound; how many."""
        dropped = 0
        for keys in (self.facts, self.things, self.texts, self.lines):
            while len(keys) > MOST_QUEUED:
                del keys[next(iter(keys))]
                dropped += 1
        return dropped


class HelperWorker:
    """Asks ``helpers`` about what is handed to :meth:`offer` and has ``bench`` commit what they say. The
    thread starts with the first question."""

    def __init__(self, helpers: Helpers, bench: SwapBack) -> None:
        self._helpers, self._bench = helpers, bench
        self._changed = threading.Condition()
        self._backlog = _Backlog()
        self._thread: threading.Thread | None = None
        self._busy = self._closed = self._full = False
        self._boxes: set[queue.SimpleQueue[object]] = set()
        self._hung: dict[str, threading.Thread] = {}

    def offer(self, changes: Mapping[MemoryKind, Change]) -> None:
        """Queues what the committed ``changes`` brought, and returns at once."""
        helpers, none = self._helpers, Change()
        raised = raised_by(changes.get(MemoryKind.SPATIAL, none)) if helpers.resolve else Raised()
        told = changes.get(MemoryKind.SEMANTIC, none).rows if helpers.update else ()
        steps = changes.get(MemoryKind.TEMPORAL, none).rows if helpers.summarize else ()
        lines = [row.record.id for row in steps if row.record.source == COMPRESSED]
        if not (raised.facts or raised.things or told or lines):
            return
        with self._changed:
            if self._closed:
                return
            waiting = self._backlog
            waiting.facts |= dict.fromkeys(raised.facts)
            waiting.things |= dict.fromkeys(raised.things)
            waiting.texts |= dict.fromkeys(row.record.id for row in told)
            waiting.lines |= dict.fromkeys(lines)
            dropped = waiting.cut()
            if dropped and not self._full:
                _log.warning("the helpers of the memory lag behind: the oldest questions are dropped")
            self._full = bool(dropped)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="memory-helpers", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self, timeout_s: float) -> bool:
        """Whether everything that was offered is settled within ``timeout_s`` [s]."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy and not len(self._backlog), timeout_s)

    def close(self) -> None:
        """Drops what waits. A call that hangs is left behind; a commit is waited for ``CLOSE_S`` [s]."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            left = len(self._backlog) + self._busy
            self._backlog = _Backlog()
            for box in self._boxes:
                box.put(_CLOSED)
            self._changed.notify_all()
        self._bench.close()
        if self._thread is not None:
            self._thread.join(CLOSE_S)
        if left:
            _log.warning("the memory is closed: %d questions to its helpers are dropped", left)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._closed or len(self._backlog))
                if self._closed:
                    return
                batch, self._backlog, self._busy = self._backlog, _Backlog(), True
            facts, things = list(batch.facts), list(batch.things)
            for start in range(0, max(len(facts), len(things)), MOST_RAISED):
                end = start + MOST_RAISED
                raised = Raised(tuple(facts[start:end]), tuple(things[start:end]))
                self._guarded("resolver", lambda raised=raised: self._resolve(raised))  # type: ignore[misc]
            for key in batch.texts:
                self._guarded("updater", lambda key=key: self._revise(key))  # type: ignore[misc]
            for key in batch.lines:
                self._guarded("summarizer", lambda key=key: self._summarize(key))  # type: ignore[misc]

    def _guarded(self, role: str, work: Callable[[], None]) -> None:
        """Does ``work``; whatever goes wrong costs this one answer, and is logged."""
        if self._closed:
            return
        try:
            work()
        except MemoryClosedError:
            return
        except RoboMemoryError as error:
            _log.warning("what the %s of the memory says is not kept: %s", role, error)
        except Exception:
            _log.exception("what the %s of the memory says is not kept", role)

    def _resolve(self, raised: Raised) -> None:
        resolve = self._helpers.resolve
        assert resolve is not None
        name = name_of(resolve)
        for _ in range(2):
            local = self._bench.local_graph(raised)
            if local is None:
                return
            answer = self._ask("resolver", name, lambda local=local: whole(resolve(local)))  # type: ignore[misc]
            edits = [] if answer is None else changing(answer, local, name)
            if not edits or self._bench.swap(local, edits, name):
                return
        _log.warning("resolver %s: the graph changed under it twice; its answer is dropped", name)

    def _revise(self, key: int) -> None:
        update = self._helpers.update
        assert update is not None
        if (found := self._bench.candidate(key)) is None:
            return
        record, known = found
        name = name_of(update)
        revision = self._ask("updater", name, lambda: update(record, known))
        if revision is None:
            return
        allowed = {k.id for k in known}
        if not isinstance(revision, Revision) or not (
            revision.action is RevisionAction.ADD or revision.target in allowed
        ):
            _log.warning("updater %s answered %r, which is not on offer; the rule decides", name, revision)
            return
        self._bench.revise(key, revision, name)

    def _summarize(self, line: int) -> None:
        summarize = self._helpers.summarize
        assert summarize is not None
        if not (steps := self._bench.steps_in(line)):
            return
        name = name_of(summarize)
        text = self._ask("summarizer", name, lambda: summarize(steps))
        if isinstance(text, str) and text.strip():
            self._bench.rewrite(line, text, name)

    def _ask(self, role: str, name: str, call: Callable[[], T]) -> T | None:
        """What ``call`` returns; None if it fails, is late, or an earlier call of its ``role`` still hangs.

        Raises:
            MemoryClosedError: the memory was closed meanwhile.
        """
        hung = self._hung.get(role)
        if hung is not None and hung.is_alive():
            # It may be back at any moment, and a question more costs nothing: no write waits for it.
            hung.join(self._helpers.timeout_s if not self._closed else 0)
            if hung.is_alive():
                _log.warning("%s %s still hangs on an earlier question; the rule decides", role, name)
                return None
        box: queue.SimpleQueue[object] = queue.SimpleQueue()

        def run() -> None:
            try:
                box.put((call(),))
            except Exception as error:
                box.put(error)

        with self._changed:
            if self._closed:
                raise MemoryClosedError("the memory is closed")
            self._boxes.add(box)
        thread = threading.Thread(target=run, name=f"memory-{role}", daemon=True)
        self._hung[role] = thread
        started = time.monotonic()
        thread.start()
        try:
            answer = box.get(timeout=self._helpers.timeout_s)
        except queue.Empty:
            took = time.monotonic() - started
            _log.warning("%s %s did not answer within %.3g s; the rule decides", role, name, took)
            return None
        finally:
            with self._changed:
                self._boxes.discard(box)
        if answer is _CLOSED:
            raise MemoryClosedError("the memory is closed")
        if isinstance(answer, Exception):
            why = short(f"{type(answer).__name__}: {answer}", 300)
            _log.warning("%s %s failed; the rule decides: %s", role, name, why)
            return None
        assert isinstance(answer, tuple)
        return answer[0]
