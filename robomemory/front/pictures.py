"""Pictures of a memory: kept with their notes, asked for by likeness, and the exemplars of taught things."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from robomemory import checks
from robomemory.embed.embedder import F32, check_vectors
from robomemory.embed.pictures import (
    MAX_PIXELS,
    Image,
    PictureEmbedder,
    check_encoder,
    check_image,
    decode,
    embedded,
    encode,
)
from robomemory.errors import EmbeddingError, InvalidNoteError, InvalidQueryError, RoboMemoryError
from robomemory.memory_parts import MemoryParts
from robomemory.names import name_key, thing_name
from robomemory.notes import Note, NoteLike, Picture, Plain
from robomemory.pictures.index import PictureIndex
from robomemory.records import (
    EXEMPLAR,
    MemoryKind,
    MemoryRecord,
    Query,
    Recall,
    check_k,
    check_kinds,
)
from robomemory.store.backend import Backend
from robomemory.store.forgetting import keys_of
from robomemory.store.notes_told import PicturedRecord
from robomemory.update_protocol import fits

T = TypeVar("T")

AnyPicture = bytes | Picture | Image
"""A picture as it may be given: the bytes of a PNG or JPEG file, a :class:`Picture`, or an array u8
(H, W, 3), RGB."""


class Compared(tuple[T, ...]):
    """An answer by picture, best first. ``not_comparable``: how many pictures could not be compared with what
    was asked, because they have no vector, or one of another encoder."""

    not_comparable: int

    def __new__(cls, items: Iterable[T] = (), not_comparable: int = 0) -> Compared[T]:
        answer = super().__new__(cls, items)
        answer.not_comparable = not_comparable
        return answer


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A picture of a thing that was taught, and the key of its record."""

    record_id: int
    picture: Picture


@dataclass(frozen=True, slots=True)
class Recognition:
    """A thing that a picture may show: the ``name`` that it was taught as; ``score`` [0, 1], the mean cosine
    of the exemplars ``record_ids``, the most like first; ``margin``: how far the score is above that of the
    best other name (below it: negative; None: there is no other)."""

    name: str
    score: float
    margin: float | None
    record_ids: tuple[int, ...]


