"""What was told to a memory, note by note, from its records and its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from robomemory.belief.evidence import Evidence, Told
from robomemory.belief.relations import RELATIONS, denial
from robomemory.graph.scene import Entity
from robomemory.notes import Picture
from robomemory.records import MemoryKind, MemoryRecord
from robomemory.store.queries import StoreReader


@dataclass(frozen=True, slots=True)
class PicturedRecord(MemoryRecord):
    """A record as it is told again with its ``picture``, which no record that is read brings."""

    picture: Picture | None = None

    @classmethod
    def of(cls, record: MemoryRecord, picture: Picture) -> PicturedRecord:
        """``record`` with ``picture``."""
        return cls(**{f.name: getattr(record, f.name) for f in fields(MemoryRecord)}, picture=picture)


def told_notes(store: StoreReader) -> tuple[MemoryRecord, ...]:
    """Everything in ``store`` that still counts, one record a note, in the order it came."""
    told: dict[int, list[Evidence]] = {}
    for e in store.all_evidence():
        told.setdefault(e.note_id, []).append(e)
    records = {record.id: record for record in store.records_that_count()}
    entities = {e.id: e for e in store.things()}
    notes = dict[int, MemoryRecord]()
    for key, record in records.items():
        if record.kind is not MemoryKind.SPATIAL:
            notes[key] = record
        elif key in told:
            first = told[key][0]
            at, sure = first.at, first.confidence
            notes[key] = replace(record, stamp_ns=at.ns, run=at.run, confidence=sure)
        elif not store.evidence_of([key]):  # set aside
            notes[key] = record
    for key, evidence in told.items():
        stands = records.get(evidence[0].record_id)
        if key not in notes and stands is not None:
            notes[key] = _again(evidence, stands, entities)
    order = {key: min((e.id for e in told.get(key, ())), default=0) for key in notes}
    return tuple(notes[key] for key in sorted(notes, key=lambda k: (k if k > 0 else 2**62, order[k])))


def _again(
    evidence: Sequence[Evidence], stands: MemoryRecord, entities: Mapping[int, Entity]
) -> MemoryRecord:
    """The note that said what ``evidence`` holds, which the record ``stands`` says as well; it has no key."""
    seen = next((e for e in evidence if e.told is Told.SEEN), None)
    fact = next((e for e in evidence if e.told in (Told.HOLDS, Told.DENIED)), None)
    named = [entities[e.subject_told].label for e in evidence if e.told is Told.NAMED]
    triple = None
    if fact is not None:
        ends = entities[fact.subject_told].label, entities[fact.object_told].label
        relation = fact.relation if fact.told is Told.HOLDS else denial(fact.relation)
        inverse = _inverse(fact.relation)
        if seen is not None and seen.subject_told == fact.object_told and fact.told is Told.HOLDS and inverse:
            triple = (ends[1], inverse, ends[0])
        else:
            triple = (ends[0], relation, ends[1])
    elif seen is not None:
        named.insert(0, entities[seen.subject_told].label)
    first = evidence[0]
    return replace(
        stands, id=0, stamp_ns=first.at.ns, run=first.at.run, entities=tuple(named), triple=triple,
        position=None if seen is None else seen.position, confidence=first.confidence, source=first.source,
    )  # fmt: skip


def _inverse(relation: str) -> str:
    """A wording of ``relation`` with its ends turned; empty if there is none."""
    found = (
        said for said, m in RELATIONS.meanings.items() if m.relation == relation and m.turned and not m.denied
    )
    return next(found, "")
