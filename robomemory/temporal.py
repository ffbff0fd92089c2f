"""The temporal memory: the last steps in order, the oldest drawn together into one line."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from robomemory.embedding import F32
from robomemory.parts import Asked, Change, Ids, Row, fits, weighed
from robomemory.records import MemoryKind, MemoryRecord, Recall

COMPRESSED = "compressed"
"""The ``source`` of a line that stands for several steps."""

_LINE = 400  # characters of a compressed line
_FADE = 0.9  # weight of a step against the one after it


class TemporalMemory:
    """At most ``capacity`` step summaries. When one more comes, the oldest half becomes one line in front
    (paper, temporal memory: a language model writes that line; here it is drawn from the texts). The steps
    themselves stay in the store, retired."""

    def __init__(self, capacity: int = 12) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self._steps: list[Row] = []

    def plan(self, rows: Sequence[Row], vectors: Mapping[str, F32], ids: Ids) -> Change:
        with self._lock:
            steps = list(self._steps)
        changed: dict[int, Row] = {}
        for row in rows:
            changed[row.record.id] = row
            steps = _ordered([*steps, row])
            while len(steps) > self.capacity:
                old, steps = steps[: self.capacity // 2 + 1], steps[self.capacity // 2 + 1 :]
                changed.update((o.record.id, replace(o, retired=True)) for o in old)
                line = _compress(old, ids)
                changed[line.record.id] = line
                steps = [line, *steps]
        # Changes come in the order of keys, so that a reopened store holds what this one holds.
        return Change(rows=tuple(changed[key] for key in sorted(changed)))

    def apply(self, change: Change) -> None:
        new = {row.record.id: row for row in change.rows}
        with self._lock:
            kept = [row for row in self._steps if row.record.id not in new]
            self._steps = _ordered(kept + [row for row in new.values() if not row.retired])

    def recall(self, asked: Asked) -> list[Recall]:
        """The steps, scored half by likeness to the query and half by how recent they are."""
        with self._lock:
            steps = list(self._steps)
        found = []
        for age, row in enumerate(reversed(steps)):
            if fits(asked.query, row.record):
                likeness = weighed(float(row.vector @ asked.vector), row.record.confidence)
                found.append(Recall(row.record, 0.5 * likeness + 0.5 * _FADE**age))
        found.sort(key=lambda r: -r.score)
        return found[: asked.k]

    def steps(self) -> tuple[MemoryRecord, ...]:
        """What the buffer holds, oldest first."""
        with self._lock:
            return tuple(row.record for row in self._steps)


def _ordered(rows: list[Row]) -> list[Row]:
    """Compressed lines first, then by stamp, then as they came."""
    return sorted(rows, key=lambda r: (r.record.source != COMPRESSED, r.record.stamp_ns, r.record.id))


def _compress(rows: Sequence[Row], ids: Ids) -> Row:
    """One row for ``rows``; its vector is the mean of theirs, its stamp the last one's."""
    parts: list[str] = []
    for row in rows:
        text = row.record.text.strip().rstrip(".")
        if row.record.source == COMPRESSED:
            text = text.removeprefix("Earlier: ")
        if not parts or parts[-1] != text:
            parts.append(text)
    text = "; ".join(parts)
    if len(text) > _LINE:  # the start says what the task was, the end what came of it
        text = f"{text[: _LINE // 2].rstrip()} … {text[-_LINE // 2 :].lstrip()}"
    mean = sum((row.vector for row in rows[1:]), start=rows[0].vector)
    norm = float((mean @ mean) ** 0.5)
    vector = rows[-1].vector if norm < 1e-6 else (mean / norm).astype(rows[0].vector.dtype)
    record = MemoryRecord(
        id=ids.record(),
        kind=MemoryKind.TEMPORAL,
        stamp_ns=max(row.record.stamp_ns for row in rows),
        text=f"Earlier: {text}",
        confidence=min(row.record.confidence for row in rows),
        source=COMPRESSED,
    )
    return Row(record, vector)
