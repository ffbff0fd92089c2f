"""The driver's half of the protocol: one JSON object a line, on standard input and output.

A request names its ``op``; every answer holds ``s``, the seconds that the system itself took, or ``error``.

=========  ==========================================  ==================================================
op         request                                     answer
=========  ==========================================  ==================================================
open       folder, vectors (a file), dim, known        version, rss_mb
add        notes                                       keys, one a note
stream     notes                                       a line a note: keys of that note alone
settle                                                 (what is built in the background is done)
retract    keys                                        (what these notes said was never true)
ask        question                                    found, best first
missing    keys                                        missing: those of them that the system does not have
status                                                 rss_mb
stop                                                   (the store is closed; the process ends)
=========  ==========================================  ==================================================

Vectors are not sent: they are rows of a file of float32, and ``known`` {text: row}, also in a note or a
question, says which. They are read before the clock starts.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ToldNote:
    """A note as the corpus tells it: ``thing`` ("" for none) was seen in ``place`` at ``position`` [m];
    ``stamp_ns`` of the robot's clock; ``known`` {text: row} of all texts that a system may need as
    vectors."""

    n: int
    kind: str
    text: str
    stamp_ns: int
    thing: str
    place: str
    position: tuple[float, float, float] | None
    known: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """``text`` about the time ``at_ns`` [ns] (0: now), for the ``k`` best."""

    text: str
    k: int
    at_ns: int
    known: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FoundNote:
    """A note that was found; ``thing`` and ``place`` as in :class:`ToldNote`."""

    text: str
    stamp_ns: int
    thing: str
    place: str


class PeerSystem(Protocol):
    """One memory in a folder of its own. A key is whatever text the system knows a note by."""

    version: str

    def add(self, notes: Sequence[ToldNote], vectors: Mapping[str, Vector]) -> list[str]:
        """Keeps ``notes`` and gives their keys; the system calls them safe once this returns."""
        ...

    def ask(self, question: AskedQuestion, vectors: Mapping[str, Vector]) -> list[FoundNote]:
        """The best notes, best first."""
        ...

    def retract(self, keys: Sequence[str]) -> None:
        """What the notes of ``keys`` said was never true; systems that know no such thing delete them."""
        ...

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Those of ``keys`` that are not there."""
        ...

    def settle(self) -> None:
        """Waits for, or does, what the system's documents advise after many notes."""
        ...

    def close(self) -> None:
        """Closes as the system's documents say."""
        ...


OpenSystem = Callable[[Path, int, Mapping[str, Vector]], PeerSystem]
"""(folder, length of a vector, vectors that are known at the start) -> the system, made or opened."""


def told(plain: Mapping[str, Any]) -> ToldNote:
    """A note from its JSON object."""
    spot = plain["position"]
    return ToldNote(**{**plain, "position": None if spot is None else (spot[0], spot[1], spot[2])})


def rss_mb() -> float:
    """What this process holds in memory [MB = 2**20 bytes]."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return float("nan")


class _Rows:
    """Reads rows of the file of vectors; not mapped, so that they do not count as the system's memory."""

    def __init__(self, path: str, dim: int) -> None:
        self._file = os.open(path, os.O_RDONLY)
        self._width = 4 * dim

    def read(self, known: Mapping[str, int]) -> dict[str, Vector]:
        return {text: self._row(row) for text, row in known.items()}

    def _row(self, row: int) -> Vector:
        data = os.pread(self._file, self._width, row * self._width)
        if len(data) != self._width:
            raise ValueError(f"row {row} is not in the file of vectors")
        return np.frombuffer(data, dtype=np.float32)


def serve(open_system: OpenSystem) -> None:
    """Answers requests until ``stop`` or the end of the input. Nothing but answers goes to the output: what
    a library prints goes to the standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _serve(open_system, sys.stdin, answers)


def _serve(open_system: OpenSystem, requests: TextIO, answers: TextIO) -> None:
    def say(answer: Mapping[str, object]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    system: PeerSystem | None = None
    rows: _Rows | None = None
    for line in requests:
        request = json.loads(line)
        try:
            if request["op"] == "open":
                rows = _Rows(request["vectors"], request["dim"])
                known = rows.read(request["known"])
                began = time.perf_counter()
                system = open_system(Path(request["folder"]), request["dim"], known)
                say({"s": time.perf_counter() - began, "version": system.version, "rss_mb": rss_mb()})
                continue
            if system is None or rows is None:
                raise ValueError("the first request must be 'open'")
            for answer in _answers(system, rows, request):
                say(answer)
            if request["op"] == "stop":
                return
        except Exception as error:  # told to the bench, which decides what it means
            say({"error": f"{type(error).__name__}: {error}"[:500]})


def _answers(system: PeerSystem, rows: _Rows, request: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    op = request["op"]
    if op in ("add", "stream"):
        notes = [told(each) for each in request["notes"]]
        for batch in [notes] if op == "add" else [[note] for note in notes]:
            vectors = rows.read({text: row for note in batch for text, row in note.known.items()})
            began = time.perf_counter()
            keys = system.add(batch, vectors)
            yield {"s": time.perf_counter() - began, "keys": keys}
        return
    more: dict[str, object] = {}
    if op == "ask":
        question = AskedQuestion(**request["question"])
        vectors = rows.read(question.known)
        began = time.perf_counter()
        found = system.ask(question, vectors)
        spent = time.perf_counter() - began
        more["found"] = [[f.text, f.stamp_ns, f.thing, f.place] for f in found]
    else:
        began = time.perf_counter()
        if op == "settle":
            system.settle()
        elif op == "retract":
            system.retract(request["keys"])
        elif op == "missing":
            more["missing"] = system.missing(request["keys"])
        elif op == "stop":
            system.close()
        elif op != "status":
            raise ValueError(f"unknown op {op!r}")
        spent = time.perf_counter() - began
        if op == "status":
            gc.collect()
            more["rss_mb"] = rss_mb()
    yield {"s": spent, **more}
