"""Applies the rules of retention while the robot goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

from robomemory.errors import MemoryClosedError, RoboMemoryError
from robomemory.records import MemoryKind
from robomemory.retention.forgetter import Forgetter
from robomemory.retention.rules import NAME, RetentionRule, read_rules, written
from robomemory.store.backend import Backend
from robomemory.store.forgetting import ForgetChoice

EVERY_S = 60.0
"""Ages are looked at so often [s]."""

LOOK_S = 2.0
"""Counts are looked at so often [s], if anything was written."""

SLACK = 0.01
"""So much more than a rule keeps may be there before the rest is forgotten."""

_log = logging.getLogger(__name__)


class RetentionKeeper:
    """Forgets by the rules of ``store``, on a thread of its own, through ``forgetter``.

    The age of a record is the newest stamp of the current run less its own. A record of an earlier run goes
    once the current run has lasted as long as its rule says, because a clock that begins anew does not tell
    how long the robot was off.
    """

    def __init__(self, store: Backend, forgetter: Forgetter) -> None:
        self._store, self._forgetter = store, forgetter
        self._rules = read_rules(store.about(NAME))
        self._lock = threading.Lock()
        self._wake, self._stopped, self._idle = threading.Event(), threading.Event(), threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None
        self._start()

    @property
    def rules(self) -> dict[str, str | int]:
        """{kind: what it keeps}."""
        return {str(kind): rule.said for kind, rule in sorted(self._rules.items())}

    def change(self, given: Mapping[MemoryKind, RetentionRule | None]) -> None:
        """Sets rules, lifts those that are None, and keeps all in the store. Within a turn to write."""
        rules = {kind: rule for kind, rule in {**self._rules, **given}.items() if rule is not None}
        self._store.set_about(NAME, written(rules))
        self._rules = rules
        self._idle.clear()
        self._wake.set()
        self._start()

    def settle(self, timeout_s: float) -> bool:
        """Whether the rules were applied since they were changed within ``timeout_s`` [s]."""
        return self._idle.wait(timeout_s)

    def close(self) -> None:
        """Ends the thread. A transaction that it is in is waited for."""
        self._stopped.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(10.0)

    def _start(self) -> None:
        if not self._rules:
            self._idle.set()
        elif self._thread is None:
            self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        seq, due = -1, 0.0
        while not self._stopped.is_set():
            asked = self._wake.is_set()
            self._wake.clear()
            try:
                now = time.monotonic()
                if asked or self._store.seq != seq:
                    seq = self._store.seq
                    self._apply(ages=asked or now >= due)
                    due = now + EVERY_S if asked or now >= due else due
            except MemoryClosedError:
                return
            except RoboMemoryError as error:
                _log.warning("%s: could not forget by rule: %s", self._store.path, error)
            if not self._wake.is_set():
                self._idle.set()
            self._wake.wait(LOOK_S)

    def _apply(self, *, ages: bool) -> None:
        for kind, rule in list(self._rules.items()):
            if self._stopped.is_set():
                return
            if rule.keep is not None and self._store.stored(kind) > rule.keep * (1 + SLACK):
                self._forgetter.forget(ForgetChoice({str(kind)}, keep=rule.keep))
            if rule.age_ns is not None and ages:
                run = self._store.run
                newest, start = self._store.newest_stamp(run), self._store.run_start(run) or 0
                if newest is not None and newest - rule.age_ns > start:
                    choice = ForgetChoice({str(kind)}, before_ns=newest - rule.age_ns, run=run)
                    self._forgetter.forget(choice)
