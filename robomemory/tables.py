"""Rows of the store's tables from and to the words of RoboMemory."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from robomemory.embedding import F32
from robomemory.parts import Row
from robomemory.records import MemoryKind, MemoryRecord, Position
from robomemory.scene import Entity, Fact, Sighting

RECORD = "id, kind, stamp_ns, text, entities, x, y, z, triple, confidence, source, replaced_by"
RECORD_ALL = (
    "id, kind, stamp_ns, text, entities, x, y, z, triple, confidence, source, recorded_ns, replaced_by, seq"
)
ENTITY = (
    "id, name, ordinal, x, y, z, position_ns, first_seen_ns, last_seen_ns, confidence, recorded_ns,"
    " merged_into"
)
FACT = (
    "id, subject, relation, object, valid_from_ns, valid_until_ns, recorded_ns, expired_ns, seen_ns,"
    " confidence, record_id, ended_by"
)
SIGHTING = "record_id, entity_id, stamp_ns, x, y, z, recorded_ns"

Values = tuple[object, ...]


def position(x: float | None, y: float | None, z: float | None) -> Position | None:
    return None if x is None or y is None or z is None else (x, y, z)


def coordinates(xyz: Position | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if xyz is None else (float(xyz[0]), float(xyz[1]), float(xyz[2]))


def record_from(r: Sequence[object]) -> MemoryRecord:
    """The record of a row of columns :data:`RECORD`.

    Raises:
        ValueError, TypeError: the row does not hold what it should.
    """
    key, kind, stamp, text, names, x, y, z, triple, sure, source = r[:11]
    said = json.loads(str(triple))
    return MemoryRecord(
        key, MemoryKind(kind), stamp, text, tuple(json.loads(str(names))),  # type: ignore[arg-type]
        position(x, y, z), None if said is None else tuple(said), sure, source,  # type: ignore[arg-type]
    )  # fmt: skip


def values_of_record(row: Row, recorded_ns: int, seq: int) -> Values:
    """What a row of ``records`` holds, in the order of its columns."""
    r = row.record
    names, triple = json.dumps(r.entities, ensure_ascii=False), json.dumps(r.triple, ensure_ascii=False)
    said = (r.id, str(r.kind), r.stamp_ns, r.text, names, *coordinates(r.position), triple)
    return (*said, r.confidence, r.source, recorded_ns, row.replaced_by, seq)


def entity_from(e: Sequence[object]) -> Entity:
    """The entity of a row of columns :data:`ENTITY`."""
    key, name, ordinal, x, y, z, at, first, last, sure, recorded, merged = e[:12]
    return Entity(
        key, name, ordinal, position(x, y, z), at, first, last, sure, recorded, merged  # type: ignore[arg-type]
    )  # fmt: skip


def values_of_entity(e: Entity) -> Values:
    seen = (e.position_ns, e.first_seen_ns, e.last_seen_ns, e.confidence, e.recorded_ns, e.merged_into)
    return (e.id, e.name, e.ordinal, *coordinates(e.position), *seen)


def fact_from(f: Sequence[object]) -> Fact:
    """The fact of a row of columns :data:`FACT`."""
    return Fact(*f)  # type: ignore[arg-type]


def values_of_fact(f: Fact) -> Values:
    times = (f.valid_from_ns, f.valid_until_ns, f.recorded_ns, f.expired_ns, f.seen_ns)
    return (f.id, f.subject, f.relation, f.object, *times, f.confidence, f.record_id, f.ended_by)


def sighting_from(s: Sequence[object]) -> Sighting:
    """The sighting of a row of columns :data:`SIGHTING`."""
    record, entity, stamp, x, y, z, recorded = s
    return Sighting(record, entity, stamp, position(x, y, z), recorded)  # type: ignore[arg-type]


def values_of_sighting(s: Sighting) -> Values:
    return (s.record_id, s.entity_id, s.stamp_ns, *coordinates(s.position), s.recorded_ns)


def blob(vector: F32) -> bytes:
    return vector.astype("<f4").tobytes()


def vector_from(what: str, data: bytes, dim: int) -> F32:
    """The vector f32 (dim,) in ``data``.

    Raises:
        ValueError: another length, NaN or infinity; ``what`` is named.
    """
    vector = np.frombuffer(data, dtype="<f4").astype(np.float32)
    if vector.shape != (dim,) or not np.isfinite(vector).all():
        raise ValueError(f"{what}: vector of {len(vector)} numbers, expected {dim} finite ones")
    return vector
