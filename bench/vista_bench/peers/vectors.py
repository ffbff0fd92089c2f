"""Vectors of a corpus, embedded once with the memory's own embedder and kept in a file for all systems."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from robomemory.embed.embedder import Embedder, check_vectors

CHUNK = 2_048
THREADS = 2


class VectorFile:
    """Rows of float32 in ``folder``, one a text, which only grow: an interrupted run goes on where it was.

    ``path``: the file of rows. ``rows``: {text: row}.
    """

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._embedder = embedder
        self.dim = embedder.dim
        self.path = folder / f"{embedder.name}.f32"
        self._names = folder / f"{embedder.name}.texts.jsonl"
        said = self._names.read_bytes().splitlines(keepends=True) if self._names.exists() else []
        whole = self.path.stat().st_size // (4 * self.dim) if self.path.exists() else 0
        # A text is written after its vector; what a kill left of a chunk is cut off.
        said = [line for line in said if line.endswith(b"\n")][:whole]
        self._names.write_bytes(b"".join(said))
        with self.path.open("ab") as file:
            file.truncate(len(said) * 4 * self.dim)
        self.rows: dict[str, int] = {json.loads(line): row for row, line in enumerate(said)}

    def one_ms(self, texts: Sequence[str]) -> float:
        """The median time [ms] of embedding one of ``texts`` at a time, as a question is."""
        times = []
        for text in texts:
            began = time.perf_counter()
            self._embedder.embed([text])
            times.append((time.perf_counter() - began) * 1e3)
        return round(float(np.median(times)), 2)

    def add(self, texts: Sequence[str]) -> tuple[int, float]:
        """Embeds those of ``texts`` that are new. Gives how many those were, and the seconds they took."""
        new = [text for text in dict.fromkeys(texts) if text not in self.rows]
        new.sort(key=len)  # texts of one length need no padding
        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            for start in range(0, len(new), CHUNK):
                some = new[start : start + CHUNK]
                parts = [some[i : i + 64] for i in range(0, len(some), 64)]
                with self.path.open("ab") as vectors, self._names.open("a", encoding="utf-8") as names:
                    for part, found in zip(parts, pool.map(self._embedder.embed, parts), strict=True):
                        rows = check_vectors(f"embedder {self._embedder.name!r}", found, len(part), self.dim)
                        vectors.write(rows.tobytes())
                        vectors.flush()
                        names.write("".join(json.dumps(text) + "\n" for text in part))
                        for text in part:
                            self.rows[text] = len(self.rows)
        return len(new), time.perf_counter() - began
