"""Rows of the store's tables from and to the words of RoboMemory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple

import numpy as np

from robomemory.belief.confirmations import EvidenceCount
from robomemory.belief.evidence import Evidence, Told
from robomemory.embed.embedder import F32
from robomemory.graph.scene import Entity, Fact, Sighting
from robomemory.notes import Failure, Picture, Plain, StepDone, Triple
from robomemory.places.regions import box_from_numbers
from robomemory.records import MemoryKind, MemoryRecord, Position
from robomemory.timestamps import Moment
from robomemory.update_protocol import RecordRow

RECORD = (
    "id, kind, stamp_ns, text, entities, x, y, z, triple, confidence, source, replaced_by, run"
    ", step, failures, metadata, frame"
)
RECORD_ALL = (
    "id, kind, stamp_ns, text, entities, x, y, z, triple, confidence, source, recorded_ns, replaced_by, seq,"
    " run, step, failures, metadata, frame"
)
ENTITY = (
    "id, name, ordinal, x, y, z, position_ns, first_seen_ns, last_seen_ns, confidence, recorded_ns,"
    " merged_into, position_run, first_seen_run, last_seen_run"
)
FACT = (
    "id, subject, relation, object, valid_from_ns, valid_until_ns, recorded_ns, expired_ns, seen_ns,"
    " confidence, record_id, ended_by, from_run, until_run, seen_run, times, newest_id, sources"
)
SIGHTING = (
    "id, record_id, entity_id, stamp_ns, x, y, z, recorded_ns, run, until_ns, until_run, expired_ns, seen_ns,"
    " seen_run, times, confidence, newest_id, sources"
)
EVIDENCE = (
    "id, note_id, record_id, told, subject, relation, object, run, stamp_ns, x, y, z, radius, confidence,"
    " source, recorded_ns, retracted_ns, subject_told, object_told, box"
)
PICTURE = "record_id, encoder, vector, data"

Values = tuple[object, ...]


def _moment(run: object, ns: object) -> Moment:
    return Moment(run, ns)  # type: ignore[arg-type]


def position(x: float | None, y: float | None, z: float | None) -> Position | None:
    return None if x is None or y is None or z is None else (x, y, z)


def coordinates(xyz: Position | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if xyz is None else (float(xyz[0]), float(xyz[1]), float(xyz[2]))


def record_from(r: Sequence[object]) -> MemoryRecord:
    """The record of a row of columns :data:`RECORD`.

    Raises:
        ValueError, TypeError: the row does not hold what it should.
    """
    key, kind, stamp, text, names, x, y, z, triple, sure, source, _, run, *told = r[:17]
    step, failures, more, frame = told
    said = _plain(triple)
    return MemoryRecord(
        key, MemoryKind(kind), stamp, text, tuple(json.loads(str(names))),  # type: ignore[arg-type]
        position(x, y, z), None if said is None else tuple(said), sure, source, run,  # type: ignore[arg-type]
        _plain(step), _plain(failures), _plain(more), frame,  # type: ignore[arg-type]
    )  # fmt: skip


def _plain(text: object) -> object:
    """What the JSON ``text`` says; most often that there is nothing."""
    return None if text == "null" else () if text == "[]" else {} if text == "{}" else json.loads(str(text))


def values_of_record(row: RecordRow, recorded_ns: int, seq: int) -> Values:
    """What a row of ``records`` holds, in the order of its columns."""
    r = row.record
    names, triple = json.dumps(r.entities, ensure_ascii=False), triple_text(r.triple)
    said = (r.id, str(r.kind), r.stamp_ns, r.text, names, *coordinates(r.position), triple)
    told = (r.confidence, r.source, recorded_ns, row.replaced_by, seq, r.moment.run)
    return (*said, *told, step_text(r.step), failures_text(r.failures), metadata_text(r.metadata), r.frame)


def values_of_picture(row: RecordRow) -> Values:
    """What a row of ``pictures`` holds, in the order of its columns; without a vector no encoder is named."""
    picture = row.picture
    assert picture is not None
    if picture.vector is None:
        return row.record.id, "", None, picture.data
    return row.record.id, picture.encoder, blob(np.asarray(picture.vector, np.float32)), picture.data


def picture_from(encoder: object, vector: object, data: object) -> Picture:
    """The picture of a row of columns :data:`PICTURE`, its key aside.

    Raises:
        ValueError: the row does not hold what it should.
    """
    numbers = None if vector is None else np.frombuffer(_blob_of(vector), dtype="<f4")
    return Picture(_blob_of(data), None if numbers is None else tuple(map(float, numbers)), str(encoder))


def _blob_of(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError(f"{type(value).__name__}, expected bytes")
    return value


def triple_text(triple: Triple | None) -> str:
    """``triple`` as the column of that name holds it: a list in JSON."""
    return json.dumps(triple, ensure_ascii=False)


def step_text(step: StepDone | None) -> str:
    """``step`` as the column of that name holds it: a list of its fields in JSON."""
    return json.dumps(None if step is None else astuple(step), ensure_ascii=False)


def failures_text(failures: Sequence[Failure]) -> str:
    """``failures`` as the column of that name holds it: a list of lists of their fields in JSON."""
    return json.dumps([astuple(each) for each in failures], ensure_ascii=False)


def metadata_text(metadata: Mapping[str, Plain]) -> str:
    """``metadata`` as the column of that name holds it: an object in JSON."""
    return json.dumps(dict(metadata), ensure_ascii=False, sort_keys=True)


def entity_from(e: Sequence[object]) -> Entity:
    """The entity of a row of columns :data:`ENTITY`."""
    key, name, ordinal, x, y, z, at, first, last, sure, recorded, merged, *runs = e[:15]
    seen, born, said = (_moment(run, ns) for run, ns in zip(runs, (at, first, last), strict=True))
    return Entity(
        key, name, ordinal, position(x, y, z), seen, born, said, sure, recorded, merged  # type: ignore[arg-type]
    )  # fmt: skip


def values_of_entity(e: Entity) -> Values:
    moments = (e.position_at, e.first_seen, e.last_seen)
    seen = (*(m.ns for m in moments), e.confidence, e.recorded_ns, e.merged_into, *(m.run for m in moments))
    return (e.id, e.name, e.ordinal, *coordinates(e.position), *seen)


def fact_from(f: Sequence[object]) -> Fact:
    """The fact of a row of columns :data:`FACT`."""
    key, subject, relation, obj, start, end, recorded, expired, seen, sure, record, ended, *runs = f[:15]
    times, newest, sources = f[15:18]
    until = None if end is None else _moment(runs[1], end)
    return Fact(
        key, subject, relation, obj, _moment(runs[0], start), until, recorded, expired,  # type: ignore[arg-type]
        _moment(runs[2], seen), sure, record, ended, times, newest,  # type: ignore[arg-type]
        tuple(json.loads(str(sources))),
    )  # fmt: skip


def values_of_fact(f: Fact) -> Values:
    until = (0, None) if f.valid_until is None else f.valid_until
    times = (f.valid_from.ns, until[1], f.recorded_ns, f.expired_ns, f.seen.ns)
    runs = (f.valid_from.run, until[0], f.seen.run)
    said = (f.times, f.newest_id, json.dumps(f.sources, ensure_ascii=False))
    return (
        f.id,
        f.subject,
        f.relation,
        f.object,
        *times,
        f.confidence,
        f.record_id,
        f.ended_by,
        *runs,
        *said,
    )


def sighting_from(s: Sequence[object]) -> Sighting:
    """The sighting of a row of columns :data:`SIGHTING`."""
    key, record, entity, stamp, x, y, z, recorded, run, end, end_run, expired, seen, *more = s[:18]
    seen_run, times, sure, newest, sources = more
    until = None if end is None else _moment(end_run, end)
    return Sighting(
        key, record, entity, _moment(run, stamp), position(x, y, z), recorded, until,  # type: ignore[arg-type]
        expired, _moment(seen_run, seen), times, sure, newest,  # type: ignore[arg-type]
        tuple(json.loads(str(sources))),
    )  # fmt: skip


def values_of_sighting(s: Sighting) -> Values:
    until = (0, None) if s.until is None else s.until
    told = (s.id, s.record_id, s.entity_id, s.at.ns, *coordinates(s.position), s.recorded_ns, s.at.run)
    said = (s.seen.ns, s.seen.run, s.times, s.confidence, s.newest_id)
    return (*told, until[1], until[0], s.expired_ns, *said, json.dumps(s.sources, ensure_ascii=False))


def count_from(r: Sequence[object]) -> EvidenceCount:
    """The count of a row (record, denial, source, run, first and last stamp, notes, confidence, number)."""
    key, denial, source, run, first, last, notes, sure, newest = r
    sources = frozenset({str(source)} if source else ())
    moments = _moment(run, first), _moment(run, last)
    return EvidenceCount(key, bool(denial), sources, *moments, notes, sure, newest)  # type: ignore[arg-type]


def evidence_from(e: Sequence[object]) -> Evidence:
    """The evidence of a row of columns :data:`EVIDENCE`."""
    key, note, record, told, subject, relation, obj, run, ns, x, y, z, radius, *more, box = e[:20]
    return Evidence(
        key, note, record, Told(told), subject, relation, obj, _moment(run, ns),  # type: ignore[arg-type]
        position(x, y, z), radius, *more,  # type: ignore[arg-type]
        box=box_from_numbers(json.loads(str(box))) if box else None,  # type: ignore[misc]
    )  # fmt: skip


def outline_from(row: Sequence[object]) -> Iterator[Evidence]:
    """The first and the last piece of evidence of a row (number, record, told, subject, relation, object,
    run, first and last stamp, the things that it was told of)."""
    key, record, told, subject, relation, obj, run, first, last, *ends = row
    for ns in (first, last) if first != last else (first,):
        yield Evidence(
            key, record, record, Told(told), subject, relation, obj, _moment(run, ns),  # type: ignore[arg-type]
            None, 0.0, 0.0, "", 0, None, *ends,  # type: ignore[arg-type]
        )  # fmt: skip


def values_of_evidence(e: Evidence) -> Values:
    said = (e.id, e.note_id, e.record_id, int(e.told), e.subject, e.relation, e.object, e.at.run, e.at.ns)
    where = (*coordinates(e.position), e.radius_m)
    ends = (e.subject_told or e.subject, e.object_told or e.object)
    box = "" if e.box is None else json.dumps(e.box.numbers)
    return (*said, *where, e.confidence, e.source, e.recorded_ns, e.retracted_ns, *ends, box)


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
