"""The temporal memory: the last steps in order, the oldest drawn together into one line."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from robomemory.notes import Plain
from robomemory.records import MemoryKind, MemoryRecord, Recall
from robomemory.store.queries import StoreReader
from robomemory.update_protocol import LIVE, Asked, Change, RecordRow, Update, fits, weighed

COMPRESSED = "compressed"
"""The ``source`` of a line that stands for several steps."""

EARLIER = "Earlier: "
"""How the text of such a line begins, for people; its ``source`` tells it apart."""

OLD = 500  # most steps of a span of time that are looked at, the newest
OLD_NARROWED = 20_000  # the same where few of them may fit
_LINE = 400  # characters of a compressed line
_FADE = 0.9  # weight of a step against the one after it


class TemporalMemory:
    """At most ``capacity`` step summaries. When one more comes, the oldest half becomes one line in front
    (paper, temporal memory: a language model writes that line; here it is drawn from the texts, and a helper
    may write it anew later). The steps themselves stay in the store, replaced by that line."""

    def __init__(self, store: StoreReader, capacity: int = 12) -> None:
        self.capacity = capacity
        self._store = store
        self._lock = threading.Lock()
        self.load()

    def load(self) -> None:
        """Fills the buffer from the store."""
        steps = _ordered(self._store.live_rows(MemoryKind.TEMPORAL))
        with self._lock:
            self._steps = steps

    def plan(self, update: Update) -> Change:
        with self._lock:
            steps = list(self._steps)
        known = {row.record.id for row in steps}
        changed: dict[int, RecordRow] = {}
        for row in update.rows:
            changed[row.record.id] = row
            steps = _ordered([*steps, row])
            while len(steps) > self.capacity:
                old, steps = steps[: self.capacity // 2 + 1], steps[self.capacity // 2 + 1 :]
                line = _compress(old, update.ids.record())
                changed.update((o.record.id, replace(o, replaced_by=line.record.id)) for o in old)
                changed[line.record.id] = line
                steps = [line, *steps]
        # Changes come in the order of keys, so that a reopened store holds what this one holds.
        rows = [changed[key] for key in sorted(changed)]
        return Change(
            rows=tuple(row for row in rows if row.record.id not in known),
            updates=tuple(row for row in rows if row.record.id in known),
        )

    def without(
        self, ids: Collection[int], gone: Collection[int] = ()
    ) -> tuple[tuple[RecordRow, ...], tuple[int, ...]]:
        """(lines drawn anew, lines that nothing is left of) once the records ``ids``, and before long those
        of ``gone``, are forgotten."""
        lines, emptied, _ = LinesAnew(self._store, ids, gone).step()
        return lines, emptied

    def drawn_anew(self, ids: Collection[int], most: int) -> LinesAnew:
        """Draws the lines anew that the records ``ids`` went into, ``most`` at a step."""
        return LinesAnew(self._store, ids, ids, most)

    def apply(self, change: Change) -> None:
        new = {row.record.id: row for row in (*change.rows, *change.updates)}
        with self._lock:
            kept = [row for row in self._steps if row.record.id not in new]
            live = (replace(row, picture=None) for row in new.values() if row.replaced_by == LIVE)
            self._steps = _ordered([*kept, *live])  # pictures stay in the store

    def recall(self, asked: Asked) -> list[Recall]:
        """The steps, scored half by likeness to the query and half by how recent they are. A query for a
        span of time reaches steps that were compressed since, too."""
        with self._lock:
            steps = list(self._steps)
        if (span := asked.query.span) is not None:
            most = OLD_NARROWED if asked.query.filtered or asked.query.region is not None else OLD
            old = self._store.rows_between(MemoryKind.TEMPORAL, *span, most)
            steps = [row for row in old if row.record.source != COMPRESSED]
        found = []
        for age, row in enumerate(reversed(steps)):
            if fits(asked.query, row.record):
                assert row.vector is not None
                likeness = weighed(float(row.vector @ asked.vector), row.record.confidence)
                score = 0.5 * likeness + 0.5 * _FADE**age if asked.query.text else 1.0
                found.append(Recall(row.record, score))
        found.sort(key=lambda r: -r.score)
        return found[: asked.k]

    def steps(self) -> tuple[MemoryRecord, ...]:
        """What the buffer holds, oldest first."""
        with self._lock:
            return tuple(row.record for row in self._steps)


class LinesAnew:
    """Draws the lines that the records ``ids`` went into without those of ``gone``, ``most`` at a step (None:
    all at once). What a step gives is committed before the next one."""

    def __init__(
        self, store: StoreReader, ids: Collection[int], gone: Collection[int], most: int | None = None
    ) -> None:
        self._store, self._most = store, most
        self._gone = {*ids, *gone}
        self._drawn: set[int] = set()
        self._hit = store.lines_of(ids) - self._gone

    def step(self) -> tuple[tuple[RecordRow, ...], tuple[int, ...], bool]:
        """(lines drawn anew, lines that nothing will be left of, whether there are more)."""
        now, emptied = dict[int, RecordRow](), list[int]()
        while self._hit and (self._most is None or len(now) + len(emptied) < self._most):
            key = min(self._hit)  # a line is younger than what it was drawn from
            self._hit.remove(key)
            found = self._store.drawn_into(key)
            rows = [now.get(row.record.id, row) for row in found if row.record.id not in self._gone]
            line = self._store.row(MemoryKind.TEMPORAL, key)
            if line is None:
                continue
            if rows:
                new = _compress(_ordered(rows), key)
                self._drawn.add(key)
                if _same(line, new):
                    continue
                now[key] = new
            else:
                self._gone.add(key)
                emptied.append(key)
            self._hit |= self._store.lines_of([key]) - self._gone - self._drawn
        return tuple(now.values()), tuple(emptied), bool(self._hit)


def _same(one: RecordRow, other: RecordRow) -> bool:
    a, b = one.record, other.record
    alike = (a.text, a.moment, a.confidence) == (b.text, b.moment, b.confidence)
    return alike and one.vector is not None and other.vector is not None and bool(
        np.allclose(one.vector, other.vector, atol=1e-6)
    )  # fmt: skip


def _ordered(rows: list[RecordRow]) -> list[RecordRow]:
    """Compressed lines first, then by run and stamp, then as they came."""
    return sorted(rows, key=lambda r: (r.record.source != COMPRESSED, r.record.moment, r.record.id))


def rewritten(line: RecordRow, key: int, text: str, metadata: Mapping[str, Plain]) -> RecordRow:
    """A row of the key ``key`` that says ``text`` in place of the compressed ``line``.

    Raises:
        InvalidNoteError: no store can keep the text.
    """
    said = f"{EARLIER}{' '.join(text.replace(chr(0), ' ').split())}"[:_LINE]
    return replace(line, record=replace(line.record, id=key, text=said, metadata=metadata), replaced_by=LIVE)


def _compress(rows: Sequence[RecordRow], key: int) -> RecordRow:
    """One row for ``rows``, with the ``key``; its vector is the mean of theirs, its stamp the last one's."""
    parts: list[str] = []
    for row in rows:
        text = row.record.text.strip().rstrip(".")
        if row.record.source == COMPRESSED:
            text = text.removeprefix(EARLIER)
        if not parts or parts[-1] != text:
            parts.append(text)
    text = "; ".join(parts)
    if len(text) > _LINE:  # the start says what the task was, the end what came of it
        text = f"{text[: _LINE // 2].rstrip()} … {text[-_LINE // 2 :].lstrip()}"
    vectors = np.stack([row.vector for row in rows if row.vector is not None])
    mean = vectors.mean(axis=0)
    norm = float(np.linalg.norm(mean))
    vector = vectors[-1] if norm < 1e-6 else (mean / norm).astype(np.float32)
    last = max(row.record.moment for row in rows)
    record = MemoryRecord(
        id=key,
        kind=MemoryKind.TEMPORAL,
        stamp_ns=last.ns,
        run=last.run,
        text=f"{EARLIER}{text}",
        confidence=min(row.record.confidence for row in rows),
        source=COMPRESSED,
    )
    return RecordRow(record, vector)