class PictureAnswers(ABC):
    """The part of ``RoboMemory`` that keeps and compares pictures, with the ``_encoder`` for those that come
    without a vector (None: they are kept without one)."""

    _store: Backend
    _parts: MemoryParts
    _encoder: PictureEmbedder | None

    @abstractmethod
    def remember(self, notes: Sequence[NoteLike]) -> list[int]: ...

    @abstractmethod
    def clock_ns(self) -> int: ...

    @abstractmethod
    def _check_open(self) -> None: ...

    @abstractmethod
    def _up_to_date(self) -> None: ...

    @abstractmethod
    def _placed(self, query: Query) -> Query: ...

    def _encode_with(self, encoder: PictureEmbedder | None) -> None:
        if encoder is not None:
            check_encoder("RoboMemory.pictures", encoder)
        self._encoder = encoder
        self._indices: dict[tuple[str, int], PictureIndex] = {}
        self._indices_lock = threading.Lock()

    def picture(self, record_id: int) -> Picture | None:
        """The picture of the record ``record_id``, also of one that was retracted or replaced; None if it has
        none.

        Raises:
            InvalidQueryError: ``record_id`` is no key. StoreError: the disk is gone. MemoryClosedError.
        """
        (key,) = keys_of("picture: record_id", (record_id,))
        self._check_open()
        return self._store.picture(key)

    def alike(
        self,
        picture: AnyPicture,
        *,
        name: str | None = None,
        kinds: Collection[str] | None = None,
        k: int = 10,
        min_score: float = 0.0,
        within: Query | None = None,
    ) -> Compared[Recall]:
        """The ``k`` records that stand whose pictures look most like ``picture``, best first: of ``kinds``,
        with a thing called ``name`` in them, and with the place, time and other values that ``within`` asks
        for, whose text has no say here. The score is the cosine, 0 at least; what scores less than
        ``min_score`` is not found. All pictures with a vector of the same encoder are compared.

        Raises:
            InvalidQueryError: no picture, no encoder for it, or a condition out of range. EmbeddingError: the
                encoder failed. MissingDependencyError: Pillow is not installed. MemoryClosedError.
        """
        k = check_k("find: k", k)
        asked = check_kinds("find: kinds", kinds)
        self._up_to_date()
        placed = None if within is None else self._placed(within)
        names = None if name is None else self._names_of(name)
        encoder, vector = self._vector_of("find: picture", picture)
        index = self._index(encoder, len(vector))
        found: list[Recall] = []
        with self._store.snapshot():
            for part in index.nearest(vector, kinds=asked, names=names):
                part = [each for each in part if max(0.0, each.cosine) >= min_score]
                records = self._store.by_id([each.id for each in part])
                self._drop_gone(index, [each.id for each in part if each.id not in records])
                for each in part:
                    record = records.get(each.id)
                    if record is not None and (placed is None or fits(placed, record)):
                        found.append(Recall(record, min(1.0, max(0.0, each.cosine)), len(found)))
                if len(found) >= k or not part:
                    break
            return Compared(found[:k], self._store.pictures_beside(encoder))

    def exemplars(self, name: str | None = None) -> dict[str, tuple[Exemplar, ...]]:
        """{name: pictures that it was taught by, as they came} of all things, or of ``name`` alone.

        Raises:
            InvalidQueryError: ``name`` is empty. StoreError: the disk is gone. MemoryClosedError.
        """
        wanted = None if name is None else name_key(thing_name(Query(name).text))
        self._check_open()
        found: dict[str, list[Exemplar]] = {}
        with self._store.snapshot():
            for key, said in self._store.exemplars():
                label = thing_name(said)
                if wanted is None or name_key(label) == wanted:
                    picture = self._store.picture(key)
                    if picture is not None:
                        found.setdefault(label, []).append(Exemplar(key, picture))
        return {label: tuple(each) for label, each in found.items()}

    def know(self, picture: AnyPicture, k: int = 3) -> Compared[Recognition]:
        """Which of the taught things ``picture`` shows: every name, the best first, scored by the mean cosine
        of its ``k`` most similar exemplars, or of all if there are fewer. Raises as :meth:`alike`."""
        k = check_k("know: k", k)
        self._up_to_date()
        encoder, vector = self._vector_of("know: picture", picture)
        index = self._index(encoder, len(vector))
        ranked: list[tuple[float, str, tuple[int, ...]]] = []
        with self._store.snapshot():
            taught = index.taught(vector)
            keys = [each.id for every in taught.values() for each in every]
            standing = self._store.standing(keys)
            self._drop_gone(index, [key for key in keys if key not in standing])
            for name, every in taught.items():
                best = [each for each in every if each.id in standing][:k]
                if best:
                    score = min(1.0, max(0.0, float(np.mean([each.cosine for each in best]))))
                    ranked.append((score, name, tuple(each.id for each in best)))
            beside = self._store.pictures_beside(encoder, exemplars=True)
        ranked.sort(key=lambda r: (-r[0], r[1]))
        scores = [score for score, *_ in ranked]
        known = []
        for i, (score, name, ids) in enumerate(ranked):
            others = scores[1:2] if i == 0 else scores[:1]
            known.append(Recognition(name, score, score - others[0] if others else None, ids))
        return Compared(known, beside)

    def teach(
        self,
        name: str,
        pictures: Sequence[AnyPicture],
        *,
        source: str = "",
        stamp_ns: int | None = None,
        run: int = 0,
        metadata: Mapping[str, Plain] | None = None,
    ) -> list[int]:
        """``pictures`` show a thing called ``name``: each becomes a semantic record with the triple
        (``name``, "looks like", "this picture"), all or none. Gives their keys. ``stamp_ns`` [ns]: of the
        robot's clock (None: of the computer's). To take one back, retract its record.

        Raises:
            InvalidNoteError: no picture, one that can't be decoded, one without a vector where the memory has
                no encoder, or a bad name. EmbeddingError: the encoder failed. StoreError. MemoryClosedError.
        """
        err = InvalidNoteError
        checks.text("teach: name", name, err)
        if isinstance(pictures, bytes | Picture | np.ndarray) or not isinstance(pictures, Iterable):
            raise err(f"teach: pictures {type(pictures).__name__}, expected a sequence of pictures")
        given = [picture_from(f"teach: pictures[{i}]", each, err) for i, each in enumerate(pictures)]
        if not given:
            raise err("teach: pictures is empty, expected one at least")
        bare = next((i for i, each in enumerate(given) if each.vector is None), None)
        if bare is not None and self._encoder is None:
            raise err(f"teach: pictures[{bare}] has no vector, and {_NO_ENCODER}")
        text = f"{name[:_LONGEST_NAME]} looks like this"
        more = {} if metadata is None else metadata
        at = self.clock_ns() if stamp_ns is None else stamp_ns
        return self.remember(
            [
                Note("semantic", text, at, (name,), None, (name, *EXEMPLAR), source=source, run=run,
                     metadata=more, picture=each)
                for each in given
            ]
        )  # fmt: skip

    def _pictured(self, notes: Iterable[NoteLike]) -> list[Picture | None]:
        """What each of ``notes`` shows, checked, with a vector where the memory has an encoder."""
        found: list[Picture | None] = []
        waiting: list[tuple[int, Picture, Image]] = []
        for i, note in enumerate(notes):
            picture = getattr(note, "picture", None)
            found.append(picture)
            if picture is None:
                continue
            where = f"notes[{i}].picture"
            if not isinstance(picture, Picture):
                raise InvalidNoteError(f"{where}: {checks.shown(picture)}, expected a Picture")
            if note.kind == MemoryKind.SEMANTIC and note.confidence == 0:
                raise InvalidNoteError(
                    f"{where}: a semantic note of confidence 0 takes back what was said and is no record, so"
                    " it can hold no picture"
                )
            image = decode(where, picture.data, InvalidNoteError)
            if picture.vector is not None:
                found[i] = self._with_unit(where, picture)
            elif self._encoder is not None:
                waiting.append((i, picture, image))
            if sum(each.size for *_, each in waiting) > MAX_PIXELS:  # else a call could fill the memory
                self._encode(waiting, found)
        self._encode(waiting, found)
        return found

    def _encode(self, waiting: list[tuple[int, Picture, Image]], found: list[Picture | None]) -> None:
        """Gives the pictures ``waiting`` (place, picture, image) their vectors, in ``found``."""
        if waiting and self._encoder is not None:
            rows = embedded(self._encoder, [image for *_, image in waiting])
            for (i, picture, _), row in zip(waiting, rows, strict=True):
                vector = tuple(map(float, row))
                found[i] = replace(picture, vector=vector, encoder=self._encoder.name)
        waiting.clear()

    def _with_unit(self, where: str, picture: Picture) -> Picture:
        mine = self._encoder
        n = len(picture.vector or ())
        if mine is not None and picture.encoder == mine.name and n != mine.dim:
            raise InvalidNoteError(f"{where}: a vector of {n} numbers, {mine.name!r} makes {mine.dim}")
        return replace(picture, vector=tuple(map(float, _unit(where, picture, InvalidNoteError))))

    def _vector_of(self, where: str, picture: object) -> tuple[str, F32]:
        """(encoder, unit vector f32) of a picture that is asked by."""
        err = InvalidQueryError
        if isinstance(picture, Picture) and picture.vector is not None:
            return picture.encoder, _unit(where, picture, err)
        if isinstance(picture, Picture | bytes):
            data = picture if isinstance(picture, bytes) else picture.data
            image = decode(where, data, err)
        else:
            image = check_image(where, picture, err)
        if self._encoder is None:
            raise err(f"{where} has no vector, and {_NO_ENCODER}")
        return self._encoder.name, embedded(self._encoder, [image])[0]

    def _names_of(self, name: str) -> set[str]:
        """``name``, and the names of the things in the scene that it may mean."""
        asked = Query(name).text
        return {asked, *(entity.name for entity in self._parts.spatial.all_called(asked))}

    def _index(self, encoder: str, dim: int) -> PictureIndex:
        with self._indices_lock:
            if (encoder, dim) not in self._indices:
                self._indices[encoder, dim] = PictureIndex(self._store, encoder, dim)
            return self._indices[encoder, dim]

    def _drop_gone(self, index: PictureIndex, keys: Sequence[int]) -> None:
        """Of ``keys``, which do not stand, takes those out of ``index`` that were forgotten."""
        if keys and (gone := set(keys) - self._store.standing(keys, replaced=True)):
            index.drop(gone)


