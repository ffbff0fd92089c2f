"""A memory as text that other programs read: JSON lines for the records, GraphML for the graph.

JSON lines can be read back in: the records are remembered again, oldest first, and the graph follows from
them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Protocol

import networkx as nx  # type: ignore[import-untyped, unused-ignore]

from robomemory.checks import shown
from robomemory.errors import InvalidNoteError
from robomemory.graph.scene import SceneGraph
from robomemory.notes import Failure, StepDone
from robomemory.plain_text import plain, told_apart
from robomemory.records import MemoryKind, MemoryRecord
from robomemory.store.old_texts import fields_of

FIELDS = (
    "kind", "text", "stamp_ns", "entities", "position", "triple", "confidence", "source", "run", "step",
    "failures", "metadata", "frame",
)  # fmt: skip
BATCH = 200
LONGEST = 1_000_000  # characters of one line: nothing that was remembered is longer


class RecordSource(Protocol):
    """The slice of a ``RoboMemory`` that is written out."""

    def notes(self) -> tuple[MemoryRecord, ...]: ...

    def scene(self) -> SceneGraph: ...


class RecordSink(Protocol):
    """The slice of a ``RoboMemory`` that is read into."""

    def remember(self, notes: list[MemoryRecord]) -> object: ...


def to_lines(memory: RecordSource) -> Iterator[str]:
    """Every note that was told and still counts as one line of JSON, in the order they came; the keys are
    :data:`FIELDS`."""
    for record in memory.notes():
        values = {name: getattr(record, name) for name in FIELDS} | {"kind": str(record.kind)}
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
    for start in range(0, len(records), BATCH):
        memory.remember(records[start : start + BATCH])
    return len(records)


def _in_order(records: list[MemoryRecord]) -> list[MemoryRecord]:
    """Spatial records as they came, because which things names mean may depend on that; the others among
    them oldest first."""
    others = iter(sorted((r for r in records if r.kind != MemoryKind.SPATIAL), key=lambda r: r.moment))
    return [r if r.kind == MemoryKind.SPATIAL else next(others) for r in records]


def _record(number: int, line: str) -> MemoryRecord:
    try:
        if len(line) > LONGEST:
            raise ValueError(f"{len(line)} characters, at most {LONGEST} are allowed")
        values = json.loads(line)
        if isinstance(values, dict):
            values.setdefault("run", 0)  # written before runs had numbers
            values.setdefault("metadata", {})
            values.setdefault("frame", "")
            if not {"step", "failures"} & set(values):  # written before these were fields
                _read_text(values)
        if not isinstance(values, dict) or set(values) != set(FIELDS) or values["run"] is None:
            found = shown(sorted(values)) if isinstance(values, dict) else type(values).__name__
            raise ValueError(f"keys {found}, expected {sorted(FIELDS)}")
        step = None if values["step"] is None else StepDone(**values["step"])
        failures = tuple(Failure(**failure) for failure in values["failures"])
        return MemoryRecord(id=0, **(values | {"step": step, "failures": failures}))
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
