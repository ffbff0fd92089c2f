"""The nearest vectors, found by pgvector in the database: nothing to follow, nothing to save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
from pgvector import Vector

from robomemory.embed.embedder import F32, check_vectors
from robomemory.records import MemoryKind
from robomemory.store.postgres.link import Connection
from robomemory.vectors.ivf_index import IvfIndex

AT_ONCE = 50  # vectors looked for in one statement, which has a deadline


class PgVectors:
    """The vectors of the standing records of ``kind``, compared one by one (exact inner products).
    ``reading`` gives a connection."""

    method = "pgvector, exact"

    def __init__(
        self, kind: MemoryKind, dim: int, reading: Callable[[], AbstractContextManager[Connection]]
    ) -> None:
        self._kind, self._dim, self._reading = str(kind), dim, reading

    def __len__(self) -> int:
        with self._reading() as db:
            rows = db.execute(
                "SELECT count(*) FROM vectors WHERE memory = %s AND live", (self._kind,)
            ).fetchall()
        return int(str(rows[0][0]))

    def search(self, vector: F32, k: int, allowed: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """The ``k`` nearest keys with their inner product, best first; only ``allowed`` ones if given.

        Raises:
            EmbeddingError: ``vector`` is not f32 (dim,) with finite entries. StoreError: the server is gone.
        """
        row = check_vectors("PgVectors.search", np.asarray(vector)[None, ...], 1, self._dim)[0]
        where, values = "memory = %s AND live", [row, self._kind]
        if allowed is not None:
            where += " AND record_id = ANY(%s::bigint[])"
            values.append([int(key) for key in allowed])
        statement = (
            f"SELECT record_id, -d FROM (SELECT record_id, vector <#> %s AS d FROM vectors WHERE {where}) v"
            " ORDER BY d LIMIT %s"
        )
        with self._reading() as db:
            rows = db.execute(statement.encode(), (*values, k)).fetchall()
        return [(int(str(key)), float(str(score))) for key, score in rows]

    def search_each(self, vectors: Sequence[F32], k: int) -> list[list[tuple[int, float]]]:
        """:meth:`search` for each of ``vectors``, in one question: an update asks for many at once."""
        found: list[list[tuple[int, float]]] = [[] for _ in vectors]
        statement = (
            "SELECT q.place, n.record_id, -n.d FROM unnest(%s::vector[]) WITH ORDINALITY AS q (v, place)"
            " CROSS JOIN LATERAL (SELECT record_id, vector <#> q.v AS d FROM vectors"
            " WHERE memory = %s AND live ORDER BY d LIMIT %s) n ORDER BY q.place, n.d"
        )
        with self._reading() as db:
            for start in range(0, len(vectors), AT_ONCE):
                part = [Vector(vector) for vector in vectors[start : start + AT_ONCE]]
                for place, key, score in db.execute(statement.encode(), (part, self._kind, k)).fetchall():
                    found[start + int(str(place)) - 1].append((int(str(key)), float(str(score))))
        return found

    def rows(self, keys: Sequence[int]) -> dict[int, F32]:
        """{key: unit vector f32 (dim,)} of those ``keys`` that are known."""
        if not keys:
            return {}
        with self._reading() as db:
            cursor = db.cursor(binary=True)
            cursor.execute(
                "SELECT record_id, vector FROM vectors WHERE record_id = ANY(%s::bigint[])", (list(keys),)
            )
            found = cursor.fetchall()
        return {int(str(key)): v.to_numpy() for key, v in found if isinstance(v, Vector)}

    def put(self, ids: Sequence[int], vectors: object) -> None:
        """Nothing to do: the update that brought them has written them."""

    def remove(self, ids: Sequence[int]) -> None:
        """Nothing to do: the update that replaced or deleted them has written that."""

    def wait(self, timeout_s: float) -> bool:
        return True

    def lists(self) -> IvfIndex | None:
        return None

    def close(self) -> None:
        """Nothing is held."""
