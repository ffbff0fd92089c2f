"""Which things the names in a question mean: by the names of the graph, never by likeness."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from robomemory.asking.answers import Teller
from robomemory.asking.grammar import slip
from robomemory.front.candidates import Candidate, candidate_of
from robomemory.graph.scene import Entity, Whereabouts
from robomemory.memory import RoboMemory
from robomemory.names import content, kin, name_key, thing_name
from robomemory.store.past.tellings import Telling
from robomemory.timestamps import Moment

_OWNED = re.compile(r"(my|your|his|her|our|their|\S+['\u2019]s)\b")
_PLACED = re.compile(r" (?:in|on|from|at|with|near|under|behind|of|inside|over|by) .*$")
_JOINED = re.compile(r",| and | or | & ")
_SHORTEST = 4
"""Letters that a word must have before one too many or too few is forgiven; two
swapped ones are from 3 on."""


class Named:
    """A ``thing`` of ``memory`` that a name means. What was told of it is read when it is asked for."""

    def __init__(self, memory: RoboMemory, thing: Entity) -> None:
        self._memory, self.thing = memory, thing

    @property
    def label(self) -> str:
        return self.thing.label

    @cached_property
    def _told(self) -> tuple[Moment, Whereabouts, list[Telling], list[int]]:
        return self._memory.told_of(self.thing)

    def tellers(self, others: Sequence[Named] | None = None) -> list[Teller]:
        """Who told of it, the newest first; ``others``: only who related it to one of these."""
        told = (
            self._told[2] if others is None else self._memory.tellings(self.thing, [n.thing for n in others])
        )
        by_source: dict[str, Teller] = {}
        for t in told:
            if (known := by_source.get(t.source)) is None:
                by_source[t.source] = Teller(t.source, t.saw, t.said, t.first, t.last)
            else:
                by_source[t.source] = Teller(
                    t.source, known.saw + t.saw, known.said + t.said, min(known.first, t.first),
                    max(known.last, t.last),
                )  # fmt: skip
        return sorted(by_source.values(), key=lambda t: t.last, reverse=True)

    @cached_property
    def candidate(self) -> Candidate:
        """It, as callers get it."""
        return candidate_of(self.thing, *self._told)


class ThingNames:
    """Resolves names against ``memory``; of several things all, seen last first."""

    def __init__(self, memory: RoboMemory) -> None:
        self._memory = memory
        self._known: list[str] | None = None

    def meant(self, name: str) -> list[Named]:
        """What ``name`` may mean: a thing of that name, in the singular or plural; else one whose name says
        more, or less, of the same noun; else one whose name is that with one slip of the keyboard, or that
        without what follows a preposition ("the mug on the left"). Empty if nothing is known of it."""
        for spelled in dict.fromkeys((name, name_key(thing_name(name)))):
            if found := self._called(spelled):
                return found
        wanted = thing_name(name)
        if _JOINED.search(wanted):  # two names are no longer name of one thing
            return []
        known = self._all_names()
        closer = [label for label in known if kin(label, wanted)]
        if not closer:
            closer = [label for label in known if slipped(label, wanted) and not _anothers(label, wanted)]
        if closer:
            return self._of(closer)
        bare = _PLACED.sub("", name)
        return self.meant(bare) if bare and bare != name else []

    def several(self, name: str) -> list[tuple[str, list[Named]]]:
        """[(name, what it means)]: of ``name`` itself, or of each name that it joins with "and" or commas."""
        found = self.meant(name)
        each = [part.strip() for part in _JOINED.split(name) if part.strip()]
        if found or len(each) < 2:
            return [(name, found)]
        return [(part, self.meant(part)) for part in each[:8]]

    def _called(self, name: str) -> list[Named]:
        """The things of that name, or whose names hold all its words; those of the same noun, if there are
        some, and never one that is another person's."""
        if not any(c.isprintable() and not c.isspace() for c in name):
            return []
        found = self._pairs(name)
        if not content(name):  # such as "\u2615"
            return [n for n in found if name_key(thing_name(name)) == name_key(n.thing.name)]
        found = [n for n in found if not _anothers(n.thing.name, thing_name(name))]
        nearer = [
            n for n in found if kin(n.thing.name, name) or name_key(thing_name(name)) == name_key(n.label)
        ]
        return nearer or found

    def _of(self, labels: list[str]) -> list[Named]:
        found = {n.thing.id: n for label in labels[:16] for n in self._pairs(label)}
        return sorted(found.values(), key=lambda n: (n.thing.last_seen, -n.thing.ordinal), reverse=True)

    def _pairs(self, name: str) -> list[Named]:
        return [Named(self._memory, thing) for thing in self._memory.named(name)]

    def _all_names(self) -> list[str]:
        if self._known is None:
            scene = self._memory.scene()
            ends = (end for f in (*scene.facts, *scene.past) for end in (f.subject, f.object))
            self._known = list(dict.fromkeys([*(o.name for o in scene.objects), *ends]))
        return self._known


def _anothers(label: str, wanted: str) -> bool:
    """Whether the names say that the things are different people's."""
    one, other = _OWNED.match(label), _OWNED.match(wanted)
    return one is not None and other is not None and one[1] != other[1]


def slipped(label: str, wanted: str) -> bool:
    """Whether the names differ by one slip of the keyboard in one word, or in their spaces."""
    one, other = content(name_key(thing_name(label))), content(name_key(wanted))
    if "".join(one) == "".join(other):
        return bool(one)
    if len(one) < len(other) or not other:
        return False
    one = one[len(one) - len(other) :]
    differing = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    if len(differing) != 1:
        return False
    a, b = differing[0]
    return max(len(a), len(b)) >= (3 if sorted(a) == sorted(b) else _SHORTEST) and slip(a, b)
