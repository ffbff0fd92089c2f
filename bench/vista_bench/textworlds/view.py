"""The interface between a world and the agent: it shows facts and takes steps.

An adapter turns a world's own words into the triples of the knowledge graph. It passes on only what the
world shows after a step: no hidden state, no gold path.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from robomemory.planning import ROBOT, Domain, Facts, Step
from robomemory.records import Triple

KIND = "kind"
"""(thing, "kind", type): the type that the planner's domain gives it."""

HELD = "held by"
PLACES = ("in", "on", HELD)
"""The relations that say where a thing is; it has one of them at a time."""


VOLATILE = ("cut", "cooked", "eaten", "made", "switched", "done")
"""Relations for the treatment of a thing. They hold for one attempt: the next one begins with everything as
it was at first."""


@dataclass(frozen=True, slots=True)
class View:
    """The present view of the world.

    ``facts`` hold; ``looked`` are the places all of whose content is among them (the robot's hand included);
    ``kinds`` {thing: type}; ``score`` [0, 1] is the share of the goal's conditions that the world counts as
    met; ``over`` ends the episode, ``won`` says how.
    """

    text: str
    facts: Facts
    looked: frozenset[str]
    kinds: Mapping[str, str]
    score: float = 0.0
    over: bool = False
    won: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", MappingProxyType(dict(self.kinds)))


@dataclass(frozen=True, slots=True)
class WorldBelief:
    """The belief of the agent: ``facts`` and ``kinds`` as in a :class:`View`, seen places as ("robot", "has
    seen", place); ``searched`` are places looked into in earlier attempts; ``hops`` {place: steps to it}
    where the world tells distances, else they are counted along the facts."""

    facts: Facts
    kinds: Mapping[str, str]
    searched: frozenset[str] = frozenset()
    hops: Mapping[str, int] = field(default_factory=dict)

    def at(self, thing: str) -> str | None:
        """The place that ``thing`` is in, on or held by; None if nobody knows."""
        return next((o for s, r, o in self.facts if s == thing and r in PLACES and o != ELSEWHERE), None)

    def all(self, relation: str) -> list[tuple[str, str]]:
        """(subject, object) of every fact with ``relation``, sorted."""
        return sorted((s, o) for s, r, o in self.facts if r == relation)


ELSEWHERE = "elsewhere"
"""Where a thing is that is no longer where it was."""


@dataclass(frozen=True, slots=True)
class GameGoal:
    """Something to reach next: ``facts``, and the ``things`` whose places must be known to plan for it."""

    facts: Facts
    things: tuple[str, ...] = ()


class Game(Protocol):
    """One episode of one world."""

    domain: Domain

    def start(self) -> View:
        """Begin. Returns the first view."""
        ...

    def act(self, step: Step) -> View:
        """Do ``step``; a step that the world refuses costs one step all the same and changes nothing."""
        ...

    def subgoals(self, belief: WorldBelief) -> Sequence[GameGoal]:
        """The subgoals that are left, in the order in which they are tried; they depend on the belief."""
        ...

    def infer(self, belief: WorldBelief) -> WorldBelief:
        """``belief`` with what follows from it, such as that an open door joins two rooms."""
        ...

    def refine(self, steps: Sequence[Step], belief: WorldBelief) -> Sequence[Step]:
        """The steps of a plan as the world takes them; a world may refine the first and leave out the
        rest."""
        ...

    def wander(self, belief: WorldBelief, rng: random.Random) -> Sequence[Step]:
        """Steps to anywhere, for want of a place that was not looked into; none: go to some place at
        random."""
        ...

    def useful(self, belief: WorldBelief) -> frozenset[str]:
        """Names that a plan may need beside those of its goal and their places; all others are left out of
        the planner's problem."""
        ...


def held(thing: str) -> Triple:
    """The fact that the robot holds ``thing``."""
    return (thing, HELD, ROBOT)
