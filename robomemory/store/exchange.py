"""A memory as text that other programs read: JSON lines for the records, GraphML for the graph.

JSON lines can be read back in: the records are remembered again, oldest first, and the graph follows from
them.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Protocol

import networkx as nx  # type: ignore[import-untyped, unused-ignore]
import numpy as np

from robomemory.checks import shown
from robomemory.embed.embedder import MAX_DIM
from robomemory.embed.pictures import decode
from robomemory.errors import InvalidNoteError
from robomemory.graph.scene import SceneGraph
from robomemory.notes import MAX_PICTURE, Failure, Picture, StepDone
from robomemory.plain_text import plain, told_apart
from robomemory.records import MemoryKind, MemoryRecord
from robomemory.store.notes_told import PicturedRecord
from robomemory.store.old_texts import fields_of

FIELDS = (
    "kind", "text", "stamp_ns", "entities", "position", "triple", "confidence", "source", "run", "step",
    "failures", "metadata", "frame", "picture",
)  # fmt: skip
BATCH = 200
BATCH_BYTES = 2**25  # of pictures in a batch
LONGEST = 1_000_000 + 4 * (MAX_PICTURE + 4 * MAX_DIM) // 3
"""Characters of one line: nothing that was remembered is longer, its picture in base64 included."""


class RecordSource(Protocol):
    """The slice of a ``RoboMemory`` that is written out."""

    def notes(self) -> tuple[MemoryRecord, ...]: ...

    def picture(self, record_id: int) -> Picture | None: ...

    def scene(self) -> SceneGraph: ...


class RecordSink(Protocol):
    """The slice of a ``RoboMemory`` that is read into."""

    def remember(self, notes: list[MemoryRecord]) -> object: ...


def to_lines(memory: RecordSource) -> Iterator[str]:
    """Every note that was told and still counts as one line of JSON, in the order they came; the keys are
    :data:`FIELDS`. A picture is {"data": the bytes in base64, "vector": little-endian f32 in base64 or null,
    "encoder": its name}."""
    for record in memory.notes():
        values = {name: getattr(record, name, None) for name in FIELDS} | {"kind": str(record.kind)}
        picture = memory.picture(record.id) if record.id else None
        values["picture"] = None if picture is None else _picture_values(picture)
        values["step"] = None if record.step is None else asdict(record.step)
        values["failures"] = [asdict(failure) for failure in record.failures]
        line = json.dumps(values, ensure_ascii=False)
        # JSON takes these as they are; whoever splits a text into lines would break the record there.
        yield line.translate({ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"})


def from_lines(memory: RecordSink, lines: Iterable[str]) -> int:
    """Remembers what :func:`to_lines` wrote. Returns how many records there were.

    Everything is checked before anything is kept; then the records are kept in batches, so that a full disk
    leaves whole batches only.

    Raises:
        InvalidNoteError: a line that is no record; its number and what is wrong are named.
    """
    records = [_record(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    records = _in_order(records)
    batch: list[MemoryRecord] = []
    size = 0
    for record in records:
        more = len(record.picture.data) if isinstance(record, PicturedRecord) and record.picture else 0
        if batch and (len(batch) == BATCH or size + more > BATCH_BYTES):
            memory.remember(batch)
            batch, size = [], 0
        batch.append(record)
        size += more
    if batch:
        memory.remember(batch)
    return len(records)


def _in_order(records: list[MemoryRecord]) -> list[MemoryRecord]:
    """Spatial records as they came, because which things names mean may depend on that; the others among
    them oldest first."""
    others = iter(sorted((r for r in records if r.kind != MemoryKind.SPATIAL), key=lambda r: r.moment))
    return [r if r.kind == MemoryKind.SPATIAL else next(others) for r in records]


def _picture_values(picture: Picture) -> dict[str, str | None]:
    numbers = None if picture.vector is None else np.asarray(picture.vector, "<f4").tobytes()
    return {
        "data": b64encode(picture.data).decode(),
        "vector": None if numbers is None else b64encode(numbers).decode(),
        "encoder": picture.encoder,
    }


def _picture(values: object) -> Picture | None:
    """The picture that :func:`_picture_values` wrote.

    Raises:
        ValueError: it is none, or can't be decoded.
    """
    if values is None:
        return None
    if not isinstance(values, dict) or set(values) != {"data", "vector", "encoder"}:
        raise ValueError(f"picture {shown(values)}, expected data, vector and encoder")
    vector = values["vector"]
    try:
        data = b64decode(values["data"], validate=True)
        numbers = None if vector is None else np.frombuffer(b64decode(vector, validate=True), "<f4")
    except (ValueError, TypeError) as error:
        raise ValueError(f"picture: {error}, expected data and a vector f32 in base64") from error
    decode("picture", data, InvalidNoteError)
    return Picture(data, None if numbers is None else tuple(map(float, numbers)), values["encoder"])


def _record(number: int, line: str) -> MemoryRecord:
    try:
        if len(line) > LONGEST:
            raise ValueError(f"{len(line)} characters, at most {LONGEST} are allowed")
        values = json.loads(line)
        if isinstance(values, dict):
            values.setdefault("run", 0)  # written before runs had numbers
            values.setdefault("metadata", {})
            values.setdefault("frame", "")
            values.setdefault("picture", None)
            if not {"step", "failures"} & set(values):  # written before these were fields
                _read_text(values)
        if not isinstance(values, dict) or set(values) != set(FIELDS) or values["run"] is None:
            found = shown(sorted(values)) if isinstance(values, dict) else type(values).__name__
            raise ValueError(f"keys {found}, expected {sorted(FIELDS)}")
        step = None if values["step"] is None else StepDone(**values["step"])
        failures = tuple(Failure(**failure) for failure in values["failures"])
        picture = _picture(values["picture"])
        told = {name: value for name, value in values.items() if name != "picture"}
        record = MemoryRecord(id=0, **(told | {"step": step, "failures": failures}))
        return record if picture is None else PicturedRecord.of(record, picture)
    except RecursionError as error:
        raise InvalidNoteError(f"line {number}: nested too deeply for a record") from error
    except (ValueError, TypeError) as error:
        raise InvalidNoteError(f"line {number}: {error}") from error


def _read_text(values: dict[str, object]) -> None:
    """Adds fields that older versions wrote into the text only."""
    triple, step, failures = fields_of(str(values.get("kind")), str(values.get("text")))
    values["step"] = None if step is None else asdict(step)
    values["failures"] = [asdict(failure) for failure in failures]
    if triple is not None and values.get("triple", triple) is None:
        values["triple"] = triple


def to_graph(memory: RecordSource) -> nx.MultiDiGraph:
    """The things and the facts between them, those that have ended too, as a graph of networkx.

    Nodes carry ``x``, ``y``, ``z`` [m] where known, ``first_seen_ns``, ``last_seen_ns``, ``run`` and
    ``confidence``; edges ``relation``, ``valid_from_ns``, ``run``, ``recorded_ns``, ``record_id``,
    ``confidence`` and, when they have ended, ``valid_until_ns`` and ``until_run``. What XML forbids in a name
    is written as an escape.
    """
    graph, scene = nx.MultiDiGraph(), memory.scene()
    facts = (*scene.facts, *scene.past)
    ends = (name for fact in facts for name in (fact.subject, fact.object))
    nodes = told_apart((*(thing.name for thing in scene.objects), *ends))
    for thing in scene.objects:
        place = {} if thing.position is None else dict(zip("xyz", map(float, thing.position), strict=True))
        graph.add_node(
            nodes[thing.name], first_seen_ns=thing.first_seen_ns, last_seen_ns=thing.last_seen_ns,
            run=thing.run, confidence=thing.confidence, **place,
        )  # fmt: skip
    for fact in facts:
        ended = {} if fact.valid_until_ns is None else {"valid_until_ns": fact.valid_until_ns}
        ended |= {"until_run": fact.until_run} if ended else {}
        graph.add_edge(
            nodes[fact.subject], nodes[fact.object], relation=plain(fact.relation),
            valid_from_ns=fact.valid_from_ns, run=fact.run, recorded_ns=fact.recorded_ns,
            record_id=fact.record_id, confidence=fact.confidence, **ended,
        )  # fmt: skip
    return graph


def to_graphml(memory: RecordSource) -> str:
    """:func:`to_graph` as GraphML text."""
    return "\n".join(nx.generate_graphml(to_graph(memory))) + "\n"
