"""What changes in the graph once other things than before are one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Protocol

from robomemory.belief.evidence import ALONE, CLAIMS, Evidence, Told
from robomemory.belief.identity import Pair, Rank, RegroupedSource, WhoIsWho, pair, who_is_who
from robomemory.belief.sources import EvidenceSource
from robomemory.graph.current_graph import SceneState
from robomemory.graph.scene import BEFORE_ALL, Entity, Sighting
from robomemory.names import name_key
from robomemory.timestamps import FOREVER
from robomemory.update_protocol import Move


class RegroupingSource(EvidenceSource, Protocol):
    """What has to be known of things that are grouped anew."""

    def evidence(self, things: Sequence[int]) -> Sequence[Evidence]: ...
    def mentions(self, thing: int) -> Sequence[Sighting]: ...


@dataclass(frozen=True, slots=True)
class Regrouping:
    """``who`` is who from now on; ``moves``: the things that another one stands for than before; ``things``
    {key: thing} of the groups that it concerns, as they are now, with the places they had; ``stale``: the things whose
    belief has to be worked out anew, from ``source``; ``mentions``: rows of what only named a thing, that are
    of another thing now."""

    who: WhoIsWho
    moves: tuple[Move, ...]
    things: Mapping[int, Entity]
    stale: frozenset[int]
    source: EvidenceSource
    mentions: tuple[Sighting, ...]


def regrouped(
    state: SceneState,
    source: RegroupingSource,
    thing: Callable[[int], Entity],
    new: Sequence[Evidence],
    gone: Collection[Evidence] = (),
    fresh: Collection[int] = (),
) -> Regrouping | None:
    """What changes with the evidence ``new`` and without ``gone``; None: who is who stays as it is. ``thing``
    gives a thing as it stands, ``fresh`` are those that are not in ``state``."""
    before = state.who
    claims_moved = any(e.told in CLAIMS for e in (*new, *gone))
    if not claims_moved:
        if not before.kept:
            return None
        touched = {end for e in (*gone, *(e for e in new if _first(state, e))) for end in _told_of(e)}
        if not touched & before.kept.keys():
            return None
    taken = {e.id for e in gone}
    ends = {end for e in (*new, *gone) for end in _told_of(e)}
    ends = {end for end in ends if end in before.kept or claims_moved}
    claims = [c for c in (*state.claims, *new) if c.told in CLAIMS and c.id not in taken]
    affected = {member for end in ends for member in before.members(before.of(end))}
    known = sorted({before.of(key) for key in affected} - set(fresh))
    told = [e for e in source.evidence(known) if e.told is not Told.EMPTY]
    left = [*(e for e in told if e.id not in taken), *new]
    linked = {end for link in state.links for end in link}
    own = {
        key: _own(thing(key), [e for e in left if key in _told_of(e)], old=key in linked) for key in affected
    }

    def rank(key: int) -> Rank:
        entity = own.get(key) or thing(key)
        return entity.first_seen, entity.label

    after = who_is_who(claims, _ruled(state, thing, claims, fresh), rank)
    affected |= {m for key in ends for m in after.members(after.of(key))}
    own |= {key: thing(key) for key in affected - own.keys()}
    moved = sorted(key for key in affected if before.of(key) != after.of(key))
    stale = {by for key in affected for by in (before.of(key), after.of(key))} if moved else set[int]()
    return Regrouping(
        after,
        tuple(Move(key, before.of(key), after.of(key)) for key in moved),
        {key: _as_group(key, own, after) for key in affected | stale & own.keys()},
        frozenset(stale),
        RegroupedSource(source, before, after, told),
        tuple(_mentions(source, told, before, after, known, {e.record_id for e in gone})) if moved else (),
    )


def _told_of(e: Evidence) -> tuple[int, ...]:
    return tuple(end for end in (e.subject_told, e.object_told) if end)


def _first(state: SceneState, e: Evidence) -> bool:
    """Whether ``e`` is told of a time at which nothing was known of its things: another may be first now."""
    known = (state.who.of(end) for end in _told_of(e) if end in state.who.kept)
    return any(e.at <= state.thing(key).first_seen for key in known)


def _own(entity: Entity, told: Sequence[Evidence], *, old: bool) -> Entity:
    """``entity`` as ``told`` knows it by itself; an ``old`` merge left nothing that tells of it."""
    if not told:
        return replace(entity, merged_into=None) if old else unknown(entity)
    moments = [e.at for e in told]
    sure = entity.confidence if entity.position is not None else max(e.confidence for e in told)
    return replace(entity, first_seen=min(moments), last_seen=max(moments), confidence=sure, merged_into=None)


def unknown(entity: Entity) -> Entity:
    """``entity`` when nothing is known of it any more."""
    return replace(
        entity, position=None, position_at=BEFORE_ALL, first_seen=FOREVER, last_seen=BEFORE_ALL,
        confidence=0.0, merged_into=None,
    )  # fmt: skip


def _as_group(key: int, own: Mapping[int, Entity], who: WhoIsWho) -> Entity:
    """The thing ``key``: merged into the one that stands for it, or as all that it stands for are known."""
    entity = own[key]
    if (by := who.of(key)) != key:
        return replace(entity, merged_into=by)
    members = [own[each] for each in who.members(key)]
    return replace(
        entity,
        first_seen=min(e.first_seen for e in members),
        last_seen=max(e.last_seen for e in members),
        confidence=max(e.confidence for e in members),
        merged_into=None,
    )


def _ruled(
    state: SceneState, thing: Callable[[int], Entity], claims: Iterable[Evidence], fresh: Collection[int]
) -> set[Pair]:
    """The pairs that are one without a claim: those of older stores, and names that differ in spelling."""
    found = {pair(*link) for link in state.links}
    new = [thing(key) for key in fresh]
    for key in {end for c in claims for end in _told_of(c)} | set(fresh):
        mine = thing(key)
        if mine.ordinal == 1:
            alike = state.spelled_alike(mine.name) | {
                e.id for e in new if e.ordinal == 1 and name_key(e.name) == name_key(mine.name)
            }
            found |= {pair(*two) for two in combinations(sorted(alike | {key}), 2)}
    return found


def _mentions(
    source: RegroupingSource, told: Sequence[Evidence], before: WhoIsWho, after: WhoIsWho,
    known: Sequence[int], gone: Collection[int],
) -> list[Sighting]:  # fmt: skip
    named: dict[tuple[int, int], list[int]] = defaultdict(list)
    for e in told:
        if e.told is Told.NAMED and e.relation == ALONE and e.note_id == e.record_id:
            named[before.of(e.subject_told), e.record_id].append(e.subject_told)
    found = []
    for key in known:
        rows = [row for row in source.mentions(key) if row.record_id not in gone]
        ends = {(key, row.record_id): iter(sorted(named[key, row.record_id])) for row in rows}
        for row in sorted(rows, key=lambda r: r.id):
            end = next(ends[key, row.record_id], key)
            if after.of(end) != key:
                found.append(replace(row, entity_id=after.of(end)))
    return found
