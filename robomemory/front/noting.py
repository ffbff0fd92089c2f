"""Notes on their way into a memory: how one is made, and the rows and updates that become of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from robomemory.embed.embedder import F32
from robomemory.notes import Failure, Note, NoteLike, Picture, Plain, StepDone, failures_from, step_from
from robomemory.records import MemoryKind, MemoryRecord, Position, Triple
from robomemory.store.backend import Backend
from robomemory.update_protocol import RecordRow, Update


class Noting:
    """What makes notes: a part of ``RoboMemory``, and of whatever stands for one."""

    def note(
        self,
        kind: str,
        text: str,
        stamp_ns: int,
        *,
        entities: tuple[str, ...] = (),
        position: Position | None = None,
        triple: Triple | None = None,
        confidence: float = 1.0,
        source: str = "",
        run: int = 0,
        step: StepDone | tuple[str, ...] | None = None,
        failures: Sequence[Failure | tuple[str, str, str, str]] = (),
        metadata: Mapping[str, Plain] | None = None,
        frame: str = "",
        picture: Picture | None = None,
    ) -> Note:
        """A :class:`Note`, for callers that know this memory only by its protocol. ``step``: (verb, thing,
        relation, place, state) of a step that was tried, and its cause, if one is known; ``failures``: (act,
        about, condition, cause) of each.

        Raises:
            InvalidNoteError: ``step`` or ``failures`` are none; the rest is checked by :meth:`remember`.
        """
        done, failed = step_from("Note.step", step), failures_from("Note.failures", failures)
        more = {} if metadata is None else metadata
        return Note(
            kind, text, stamp_ns, entities, position, triple, confidence, source, run, done, failed, more,
            frame, picture,
        )  # fmt: skip


def listed(notes: Sequence[NoteLike]) -> Sequence[NoteLike]:
    """``notes`` so that they can be gone through twice, if they can be gone through at all."""
    return list(notes) if isinstance(notes, Iterable) and not isinstance(notes, str | bytes) else notes


def rows_of(
    records: Sequence[MemoryRecord],
    vectors: Mapping[str, F32],
    pictures: Sequence[Picture | None],
    store: Backend,
) -> list[RecordRow]:
    """``records`` with the next keys of ``store``, the run that it is in where they are of none, the
    ``vectors`` {text: unit vector} and the ``pictures`` that they show."""
    run, key = store.run, store.ids.record
    told = (replace(r, id=key(), run=run if r.run is None else r.run) for r in records)
    shown = zip(told, pictures, strict=True)
    return [RecordRow(r, vectors.get(r.text), picture=picture) for r, picture in shown]


def updates_of(
    rows: Sequence[RecordRow], vectors: Mapping[str, F32], store: Backend, now_ns: int
) -> dict[MemoryKind, Update]:
    """``rows``, each in the update of its memory, recorded at ``now_ns`` [ns, the computer's clock]."""
    of_kind: dict[MemoryKind, list[RecordRow]] = {}
    for row in rows:
        of_kind.setdefault(row.record.kind, []).append(row)
    return {kind: Update(mine, vectors, store.ids, now_ns) for kind, mine in of_kind.items()}
