"""What holds now: where, what is inside, what is near, who told it, how many."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from robomemory.asking.answers import Answer, AnswerKind, Teller
from robomemory.asking.grammar import AskedFor
from robomemory.asking.names import Named, ThingNames
from robomemory.asking.times import moment_words
from robomemory.asking.words import capital, listed, teller_words, the, times_words, where_words
from robomemory.belief.relations import METRIC, PLACE, RELATIONS, STATE, opposite
from robomemory.graph.scene import SceneFact, SceneGraph
from robomemory.memory import RoboMemory
from robomemory.names import kin, name_key, thing_name
from robomemory.timestamps import FOREVER, Moment

MOST_COUNTED = 20
"""Of how many things that were counted the answer says more than their names."""

NEAR_M = 0.3
"""What is within this distance of a thing [m] is near it, also where no fact says so."""

_ABOUT = frozenset({"near", "next to"})
_ANYTHING = frozenset({"thing", "object", "item", "things known", "different thing", ""})


class PresentAnswers:
    """Answers about ``memory`` as it is ``now``."""

    def __init__(self, memory: RoboMemory, now: Moment, names: ThingNames) -> None:
        self._memory, self._now, self._names = memory, now, names

    def where(self, asked: AskedFor, found: Sequence[Named]) -> Answer:
        """Every thing that the name may mean, with where it is."""
        facts = [f for n in found for f in _own(self._holding(n), n, PLACE | METRIC)]
        candidates = tuple(n.candidate for n in found)
        text = " ".join(where_words(c, self._now) for c in candidates[:5])
        if len(candidates) > 5:
            text += f" {len(candidates) - 5} more things may be meant."
        known = any(c.facts or c.position is not None for c in candidates)
        first = candidates[0]
        return Answer(
            asked.kind, text, known, candidates, facts=tuple(facts), moment=Moment(first.run, first.stamp_ns)
        )

    def inside(self, asked: AskedFor, found: Sequence[Named]) -> Answer:
        """What is in, on or held by each of ``found``, and in those."""
        things: list[str] = []
        facts: list[SceneFact] = []
        said: list[str] = []
        for n in found:
            there = held_by(self._holding(n), n, asked.relation)
            facts += there
            nested = self._memory.past.inside(n.thing, FOREVER)
            mine = list(dict.fromkeys([*(f.subject for f in there), *nested]))
            things += mine
            relation = there[0].relation if there else RELATIONS.meaning(asked.relation or "in").relation
            where = f"{relation} {the(n.label)}"
            said.append(
                f"{capital(where)}: {listed(mine, 12)}." if mine else f"Nothing is known to be {where}."
            )
        return Answer(
            asked.kind, " ".join(said), bool(things), tuple(n.candidate for n in found),
            things=tuple(dict.fromkeys(things)), facts=tuple(facts), count=len(set(things)),
        )  # fmt: skip

    def near(self, asked: AskedFor, found: Sequence[Named]) -> Answer:
        """What stands in the asked relation to each of ``found``; what is within 0.3 m, where it asks for
        what is near."""
        relation = RELATIONS.meaning(asked.relation or "near").relation
        things: list[str] = []
        facts: list[SceneFact] = []
        said: list[str] = []
        for n in found:
            mine: list[str] = []
            for fact in self._holding(n):
                there = {fact.relation, "near"} if fact.relation in _ABOUT else {fact.relation}
                if fact.object == n.label and relation in there:
                    mine.append(fact.subject)
                elif fact.subject == n.label and (
                    opposite(fact.relation) == relation or relation in there & _ABOUT
                ):
                    mine.append(fact.object)
                else:
                    continue
                facts.append(fact)
            if relation in _ABOUT and n.candidate.position is not None:
                mine += self._around(n)
            mine = list(dict.fromkeys(mine))
            things += mine
            what = f"{relation} {the(n.label)}"
            said.append(
                f"{capital(what)}: {listed(mine, 12)}." if mine else f"Nothing is known to be {what}."
            )
        return Answer(
            asked.kind, " ".join(said), bool(things), tuple(n.candidate for n in found),
            things=tuple(dict.fromkeys(things)), facts=tuple(facts),
        )  # fmt: skip

    def who(self, asked: AskedFor, found: Sequence[Named]) -> Answer:
        """Who saw each of ``found`` or told of it; of the asked fact alone, if there is one."""
        tellers: list[Teller] = []
        said: list[str] = []
        holders = self._names.meant(asked.holder) if asked.holder else None
        for n in found:
            mine = n.tellers(holders)
            tellers += mine
            each = listed([teller_words(t, self._now) for t in mine])
            said.append(f"{capital(the(n.label))}: {each}." if mine else f"Nobody told of {the(n.label)}.")
        facts = [
            f for n in found for f in _own(self._holding(n), n, PLACE | METRIC | STATE)
        ]  # what their words add up to
        return Answer(
            asked.kind, " ".join(said), bool(tellers), tuple(n.candidate for n in found),
            facts=tuple(facts), tellers=tuple(tellers), moment=max((t.last for t in tellers), default=None),
        )  # fmt: skip

    def when_seen(self, asked: AskedFor, found: Sequence[Named]) -> Answer:
        """When each of ``found`` was seen or told of first and last, and how often."""
        said = []
        for n in found:
            e, c = n.thing, n.candidate
            last, first = moment_words(e.last_seen, self._now), moment_words(e.first_seen, self._now)
            said.append(f"{capital(the(c.name))} was seen or told of {times_words(c.times)}, last at {last}"
                        f"{f', first at {first}' if c.times > 1 else ''}.")  # fmt: skip
        return Answer(
            asked.kind, " ".join(said), True, tuple(n.candidate for n in found), holds=True,
            tellers=tuple(t for n in found for t in n.tellers()),
            moment=max(n.thing.last_seen for n in found),
        )  # fmt: skip

    def is_it(self, asked: AskedFor, found: Sequence[Named]) -> Answer:
        """Whether one of ``found`` is in that relation now."""
        facts = [f for n in found for f in _own(self._holding(n), n, None)]
        others = self._names.meant(asked.holder)
        holds = holding(asked, found, facts, others)
        if holds is not True and _says_in(asked) and others:
            inner = {label for n in others for label in self._memory.past.inside(n.thing, FOREVER)}
            holds = True if inner & {n.label for n in found} else holds
        shown = of_relation(facts, asked)
        if holds is None and asked.relation == "is" and asked.holder in ("empty", "full"):
            there = self.inside(AskedFor(AnswerKind.INSIDE, holder=asked.thing), found)
            if there.known:
                holds, shown = (False if asked.holder == "empty" else None), list(there.facts)
        word = {True: "Yes", False: "No", None: "That is not known"}[holds]
        because = f": {listed([str(f) for f in shown])}." if shown else "."
        return Answer(
            asked.kind, word + because, holds is not None, tuple(n.candidate for n in found), holds=holds,
            facts=tuple(shown),
        )  # fmt: skip

    def count(self, asked: AskedFor) -> Answer:
        """How many things of the asked name are known, or are in the asked place."""
        wanted = name_key(thing_name(asked.thing))
        if asked.holder:
            places = self._names.meant(asked.holder)
            there = self.inside(
                AskedFor(AnswerKind.INSIDE, holder=asked.holder, relation=asked.relation), places
            )
            labels = [label for label in there.things if _counts(wanted, label)] if places else []
            shown = labels[:MOST_COUNTED]
            candidates = tuple(n.candidate for label in shown for n in self._names.meant(label)[:1])
            known = bool(places)
        elif wanted in _ANYTHING:
            labels = _things(self._memory.scene())
            candidates, known = (), True
        else:
            named = self._names.meant(asked.thing)
            kindred = [n for n in named if _counts(wanted, n.label)]
            labels = [n.label for n in kindred]
            candidates = tuple(n.candidate for n in kindred[:MOST_COUNTED])
            known = bool(kindred)
        several = "things" if wanted in _ANYTHING else f"of the name {wanted}"
        text = f"{len(labels)} {several}{': ' if labels else ''}{listed(labels, 12)}."
        return Answer(asked.kind, text, known, candidates, things=tuple(labels), count=len(labels))

    def _holding(self, named: Named) -> list[SceneFact]:
        return [f for f in self._memory.past.told_of(named.thing) if f.valid_until_ns is None]

    def _around(self, named: Named) -> list[str]:
        """Labels of the things within ``NEAR_M``, the nearest first."""
        here = named.candidate.position
        assert here is not None
        spots = [
            (math.dist(here, thing.position), thing.name)
            for thing in self._memory.scene().objects
            if thing.position is not None and thing.name != named.label
        ]
        return [name for distance, name in sorted(spots) if distance <= NEAR_M]


def held_by(facts: Iterable[SceneFact], named: Named, relation: str) -> list[SceneFact]:
    """Those of ``facts`` that put something in, on or into the hand of ``named``: as ``relation`` says it,
    else in any such way, because "on the tray" and "in the tray" are often one."""
    there = [f for f in facts if f.relation in PLACE and f.object == named.label]
    meant = RELATIONS.meaning(relation).relation if relation else ""
    return [f for f in there if f.relation == meant] or there


def holding(
    asked: AskedFor, found: Sequence[Named], facts: Sequence[SceneFact], others: Sequence[Named]
) -> bool | None:
    """Whether ``facts``, which held at the asked time, say what is ``asked``; None if they don't tell."""
    meaning = RELATIONS.meaning(asked.relation or "in")
    mine = {n.label for n in found}
    if meaning.relation in STATE:
        states = {f.object for f in facts if f.relation in STATE and f.subject in mine}
        wanted = thing_name(asked.holder)
        group = RELATIONS.group_of_state(wanted)
        if any(name_key(state) == name_key(wanted) for state in states):
            return True
        return False if any(RELATIONS.group_of_state(state) == group for state in states) else None
    theirs = {n.label for n in others}
    if meaning.relation in PLACE:
        placed = [f for f in facts if f.relation in PLACE and f.subject in mine]
        if any(f.object in theirs for f in placed):
            return True
        return False if placed else None
    for f in facts:
        same = f.relation == meaning.relation
        if (f.subject in mine and f.object in theirs and same) or (
            f.subject in theirs and f.object in mine and opposite(f.relation) == meaning.relation
        ):
            return True
        if f.subject in mine and f.object in theirs and opposite(f.relation) == meaning.relation:
            return False
    return None


