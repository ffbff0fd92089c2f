"""The pictures of records, as they are read from a store."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from robomemory.embed.embedder import F32
from robomemory.errors import StoreCorruptError
from robomemory.notes import Picture
from robomemory.records import EXEMPLAR, MemoryKind
from robomemory.store import rows as t

CHUNK = 4096
_TAUGHT = f"%, {json.dumps(EXEMPLAR)[1:]}"
"""How the text of an exemplar's triple ends, as the store keeps it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a picture's record says of it: its key ``id`` and ``kind``, all ``names`` in it, and the name that
    it is an ``exemplar_of`` (empty: of none)."""

    id: int
    kind: MemoryKind
    names: tuple[str, ...]
    exemplar_of: str


class PictureRows(ABC):
    """The part of a store's reading half that reads pictures; no other part does."""

    path: str

    @abstractmethod
    def _all(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]: ...

    def picture(self, record_id: int) -> Picture | None:
        """The picture of the record ``record_id``, whether it stands or not; None if it has none.

        Raises:
            StoreCorruptError: what is there is no picture.
        """
        rows = self._all("SELECT encoder, vector, data FROM pictures WHERE record_id = ?", (record_id,))
        try:
            return t.picture_from(*rows[0]) if rows else None
        except ValueError as error:
            raise StoreCorruptError(f"{self.path}: picture of record {record_id}: {error}") from error

    def pictures_of(self, encoder: str, dim: int, after: int) -> Iterator[tuple[list[Shown], F32]]:
        """(what they show, unit rows f32 (n, dim)) of the pictures with a vector (dim,) of ``encoder`` whose
        records have a key above ``after``, in the order of keys, in chunks.

        Raises:
            StoreCorruptError: a vector or its record can't be read.
        """
        sql = (
            "SELECT r.id, r.kind, r.entities, r.triple, p.vector FROM pictures p"
            " JOIN records r ON r.id = p.record_id WHERE p.encoder = ? AND p.record_id > ?"
            " ORDER BY p.record_id LIMIT ?"
        )
        while rows := self._all(sql, (encoder, after, CHUNK)):
            after = int(str(rows[-1][0]))
            rows = [row for row in rows if isinstance(row[4], bytes) and len(row[4]) == 4 * dim]
            if rows:
                data = b"".join(row[4] for row in rows if isinstance(row[4], bytes))
                yield [self._shown(row) for row in rows], np.frombuffer(data, "<f4").reshape(-1, dim)

    def _shown(self, row: Sequence[object]) -> Shown:
        try:
            kind, names, triple = MemoryKind(str(row[1])), json.loads(str(row[2])), json.loads(str(row[3]))
        except ValueError as error:
            raise StoreCorruptError(f"{self.path}: record {row[0]}: {error}") from error
        exemplar = triple is not None and kind is MemoryKind.SEMANTIC and tuple(triple[1:]) == EXEMPLAR
        ends = () if triple is None else (triple[0],) if exemplar else (triple[0], triple[2])
        return Shown(int(str(row[0])), kind, (*names, *ends), triple[0] if exemplar else "")

    def pictures_beside(self, encoder: str, *, exemplars: bool = False) -> int:
        """How many pictures of records that stand have no vector of ``encoder``; with ``exemplars`` of those
        that were taught alone."""
        taught, values = "", list[object]([encoder])
        if exemplars:
            taught = " AND r.kind = ? AND r.triple LIKE ?"
            values += [str(MemoryKind.SEMANTIC), _TAUGHT]
        ((n,),) = self._all(
            "SELECT count(*) FROM pictures p JOIN records r ON r.id = p.record_id"
            f" WHERE r.replaced_by = 0 AND p.encoder <> ?{taught}",
            values,
        )
        return int(str(n))

    def exemplars(self) -> list[tuple[int, str]]:
        """(record, name of the thing) of the pictures that were taught and count, in the order they came."""
        rows = self._all(
            "SELECT r.id, r.triple FROM records r JOIN pictures p ON p.record_id = r.id"
            " WHERE r.replaced_by = 0 AND r.kind = ? AND r.triple LIKE ? ORDER BY r.id",
            (str(MemoryKind.SEMANTIC), _TAUGHT),
        )
        return [(int(str(key)), str(json.loads(str(triple))[0])) for key, triple in rows]

    def standing(self, ids: Sequence[int], *, replaced: bool = False) -> set[int]:
        """Those of ``ids`` whose records stand; with ``replaced`` also those that are kept all the same."""
        found: set[int] = set()
        which = "" if replaced else " AND replaced_by = 0"
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            sql = f"SELECT id FROM records WHERE id IN ({','.join('?' * len(part))}){which}"
            found |= {int(str(key)) for (key,) in self._all(sql, part)}
        return found
