"""What amends a memory besides new notes: retraction, absence, corrections, and who is who."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from robomemory import checks
from robomemory.embed.embedder import CachedEmbedder
from robomemory.errors import InvalidNoteError, InvalidQueryError
from robomemory.front.camera import view_note
from robomemory.front.frames import Frames
from robomemory.front.noting import rows_of
from robomemory.graph.entity_merging import names_in
from robomemory.graph.questions import SceneQuestions
from robomemory.graph.scene import Entity, Whereabouts
from robomemory.memory_parts import MemoryParts
from robomemory.notes import NoteLike, Picture, Plain, metadata_from
from robomemory.places.regions import Ball, Box, Corners
from robomemory.places.regions import region as region_from
from robomemory.records import Confirmation, MemoryKind, MemoryRecord, check_runs
from robomemory.store.backend import Backend
from robomemory.store.change_feed import Follower
from robomemory.store.forgetting import keys_of
from robomemory.store.locks import FairLock
from robomemory.store.notes_told import told_notes
from robomemory.store.past.tellings import Telling
from robomemory.timestamps import Moment
from robomemory.update_protocol import Change, RecordRow, Update, stands_for


class Amending(ABC):
    """The half of ``RoboMemory`` that amends; the other half keeps ``_store`` and its caches."""

    _store: Backend
    _parts: MemoryParts
    _follower: Follower
    _questions: SceneQuestions
    _writing: FairLock
    _embedder: CachedEmbedder
    frames: Frames

    @abstractmethod
    def remember(self, notes: Sequence[NoteLike]) -> list[int]: ...

    @abstractmethod
    def _check_open(self) -> None: ...

    @abstractmethod
    def _up_to_date(self) -> None: ...

    @abstractmethod
    def _now(self) -> int: ...

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

    def correct(self, record_id: int, record: MemoryRecord, picture: Picture | None = None) -> int:
        """The record ``record_id`` was never true, as after :meth:`retract`, and ``record`` (of the same
        kind), which shows ``picture``, takes its place: both or neither. Gives the key of what stands for it.

        Raises:
            InvalidQueryError: no record that stands has this key. StoreError: the disk failed.
        """
        (key,) = keys_of("correct: id", (record_id,))
        self._check_open()
        self._store.check_writable()
        names = names_in(record) if record.kind is MemoryKind.SPATIAL else [record.text]
        vectors = dict(zip(names, self._embedder.embed(names), strict=True))
        with self._writing, self._store.turn():
            self._check_open()
            self._follower.follow()
            if (old := self._store.by_id([key]).get(key)) is None:
                raise InvalidQueryError(f"correct: no record that stands has the key {key}")
            check_runs([record], self._store.run)
            now = self._now()
            (row,) = rows_of([record], vectors, [picture], self._store)
            update = Update([row], vectors, self._store.ids, now)
            change = self._parts.correction(old, update)
            self._follower.commit({old.kind: change}, now, lambda: self._parts.retracted(old, change))
        return stands_for(row.record.id, change)

    def not_seen(
        self, region: Ball | Corners | Box, stamp_ns: int, *, confidence: float = 1.0, source: str = "",
        run: int = 0, frame: str = "",
    ) -> int:  # fmt: skip
        """``region``, a ball ((x, y, z), radius) or a box (low corner, high corner) [m] in ``frame`` (empty:
        the memory's own), was in view at ``stamp_ns`` [ns], and what was not seen in it is not there: its
        place is unknown from then on. What is remembered as seen there at that stamp stays. Gives the key of
        the record that says so.

        Raises:
            InvalidQueryError: a bad region, or an unknown frame. InvalidNoteError: a bad stamp, confidence,
                source or run.
        """
        stamp_ns = checks.stamp("not_seen: stamp_ns", stamp_ns, InvalidNoteError)
        view = region_from("not_seen: region", region, self.frames.pose("not_seen: frame", frame, stamp_ns))
        (key,) = self.remember([view_note(view, stamp_ns, confidence, source, run)])
        return key

    def newest(self) -> Moment:
        """The newest moment that anything of the scene is known of. Raises as :meth:`notes`."""
        self._up_to_date()
        return self._parts.spatial.newest

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
