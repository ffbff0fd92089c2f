"""What amends a memory besides new notes: retraction, absence, corrections, and who is who."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from robomemory.errors import InvalidQueryError
from robomemory.graph.note_rules import EMPTY_RELATION
from robomemory.graph.questions import SceneQuestions
from robomemory.graph.scene import Entity, Whereabouts
from robomemory.memory_parts import MemoryParts
from robomemory.notes import Note, NoteLike, Plain, metadata_from
from robomemory.records import Confirmation, MemoryKind, MemoryRecord, Position, ball
from robomemory.store.backend import Backend
from robomemory.store.change_feed import Follower
from robomemory.store.forgetting import keys_of
from robomemory.store.locks import FairLock
from robomemory.store.notes_told import told_notes
from robomemory.store.tellings import Telling
from robomemory.timestamps import Moment
from robomemory.update_protocol import Change, RecordRow


class Amending:
    """The half of ``RoboMemory`` that amends; the other half keeps ``_store`` and its caches."""

    _store: Backend
    _parts: MemoryParts
    _follower: Follower
    _questions: SceneQuestions
    _writing: FairLock

    def remember(self, notes: Sequence[NoteLike]) -> list[int]:
        raise NotImplementedError

    def _check_open(self) -> None:
        raise NotImplementedError

    def _up_to_date(self) -> None:
        raise NotImplementedError

    def _now(self) -> int:
        raise NotImplementedError

    def merge(self, name: str, other: str, *, stamp_ns: int = 0, run: int | None = None) -> None:
        """``name`` and ``other`` are the same thing from now on; what is known of both is kept under the
        name known longer, and both names find it. Remembered as a fact "``name`` same as ``other``" at
        ``stamp_ns`` of ``run`` (0: when one of them was seen last).

        Raises:
            InvalidQueryError: one of the names is empty, or means nothing that is known; or a bad time.
        """
        self.remember([self._questions.same_thing(name, other, stamp_ns, run)])

    def retract(self, record_id: int) -> None:
        """The record ``record_id``, and every note that only said it again, was never true: what was believed
        without it holds again. It stays in the store, and ``scene(known_ns=...)`` still shows the error. That
        something is no longer so is another thing: remember a note that says it.

        Raises:
            InvalidQueryError: no record that stands has this key. StoreError: the disk failed.
        """
        (key,) = keys_of("retract: id", (record_id,))
        self._check_open()
        with self._writing, self._store.turn():
            self._check_open()
            self._follower.follow()
            if (record := self._store.by_id([key]).get(key)) is None:
                raise InvalidQueryError(f"retract: no record that stands has the key {key}")
            now = self._now()
            change = self._parts.retraction(record, self._store.ids, now)
            self._follower.commit({record.kind: change}, now, lambda: self._parts.retracted(record, change))

    def not_seen(
        self, region: tuple[Position, float], stamp_ns: int, *, confidence: float = 1.0, source: str = "",
        run: int = 0,
    ) -> None:  # fmt: skip
        """The ball ``region`` ((x, y, z), radius) [m] was in view at ``stamp_ns`` [ns], and what was not seen
        in it is not there: its place is unknown from then on. What is remembered as seen there at that stamp
        stays.

        Raises:
            InvalidQueryError: a bad region. InvalidNoteError: a bad stamp, confidence, source or run.
        """
        center, radius = ball("not_seen: region", region)
        text = f"nothing else was seen within {radius:g} m of ({', '.join(f'{v:g}' for v in center)})"
        triple = ("the view", EMPTY_RELATION, f"{radius!r} m")
        self.remember([Note("spatial", text, stamp_ns, (), center, triple, confidence, source, run)])

    def notes(self) -> tuple[MemoryRecord, ...]:
        """Everything that was told and still counts, one record a note, in the order it came; those that only
        said again what a record says are among them."""
        self._up_to_date()
        with self._store.snapshot():
            return told_notes(self._store)

    def record(self, record_id: int) -> MemoryRecord | None:
        """The record of the key ``record_id``; None if none of that key stands. Raises as :meth:`notes`."""
        self._check_open()
        return self._store.by_id([record_id]).get(record_id)

    def confirmations(self, record_ids: Collection[int]) -> dict[int, Confirmation]:
        """{key: how the record is known} of those ``record_ids`` that stand: how many notes said it, since
        when, and by whom. Raises as :meth:`notes`.

        Raises:
            InvalidQueryError: ``record_ids`` are no keys of records.
        """
        self._check_open()
        if not record_ids:
            return {}
        keys = sorted(keys_of("confirmations: record_ids", record_ids))
        self._up_to_date()
        with self._store.snapshot():
            return self._parts.spatial.known.of(self._store.by_id(keys).values())

    def standing(self, kinds: Collection[MemoryKind]) -> list[MemoryRecord]:
        """The records of ``kinds`` that stand, in the order they came. Raises as :meth:`notes`."""
        self._check_open()
        return [record for record in self._store.records_standing() if record.kind in kinds]

    def told_of(self, thing: Entity) -> tuple[Moment, Whereabouts, list[Telling], list[int]]:
        """The newest moment known of, where ``thing`` is, who told of it, and the records behind that, the
        newest first. Raises as :meth:`notes`."""
        self._up_to_date()
        spatial = self._parts.spatial
        with self._store.snapshot():
            told, records = self._store.tellings(thing.id), self._store.records_telling(thing.id)
        return spatial.newest, spatial.whereabouts(thing), told, records

    def tellings(self, thing: Entity, others: Collection[Entity]) -> list[Telling]:
        """Who related ``thing`` to one of ``others``. Raises as :meth:`notes`."""
        self._up_to_date()
        return self._store.tellings(thing.id, [other.id for other in others])

    def last_said(self, thing: Entity, relations: Collection[str]) -> Moment | None:
        """When one of ``relations`` was last said of ``thing``; None if never. Raises as :meth:`notes`."""
        self._up_to_date()
        return self._store.last_said(thing.id, relations)

    def annotate(self, record_id: int, metadata: Mapping[str, Plain]) -> None:
        """The metadata of the record ``record_id`` is ``metadata`` from now on.

        Raises:
            InvalidQueryError: no record that stands has this key. InvalidNoteError: this is no metadata.
        """
        said = metadata_from("annotate: metadata", metadata)
        (key,) = keys_of("annotate: id", (record_id,))
        self._check_open()
        with self._writing, self._store.turn():
            self._check_open()
            self._follower.follow()
            if (record := self._store.by_id([key]).get(key)) is None:
                raise InvalidQueryError(f"annotate: no record that stands has the key {key}")
            row = RecordRow(replace(record, metadata=said), None)
            change = Change(updates=(row,))
            self._follower.commit({record.kind: change}, self._now(), lambda: None)
