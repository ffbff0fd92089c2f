"""The vectors of pictures in memory, one set for each encoder, compared exactly."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomemory.embed.embedder import F32
from robomemory.names import name_key, thing_name
from robomemory.pictures.stored import PictureRows, Shown
from robomemory.records import MemoryKind

_FIRST = 256  # pictures that the arrays have room for at first
_TOP = 1_024  # pictures that are put in order at once
_GONE = 0  # in place of the key of a record that was forgotten
_KINDS = tuple(MemoryKind)


@dataclass(frozen=True, slots=True)
class Alike:
    """A picture: the key ``id`` of its record, the name that it is an ``exemplar_of`` (empty: of none), and
    its ``cosine`` with what was asked."""

    id: int
    exemplar_of: str
    cosine: float


class PictureIndex:
    """The pictures in ``store`` with a vector (``dim``,) of ``encoder``. Safe from any thread.

    It takes in what was added since the last call and drops what is gone from the store when told; whether a
    record still stands is asked of the store.
    """

    def __init__(self, store: PictureRows, encoder: str, dim: int) -> None:
        self._store, self._encoder, self._dim = store, encoder, dim
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._n = self._last = self._dropped = 0
        self._ids = np.zeros(_FIRST, np.int64)
        self._kinds = np.zeros(_FIRST, np.int8)
        self._rows = np.zeros((_FIRST, self._dim), np.float32)
        self._named: dict[str, list[int]] = defaultdict(list)  # {key of a name: places}
        self._taught: dict[str, list[int]] = defaultdict(list)  # {name: places of its exemplars}

    def drop(self, gone: Collection[int]) -> None:
        """Takes the pictures of the records ``gone`` out: they are gone from the store for good."""
        with self._lock:
            places = np.flatnonzero(np.isin(self._ids[: self._n], np.fromiter(gone, np.int64, len(gone))))
            self._ids[places], self._rows[places] = _GONE, 0.0
            self._dropped += len(places)
            if 2 * self._dropped > self._n:
                self._clear()  # what is left is read anew at the next call

    def _follow(self) -> None:
        for shown, rows in self._store.pictures_of(self._encoder, self._dim, self._last):
            end = self._n + len(shown)
            if end > len(self._ids):
                size = max(2 * len(self._ids), end)
                self._ids = np.concatenate([self._ids[: self._n], np.zeros(size - self._n, np.int64)])
                self._kinds = np.concatenate([self._kinds[: self._n], np.zeros(size - self._n, np.int8)])
                grown = np.zeros((size, self._dim), np.float32)
                grown[: self._n] = self._rows[: self._n]
                self._rows = grown
            for place, one in enumerate(shown, self._n):
                self._ids[place], self._kinds[place] = one.id, _KINDS.index(one.kind)
                self._take(place, one)
            self._rows[self._n : end] = rows
            self._n, self._last = end, shown[-1].id

    def _take(self, place: int, one: Shown) -> None:
        for key in {name_key(thing_name(name)) for name in one.names}:
            self._named[key].append(place)
        if one.exemplar_of:
            self._taught[thing_name(one.exemplar_of)].append(place)

    def nearest(
        self, vector: F32, *, kinds: Collection[MemoryKind] = (), names: Collection[str] | None = None
    ) -> Iterator[list[Alike]]:
        """The pictures most like the unit ``vector`` f32 (dim,), best first, in lists that grow: of records
        of ``kinds`` (empty: of all) in which one of ``names`` is (None: any)."""
        with self._lock:
            self._follow()
            n, ids, rows = self._n, self._ids, self._rows
            places = None
            if names is not None:
                keys = {name_key(thing_name(name)) for name in names}
                found = {place for key in keys for place in self._named.get(key, ())}
                places = np.fromiter(sorted(found), np.int64, len(found))
            if kinds:
                wanted = [_KINDS.index(kind) for kind in kinds]
                of_kind = np.isin(self._kinds[:n], wanted)
                places = np.flatnonzero(of_kind) if places is None else places[of_kind[places]]
        # Others only write behind what was taken, into new arrays, or over what is gone from the store.
        scores = rows[:n] @ vector if places is None else rows[places] @ vector
        keys_of = ids[:n] if places is None else ids[places]
        first = np.arange(len(scores))
        if len(scores) > _TOP:
            first = np.argpartition(-scores, _TOP)[:_TOP]
        yield from _in_order(scores, keys_of, first, 64)
        if len(scores) > _TOP:  # a condition that few fit
            rest = np.ones(len(scores), bool)
            rest[first] = False
            yield from _in_order(scores, keys_of, np.flatnonzero(rest), 4096)

    def taught(self, vector: F32 | None = None) -> dict[str, list[Alike]]:
        """{name: its exemplars}: the most like ``vector`` first; without one as they were taught, with the
        cosine 1."""
        with self._lock:
            self._follow()
            ids, rows = self._ids, self._rows
            taught = {name: np.array(places, np.int64) for name, places in self._taught.items()}
        answer = {}
        for name, places in taught.items():
            scores = np.ones(len(places), np.float32) if vector is None else rows[places] @ vector
            order = np.argsort(-scores, kind="stable")
            each = [Alike(int(ids[places[i]]), name, float(scores[i])) for i in order]
            answer[name] = [one for one in each if one.id != _GONE]
        return answer

    def vectors(self, ids: Sequence[int]) -> dict[int, F32]:
        """{key: unit vector f32 (dim,)} of those ``ids`` whose pictures are here."""
        with self._lock:
            found = np.flatnonzero(np.isin(self._ids[: self._n], np.array(ids, np.int64)))
            return {int(self._ids[i]): self._rows[i].copy() for i in found}


def _in_order(
    scores: NDArray[np.float32], keys: NDArray[np.int64], places: NDArray[np.int64], most: int
) -> Iterator[list[Alike]]:
    """Those of ``places``, best first and the newest of equals first, in lists that grow from ``most``."""
    order = places[np.lexsort((-keys[places], -scores[places]))]
    start = 0
    while start < len(order):
        part = order[start : start + most]
        yield [Alike(int(keys[i]), "", float(scores[i])) for i in part if keys[i] != _GONE]
        start, most = start + most, 4 * most
