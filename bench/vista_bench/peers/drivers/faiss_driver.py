"""Plain FAISS beside SQLite, as people write it: exact inner products in memory, texts in a table.

The table is committed with every call. The index is a file that is written whole, which for every note would
take longer than all else together: it is written every :data:`SAVE_EVERY` notes and on close. One thread:
for one question at a time several are slower.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from vista_bench.peers.drivers.protocol import AskedQuestion, FoundNote, ToldNote, Vector, serve

SAVE_EVERY = 1_000


class FaissSystem:
    version = f"FAISS {faiss.__version__}"

    def __init__(self, folder: Path, dim: int, known: Mapping[str, Vector]) -> None:
        faiss.omp_set_num_threads(1)
        self._path = folder / "notes.faiss"
        self._db = sqlite3.connect(folder / "notes.sqlite3")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS notes"
            " (n INTEGER PRIMARY KEY, text TEXT, stamp_ns INTEGER, thing TEXT, place TEXT)"
        )
        self._index: Any
        if self._path.exists():
            self._index = faiss.read_index(str(self._path))
        else:
            self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))
        self._unsaved = 0

    def add(self, notes: Sequence[ToldNote], vectors: Mapping[str, Vector]) -> list[str]:
        with self._db:
            self._db.executemany(
                "INSERT INTO notes VALUES (?, ?, ?, ?, ?)",
                [(note.n, note.text, note.stamp_ns, note.thing, note.place) for note in notes],
            )
        rows = np.stack([vectors[note.text] for note in notes])
        self._index.add_with_ids(rows, np.array([note.n for note in notes], dtype=np.int64))
        self._unsaved += len(notes)
        if self._unsaved >= SAVE_EVERY:
            self._save()
        return [str(note.n) for note in notes]

    def ask(self, question: AskedQuestion, vectors: Mapping[str, Vector]) -> list[FoundNote]:
        query = vectors[question.text][None, :]
        wanted = question.k
        while True:
            _, ids = self._index.search(query, wanted)
            keys = [int(key) for key in ids[0] if key >= 0]
            rows = {row[0]: row[1:] for row in self._rows(keys)}
            found = [FoundNote(*rows[key]) for key in keys if key in rows]
            if question.at_ns:  # no filter inside: more are fetched until enough of them are old enough
                found = [each for each in found if each.stamp_ns <= question.at_ns]
            if len(found) >= question.k or wanted >= self._index.ntotal:
                return found[: question.k]
            wanted = min(4 * wanted, self._index.ntotal)

    def _rows(self, keys: Sequence[int]) -> list[tuple[int, str, int, str, str]]:
        found: list[tuple[int, str, int, str, str]] = []
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            marks = ",".join("?" * len(some))
            said = f"SELECT n, text, stamp_ns, thing, place FROM notes WHERE n IN ({marks})"
            found += self._db.execute(said, some).fetchall()
        return found

    def retract(self, keys: Sequence[str]) -> None:
        numbers = [int(key) for key in keys]
        with self._db:
            self._db.executemany("DELETE FROM notes WHERE n = ?", [(n,) for n in numbers])
        self._index.remove_ids(np.array(numbers, dtype=np.int64))

    def missing(self, keys: Sequence[str]) -> list[str]:
        """A note that is in one of the two files alone can't be found, or not be shown."""
        indexed = set(faiss.vector_to_array(self._index.id_map).tolist())
        stored = {n for (n,) in self._db.execute("SELECT n FROM notes")}
        return [key for key in keys if int(key) not in indexed or int(key) not in stored]

    def settle(self) -> None:
        self._save()

    def _save(self) -> None:
        faiss.write_index(self._index, str(self._path))
        self._unsaved = 0

    def close(self) -> None:
        self._save()
        self._db.close()


if __name__ == "__main__":
    serve(FaissSystem)
