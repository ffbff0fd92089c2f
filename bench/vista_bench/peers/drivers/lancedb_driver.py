"""LanceDB in a local folder: a table, searched whole (no vector index, as its documents advise for this
size), compacted by ``optimize`` after the notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import lancedb
import pyarrow as pa

from vista_bench.peers.drivers.protocol import AskedQuestion, FoundNote, ToldNote, Vector, serve

MOST = 1_000  # keys of one condition


class LanceSystem:
    version = f"LanceDB {lancedb.__version__}"

    def __init__(self, folder: Path, dim: int, known: Mapping[str, Vector]) -> None:
        self._db = lancedb.connect(folder)
        self._schema = pa.schema(
            [
                ("n", pa.int64()), ("vector", pa.list_(pa.float32(), dim)), ("text", pa.string()),
                ("stamp_ns", pa.int64()), ("thing", pa.string()), ("place", pa.string()),
            ]
        )  # fmt: skip
        self._table = self._db.create_table("notes", schema=self._schema, exist_ok=True)

    def add(self, notes: Sequence[ToldNote], vectors: Mapping[str, Vector]) -> list[str]:
        rows = [
            {
                "n": note.n, "vector": vectors[note.text], "text": note.text, "stamp_ns": note.stamp_ns,
                "thing": note.thing, "place": note.place,
            }
            for note in notes
        ]  # fmt: skip
        self._table.add(pa.Table.from_pylist(rows, schema=self._schema))
        return [str(note.n) for note in notes]

    def ask(self, question: AskedQuestion, vectors: Mapping[str, Vector]) -> list[FoundNote]:
        search = self._table.search(vectors[question.text]).distance_type("cosine").limit(question.k)
        if question.at_ns:
            search = search.where(f"stamp_ns <= {question.at_ns}")
        found = search.select(["text", "stamp_ns", "thing", "place", "_distance"]).to_list()
        return [FoundNote(row["text"], row["stamp_ns"], row["thing"], row["place"]) for row in found]

    def retract(self, keys: Sequence[str]) -> None:
        self._table.delete(f"n IN ({', '.join(keys)})")

    def missing(self, keys: Sequence[str]) -> list[str]:
        there: set[str] = set()
        for start in range(0, len(keys), MOST):
            some = keys[start : start + MOST]
            search = self._table.search().where(f"n IN ({', '.join(some)})").select(["n"]).limit(MOST)
            there.update(str(row["n"]) for row in search.to_list())
        return [key for key in keys if key not in there]

    def settle(self) -> None:
        self._table.optimize()

    def close(self) -> None:
        """Nothing is held open."""


if __name__ == "__main__":
    serve(LanceSystem)
