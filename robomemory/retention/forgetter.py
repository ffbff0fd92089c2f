"""Forgetting while the robot goes on: in small transactions, between which whoever waits to write does.

What is chosen is worked off span by span of time, the oldest first, and in a span thing by thing: what is
left of a thing is folded anew once for many of its records. After each transaction the store is consistent,
and holds what it would hold if what is left were all that was ever told. A process that is killed in between
has forgotten a part; the same rule finds the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from time import perf_counter

from robomemory.memory_parts import MemoryParts
from robomemory.records import MemoryKind
from robomemory.store.backend import Backend
from robomemory.store.change_feed import Follower
from robomemory.store.forgetting import Consequences, ForgetChoice, Forgotten
from robomemory.store.locks import FairLock
from robomemory.update_protocol import Change

TURN_S = 0.05
"""One transaction should take about so long [s]."""

SPAN = 20_000
"""What is forgotten is worked off in spans of time of about so much evidence: what is of one time lies
together on the disk, and of one span a thing is folded anew once or twice."""

LINES = 40
"""Lines that are drawn anew in one transaction."""


class Doomed:
    """The records of a choice with the moments that they had, and how much rests on each; of a span of time
    those of one thing together, oldest first."""

    def __init__(self, store: Backend, gone: Forgotten) -> None:
        self.ids = gone.every
        found = store.weights(self.ids)
        self._moments = {key: each.moment for key, each in found.items()}
        self._kinds = {key: each.kind for key, each in found.items()}
        self._weights = {key: 1 + each.evidence for key, each in found.items()}
        spans, total = dict[int, int](), 0
        for key in sorted(found, key=lambda k: found[k].moment):
            spans[key], total = total // SPAN, total + self._weights[key]
        self._left = sorted(found, key=lambda k: (spans[k], found[k].thing, found[k].moment, k), reverse=True)

    def of(self, kind: MemoryKind) -> list[int]:
        return [key for key, mine in self._kinds.items() if mine is kind]

    def part(self, weight: float) -> list[int]:
        """The next keys, of about so much weight, one at least; empty once all were given."""
        found: list[int] = []
        while self._left and (not found or weight >= self._weights[self._left[-1]]):
            found.append(self._left.pop())
            weight -= self._weights[found[-1]]
        return found

    def standing(self, store: Backend, part: list[int], *, unmoved: bool) -> Forgotten:
        """Those of ``part`` that are still there; ``unmoved``: and that nobody has said again since."""
        ids: dict[MemoryKind, list[int]] = {}
        for key, (kind, moment) in store.moments(part).items():
            if not unmoved or moment == self._moments[key]:
                ids.setdefault(kind, []).append(key)
        return Forgotten(ids)


class Forgetter:
    """Forgets what a choice names, from ``store`` and the caches in ``parts``, in turns of ``writing``.

    Args:
        now: The time of recording [ns].
        check_open: Raises MemoryClosedError where the memory is closed.
    """

    def __init__(
        self,
        store: Backend,
        parts: MemoryParts,
        follower: Follower,
        writing: FairLock,
        now: Callable[[], int],
        check_open: Callable[[], None],
    ) -> None:
        self._store, self._parts, self._follower, self._writing = store, parts, follower, writing
        self._now, self._check_open = now, check_open

    def forget(self, choice: ForgetChoice) -> int:
        """Forgets the records that ``choice`` names and gives how many. Raises as ``RoboMemory.forget``."""
        with self._writing, self._store.turn():
            self._check_open()
            if choice.run is None and choice.before_ns is not None:
                choice = replace(choice, kinds=choice.kinds or None, run=self._store.run)
            chosen = self._store.chosen(choice)
        if not len(chosen):
            return 0
        doomed = Doomed(self._store, chosen)
        unmoved = choice.before_ns is not None or choice.keep is not None
        count, weight = 0, 200.0
        try:
            emptied = list(self._draw_lines(doomed))
            while part := doomed.part(weight):
                began = perf_counter()
                count += self._turn(doomed, part, unmoved=unmoved)
                spent = perf_counter() - began
                weight = min(max(weight * min(max(TURN_S / spent, 0.5), 2.0), 1.0), 5_000.0)
            if emptied:
                self._commit(Forgotten({MemoryKind.TEMPORAL: emptied}), Consequences(Change()))
        finally:
            self._clean(chosen)
        return count

    def _draw_lines(self, doomed: Doomed) -> Iterator[int]:
        """Draws the lines anew that what is forgotten went into, before it goes. Gives the lines of which
        nothing will be left."""
        gone = doomed.of(MemoryKind.TEMPORAL)
        if not gone:
            return
        drawing = self._parts.temporal.drawn_anew(gone, LINES)
        while True:
            with self._writing, self._store.turn():
                self._check_open()
                self._follower.follow()
                lines, emptied, more = drawing.step()
                if lines:
                    then = Consequences(Change(), lines)
                    self._store.forget(Forgotten({}), then, self._now())
                    self._follower.follow()
                    self._parts.temporal.load()
            yield from emptied
            if not more:
                return

    def _turn(self, doomed: Doomed, part: list[int], *, unmoved: bool) -> int:
        with self._writing, self._store.turn():
            self._check_open()
            self._follower.follow()
            gone = doomed.standing(self._store, part, unmoved=unmoved)
            if len(gone):
                steps = doomed.of(MemoryKind.TEMPORAL) if MemoryKind.TEMPORAL in gone.ids else ()
                now = self._now()
                then, graph = self._parts.without(gone, self._store.ids, now, steps)
                self._store.forget(gone, then, now)
                self._follower.follow()
                if not self._store.shared:
                    self._parts.drop(gone.ids, graph)
            return len(gone)

    def _commit(self, gone: Forgotten, then: Consequences) -> None:
        with self._writing, self._store.turn():
            self._store.forget(gone, then, self._now())
            self._follower.follow()
            self._parts.temporal.load()

    def _clean(self, chosen: Forgotten) -> None:
        """Takes what was forgotten out of what the store keeps besides its tables."""
        kinds = [kind for kind in (MemoryKind.EPISODIC, MemoryKind.SEMANTIC) if kind in chosen.ids]
        more = {kind: -64 for kind in kinds}
        while more:
            with self._writing:
                self._check_open()
                more = {kind: 64 for kind, pages in more.items() if self._store.merge_words(kind, pages)}
        with self._writing:
            self._check_open()
            self._store.scrub()