_NO_ENCODER = (
    "this memory has no encoder of pictures: open it with pictures=HistogramPictures() or another encoder, or"
    " give a Picture with a vector"
)
_LONGEST_NAME = 1_000  # characters of a name in a text


def picture_from(where: str, picture: object, error: type[RoboMemoryError]) -> Picture:
    """``picture``, of any of :data:`AnyPicture`, as a :class:`Picture`; an array is kept as PNG.

    Raises:
        ``error``: it is none.
    """
    if isinstance(picture, Picture):
        return picture
    data = picture if isinstance(picture, bytes) else encode(where, picture, error)
    try:
        return Picture(data)
    except InvalidNoteError as cause:
        raise error(f"{where}: {cause}") from cause


def with_picture(record: MemoryRecord, picture: Picture | None) -> MemoryRecord:
    """``record`` as it is told again with its ``picture``."""
    return record if picture is None else PicturedRecord.of(record, picture)


def _unit(where: str, picture: Picture, error: type[RoboMemoryError]) -> F32:
    """The vector of ``picture`` with the length 1."""
    vector = np.asarray([picture.vector], np.float32)
    if abs(float(np.linalg.norm(vector)) - 1.0) < 1e-6:
        return vector[0]  # as it is: to divide again would change its last digits
    try:
        return check_vectors(where, vector, 1, vector.shape[1])[0]
    except EmbeddingError as cause:
        raise error(str(cause)) from cause
