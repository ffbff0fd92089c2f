"""Gathers the local graph around what an update brought (arXiv 2508.01415, Algorithm 2, steps 1 to 5)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from robomemory.belief.relations import METRIC, PLACE, STATE
from robomemory.embed.embedder import F32
from robomemory.graph.current_graph import SceneState
from robomemory.graph.entity_merging import ONE_THING_M
from robomemory.graph.scene import Fact
from robomemory.names import name_key
from robomemory.resolving.local_graph import Edge, LocalGraph, OpenQuestion, QuestionKind, Vertex
from robomemory.timestamps import Moment
from robomemory.update_protocol import Change

ALIKE = 0.6
"""Cosine of two names from which it is asked whether they mean one thing."""

MOST_VERTICES = 60  # shown to a resolver, the nearest to what is new
_RULED = PLACE | STATE | METRIC


@dataclass(frozen=True, slots=True)
class Raised:
    """What one update brought to the graph: keys of the new ``facts`` and of the new ``things``."""

    facts: tuple[int, ...] = ()
    things: tuple[int, ...] = ()


def raised_by(change: Change) -> Raised:
    """What ``change``, which was committed, brought."""
    new = {row.record.id for row in change.rows}
    facts = tuple(f.id for f in change.facts if f.open and f.record_id in new)
    return Raised(facts, tuple(key for key, _ in change.names))


class NameVectors(Protocol):
    """The unit vectors of the things' names."""

    def vector(self, key: int) -> F32 | None: ...
    def search(self, vector: F32, k: int) -> list[tuple[int, float]]: ...


def edges_among(state: SceneState, vertices: Collection[int]) -> dict[int, Fact]:
    """{key: fact} of the facts that hold with both ends among ``vertices``: the induced sub-graph."""
    found = (fact for key in vertices for fact in state.facts_at(key))
    return {f.id: f for f in found if f.subject in vertices and f.object in vertices}


def gather(
    state: SceneState,
    names: NameVectors,
    grow: Callable[[dict[int, float]], Mapping[int, float]],
    raised: Raised,
    seeds: int,
) -> LocalGraph | None:
    """The local graph of what was ``raised`` and still stands: from the ``seeds`` things whose names are most
    like each new end, as far as ``grow`` follows the facts. None: nothing of it stands."""
    new = {key: state.facts[key] for key in raised.facts if key in state.facts}
    things = [key for key in raised.things if key in state.graph]
    first = list(dict.fromkeys([*(end for f in new.values() for end in (f.subject, f.object)), *things]))
    if not first:
        return None
    questions = [*_rivals(state, new), *_which(state, new), *_twins(state, names, things)]
    likeness: dict[int, float] = dict.fromkeys(first, 1.0)
    for key in (key for q in questions for key in q.vertices):
        likeness.setdefault(key, 1.0)
    for key in first:
        vector = names.vector(key)
        for other, cosine in names.search(vector, seeds) if vector is not None else ():
            if cosine > 0 and other in state.entities:
                likeness[other] = max(likeness.get(other, 0.0), cosine)
    reach = grow(likeness)
    nearest = sorted((key for key in reach if key in state.entities), key=lambda key: (-reach[key], key))
    keys = set(nearest[:MOST_VERTICES]) | set(first)
    facts = edges_among(state, keys) | new
    at = [f.seen for f in new.values()] + [state.entities[key].last_seen for key in things]
    last = {key: state.last[key].record_id for key in things if key in state.last}
    return LocalGraph(
        tuple(_vertex(state, key, key in things) for key in sorted(keys)),
        tuple(_edge(f, f.id in new) for f in sorted(facts.values(), key=lambda f: f.id)),
        tuple(q for q in questions if keys.issuperset(q.vertices) and facts.keys() >= set(q.edges)),
        max(at, default=Moment(0, 0)),
        tuple(sorted({*(f.record_id for f in new.values()), *last.values()})),
    )


def _vertex(state: SceneState, key: int, new: bool) -> Vertex:
    entity = state.entities[key]
    return Vertex(key, entity.label, entity.position, entity.last_seen, new)


def _edge(f: Fact, new: bool) -> Edge:
    return Edge(f.id, f.subject, f.relation, f.object, f.valid_from, f.seen, f.confidence, f.record_id, new)


def _rivals(state: SceneState, new: Mapping[int, Fact]) -> Iterable[OpenQuestion]:
    """Two relations of the same two things, of which no rule knows whether one excludes the other."""
    for fact in new.values():
        if fact.relation in _RULED:
            continue
        for other in state.out_of(fact.subject):
            unlike = other.relation != fact.relation and other.relation not in _RULED
            if other.object == fact.object and unlike and (other.id < fact.id or other.id not in new):
                yield OpenQuestion(QuestionKind.BOTH_HOLD, (other.id, fact.id))


def _which(state: SceneState, new: Mapping[int, Fact]) -> Iterable[OpenQuestion]:
    """A name that several things have, in a fact that came without a place of its own."""
    for fact in new.values():
        for end in (fact.subject, fact.object):
            alike = state.by_name.get(name_key(state.entities[end].name), [])
            placed = end in state.last and state.last[end].record_id == fact.record_id
            if len(alike) > 1 and not placed:
                yield OpenQuestion(QuestionKind.WHICH_THING, (fact.id,), tuple(sorted(set(alike))))


def _twins(state: SceneState, names: NameVectors, things: Iterable[int]) -> Iterable[OpenQuestion]:
    """A new thing at the place where one thing of an alike name was seen last, in another frame."""
    for key in things:
        thing, vector = state.entities[key], names.vector(key)
        if thing.position is None or vector is None:
            continue
        alike = []
        for other in state.near(thing.position, ONE_THING_M):
            known, theirs = state.entities[other], names.vector(other)
            if other == key or theirs is None or known.position_at == thing.position_at:
                continue
            if math.fsum(a * b for a, b in zip(vector, theirs, strict=True)) >= ALIKE:
                alike.append(other)
        if len(alike) == 1:
            yield OpenQuestion(QuestionKind.SAME_THING, (), (alike[0], key))