def _own(facts: Iterable[SceneFact], named: Named, relations: frozenset[str] | None) -> list[SceneFact]:
    return [f for f in facts if f.subject == named.label and (relations is None or f.relation in relations)]


def of_relation(facts: Sequence[SceneFact], asked: AskedFor) -> list[SceneFact]:
    """Those of ``facts`` that are of the asked relation, or of one that excludes it."""
    meant = RELATIONS.meaning(asked.relation or "in").relation
    group = PLACE if meant in PLACE else {meant}
    return [f for f in facts if f.relation in group]


def _things(scene: SceneGraph) -> list[str]:
    """Labels of the things of ``scene``; a state that something is in ("open") is none."""
    states = {f.object for f in (*scene.facts, *scene.past) if f.relation in STATE}
    states -= {f.subject for f in (*scene.facts, *scene.past)}
    return [thing.name for thing in scene.objects if thing.position is not None or thing.name not in states]


def _says_in(asked: AskedFor) -> bool:
    return RELATIONS.meaning(asked.relation or "in").relation in PLACE


def _counts(wanted: str, label: str) -> bool:
    bare = re.sub(r"[ #]+\d+$", "", label)  # "box 7" is a box, too
    return wanted in _ANYTHING or name_key(bare) == wanted or kin(bare, wanted)
