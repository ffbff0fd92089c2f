"""The knowledge of the agent: everything it saw (RoboMemory), or only the last steps.

All conditions obey the same rules: a newer fact ends an older one that excludes it, and a thing that is not
where it should be is elsewhere. They differ only in which views are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from robomemory import Note, RoboMemory
from robomemory.names import exclusive, normal_name, normal_triple
from robomemory.planning import ROBOT, Facts, seen
from robomemory.records import Triple
from vista_bench.textworlds.view import ELSEWHERE, KIND, PLACES, VOLATILE, View, WorldBelief

SEEN_IN = "looked into during"
"""(place, "looked into during", attempt): a place seen in another attempt may hold other things by now."""

DURING = " during "
"""(thing, "cut during attempt 1", state): the treatment of a thing, and in which attempt."""


class Mind(Protocol):
    """Keeps views and tells the belief that follows from them."""

    def see(self, view: View, said: str) -> None:
        """Keep ``view``, the answer to the step ``said``."""
        ...

    def belief(self) -> WorldBelief:
        """The present belief."""
        ...


def triples(view: View, attempt: str) -> list[Triple]:
    """All that ``view`` tells, in one spelling and a fixed order."""
    found = [normal_triple(s, f"{r}{DURING}{attempt}" if r in VOLATILE else r, o) for s, r, o in view.facts]
    found += [(normal_name(place), SEEN_IN, attempt) for place in view.looked]
    found += [(normal_name(name), KIND, kind) for name, kind in view.kinds.items()]
    return sorted(set(found))


def gone(view: View, facts: Iterable[Triple]) -> list[Triple]:
    """(thing, "in", "elsewhere") for what ``facts`` have in a place that ``view`` shows whole, without it."""
    looked = {normal_name(place) for place in view.looked}
    shown = {normal_triple(*t)[0] for t in view.facts if t[1] in PLACES}
    return [(s, "in", ELSEWHERE) for s, r, o in facts if r in PLACES and o in looked and s not in shown]


def fold(facts: dict[Triple, None], new: Iterable[Triple]) -> None:
    """Add ``new`` to ``facts`` and remove the facts that they exclude. The rules of RoboMemory's graph,
    without its history."""
    for triple in new:
        subject, relation, _ = triple
        group = exclusive(relation)
        for old in [f for f in facts if f[0] == subject and f[1] in group and f != triple]:
            del facts[old]
        facts[triple] = None


def to_belief(facts: Iterable[Triple], attempt: str, before: Mapping[str, Sequence[Triple]]) -> WorldBelief:
    """The facts of the graph in the words of planning. A thing of which nobody knows where it is counts as
    being where it was in earlier times, ``before`` {thing: facts, the first first}, as long as nobody looked
    there."""
    kept: set[Triple] = set()
    kinds: dict[str, str] = {}
    searched: set[str] = set()
    for subject, relation, thing in facts:
        if relation == KIND:
            kinds[subject] = thing
        elif relation.partition(DURING)[0] in VOLATILE:
            done, _, when = relation.partition(DURING)
            kept |= {(subject, done, thing)} if when == attempt else set()
        elif relation != SEEN_IN:
            kept.add((subject, relation, thing))
        elif thing == attempt:
            kept.add(seen(subject))
        else:
            searched.add(subject)
    placed = {s for s, r, o in kept if r in PLACES and o != ELSEWHERE}
    for name, facts_before in before.items():
        if name not in placed:
            kept |= set([f for f in facts_before if seen(f[2]) not in kept][:1])
    return WorldBelief(frozenset(kept), kinds, frozenset(searched))


class Recent:
    """Remembers the last ``steps`` views; 1: the present view and nothing else."""

    def __init__(self, steps: int) -> None:
        self._views: deque[View] = deque(maxlen=steps)

    def see(self, view: View, said: str) -> None:
        self._views.append(view)

    def belief(self) -> WorldBelief:
        facts: dict[Triple, None] = {}
        for view in self._views:
            missing = gone(view, facts)
            fold(facts, [*triples(view, "attempt"), *missing])
        return to_belief(facts, "attempt", {})


class Remembering:
    """Remembers everything in ``memory``: facts in the spatial, one line a step in the temporal memory.
    Begins attempt number ``attempt`` in the scene that ``memory`` belongs to."""

    def __init__(self, memory: RoboMemory, attempt: int = 1) -> None:
        self._memory, self._attempt = memory, f"attempt {attempt}"
        self._stamp = 1 + max((r.stamp_ns for r in memory.records()), default=0)
        self._facts: Facts | None = None
        self._before = _before(memory)

    def see(self, view: View, said: str) -> None:
        known = self._known()
        missing = gone(view, known)
        news = [t for t in (*triples(view, self._attempt), *missing) if t not in known]
        notes = [Note("spatial", " ".join(t), self._stamp, (t[0], t[2]), None, t) for t in news]
        line = " ".join(f"{said}: {view.text}".split())[:300]
        self._memory.remember([*notes, Note("temporal", line, self._stamp)])
        self._stamp += 1
        self._facts = None

    def belief(self) -> WorldBelief:
        return to_belief(self._known(), self._attempt, self._before)

    def _known(self) -> Facts:
        if self._facts is None:
            scene = self._memory.scene()
            self._facts = frozenset((f.subject, f.relation, f.object) for f in scene.facts)
        return self._facts


def _before(memory: RoboMemory) -> dict[str, tuple[Triple, ...]]:
    """{thing: where it was in earlier attempts, as facts, the first first}."""
    scene = memory.scene()
    places: dict[str, list[Triple]] = {}
    for fact in sorted((*scene.past, *scene.facts), key=lambda f: f.valid_from_ns):
        if fact.relation in PLACES and fact.subject != ROBOT and fact.object not in (ELSEWHERE, ROBOT):
            places.setdefault(fact.subject, []).append((fact.subject, fact.relation, fact.object))
    return {thing: tuple(dict.fromkeys(where)) for thing, where in places.items()}
