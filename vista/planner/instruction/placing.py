"""Placings, moves and towers as goals, and what those can't be."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vista.planner.instruction.ending import UnclearError, missing, refuse
from vista.planner.instruction.reading.clauses import Wish
from vista.planner.instruction.reading.phrases import Amount, NounPhrase
from vista.planner.instruction.reading.towers import Tower
from vista.planner.instruction.reading.whereabouts import Shift, Where
from vista.planner.instruction.refusing import POSSIBLE
from vista.planner.instruction.resolving import Mentioned, PhraseResolver
from vista.planner.instruction.values import (
    AnyGoal,
    GraspGoal,
    MoveGoal,
    Nameable,
    PlaceGoal,
    Sort,
    Vocabulary,
)  # fmt: skip
from vista.types.dialogue import Refusal
from vista.types.spatial import Direction, Spatial

ROUND = frozenset(["ball", "capsule"])
"""On these shapes nothing stays."""


@dataclass(frozen=True, slots=True)
class Target:
    """How things shall be to ``places``."""

    relation: Spatial
    places: tuple[str, ...]


class PlaceBuilder:
    """Makes the goals of placings and moves against ``vocabulary``. :attr:`quantified` holds the things that
    were meant by "all" and "everything": an exception may take them out again."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary, self.mentioned = vocabulary, Mentioned()
        self.resolver = PhraseResolver(vocabulary, self.mentioned)
        self.goals: list[AnyGoal] = []
        self.quantified: set[str] = set()
        self._soft: list[AnyGoal] = []
        self._pending: list[Wish] = []
        self._again: Callable[[Sequence[NounPhrase]], None] | None = None
        self._target: Target | None = None

    # --- places ---
    def _where(self, where: Where, things: Sequence[NounPhrase]) -> Target:
        """What ``where`` means.

        Raises:
            UnclearError: it is not clear, or there is no way to do it.
        """
        if where.relation in ("corner", "side"):
            if not where.part:
                raise UnclearError(
                    missing(
                        where.said, "Which corner is meant: front left, front right, back left or back right?"
                    )
                )
            return Target(Spatial(where.relation), (where.part,))
        own = [n for each in things if each.words and each.amount is Amount.ONE
               for k in self._quiet(each) for n in (k.name,)] if len(things) == 1 else []  # fmt: skip
        if where.relation == "between":
            return self._between(where)
        place = self.resolver.place(
            where.places[0], relation=where.relation, but=own if where.places[0].pronoun else ()
        )
        return self._related(where.relation, place, where.said)

    def _quiet(self, phrase: NounPhrase) -> list[Nameable]:
        return self.resolver.candidates(phrase, (Sort.THING,))

    def _between(self, where: Where) -> Target:
        if len(where.places) == 1:
            phrase = where.places[0]
            names = tuple(k.name for k in self.resolver.candidates(phrase, tuple(Sort)))
            if phrase.pronoun == "them" and self.mentioned.things:
                names = self.mentioned.things[-1]
            if not names:
                raise self.resolver.missing(phrase)
            if len(names) != 2:
                known = [k for n in names if (k := self.vocabulary.get(n))]
                raise UnclearError(self.resolver.which(phrase.said, known))
        else:
            names = tuple(self.resolver.place(each).name for each in where.places)
        if len(names) != 2:
            raise refuse(Refusal.UNSUPPORTED, f"between {len(names)} things is not supported, expected 2")
        return Target(Spatial.BETWEEN, names)

    def _related(self, relation: str, place: Nameable, said: str) -> Target:
        box, sort = place.name, place.sort
        if relation == "to":
            if sort is Sort.THING:
                raise UnclearError(missing(said, f"Shall it go on the {box}, or beside it?"))
            relation = "on" if sort is Sort.SURFACE else "in"
        if relation in ("in", "on"):
            if sort is Sort.SURFACE:
                return Target(Spatial.ON, (box,))
            if sort is Sort.CONTAINER or (sort is Sort.DRAWER and relation == "in"):
                return Target(Spatial.IN, (box,))
            if sort is Sort.DRAWER or relation == "in":
                raise refuse(Refusal.IMPOSSIBLE, f"nothing can be put {relation} the {box}; {POSSIBLE}")
            if box.split()[-1] in ROUND:
                raise refuse(Refusal.IMPOSSIBLE, f"nothing stays on the {box}: it is round")
            return Target(Spatial.ON, (box,))
        if relation in ("under", "above"):
            raise refuse(Refusal.IMPOSSIBLE, f"nothing can be put {relation} the {box}; {POSSIBLE}")
        if sort is Sort.SURFACE:
            side = {"left_of": "left", "right_of": "right", "behind": "back", "in_front_of": "front"}.get(
                relation
            )
            if side is None:
                raise refuse(Refusal.IMPOSSIBLE, f"nothing can be put {Spatial(relation).words} the {box}")
            return Target(Spatial.SIDE, (side,))
        return Target(Spatial(relation), (box,))

    def _place_phrases(self, things: Sequence[NounPhrase], target: Target) -> None:
        names = self.resolver.things(
            things, but=target.places if any(t.amount is Amount.ALL for t in things) else ()
        )
        if any(each.amount is Amount.ALL or each.pronoun == "rest" for each in things):
            self.quantified |= set(names)
        if not names:
            raise refuse(Refusal.NOT_THERE, f"no {things[0].said!r} is there; {self.resolver.seen()}")
        self._place(names, target)

    def _place(self, names: tuple[str, ...], target: Target) -> None:
        if own := set(names) & set(target.places):
            raise refuse(Refusal.IMPOSSIBLE, f"the {own.pop()} can't go {target.relation.words} itself")
        self._check_width(names)
        self._harden(names)
        self.goals.append(PlaceGoal(names, target.relation, target.places))
        self._target = target
        if len(target.places) == 1 and target.relation not in (Spatial.CORNER, Spatial.SIDE):
            self.mentioned.place = target.places[0]
            place = self.vocabulary.get(target.places[0])
            if place is not None and place.sort is Sort.DRAWER:
                self.mentioned.drawer = place.name
        self._again = lambda things: self._place_phrases(things, target)

    def _move(self, clause: Wish, shift: Shift) -> None:
        if not shift.direction:
            raise UnclearError(missing(clause.things[0].said, "In which direction shall it go?"))

        def again(things: Sequence[NounPhrase]) -> None:
            names = self.resolver.things(things)
            self._check_width(names)
            self._harden(names)
            self.goals += [MoveGoal(name, Direction(shift.direction), shift.distance_m) for name in names]

        again(clause.things)
        self._again = again

    def _harden(self, names: Sequence[str]) -> None:
        """Drop the grasps, and the taking out, of what is now put somewhere."""
        while self.goals and (last := self.goals[-1]) in self._soft:
            about = (
                (last.thing,)
                if isinstance(last, GraspGoal)
                else last.things
                if isinstance(last, PlaceGoal)
                else ()
            )
            if not about or not set(about) <= set(names):
                return
            self.goals.pop()

    def _check_width(self, names: Sequence[str]) -> None:
        most = self.vocabulary.most_width_m
        for name in names:
            known = self.vocabulary.get(name)
            if known is not None and most is not None and known.width_m is not None and known.width_m > most:
                wide, spans = f"{100 * known.width_m:.1f} cm", f"{100 * most:.1f} cm"
                said = f"the {name} is {wide} wide, and the gripper spans {spans}"
                raise refuse(Refusal.IMPOSSIBLE, said)

    def _located(self, phrase: NounPhrase, where: Where) -> NounPhrase:
        if not where.places or (phrase.pronoun and phrase.pronoun != "everything"):
            return phrase
        held = replace(phrase, at=(where.relation, where.places[0]))
        return held if self.resolver.candidates(held, (Sort.THING,)) else self._vacuous(phrase, where)

    def _vacuous(self, phrase: NounPhrase, where: Where) -> NounPhrase:
        """``phrase`` where it is on the table as everything is."""
        if self.resolver.place(where.places[0]).sort is Sort.SURFACE:
            return phrase
        raise refuse(Refusal.NOT_THERE, f"no {phrase.said!r} is known to be {where.said}")

    # --- towers ---
    def add_tower(self, tower: Tower) -> None:
        """Add the goals of ``tower``, from the bottom up.

        Raises:
            UnclearError: its order is not said.
        """
        slots: dict[str, list[str]] = {"bottom": [], "middle": [], "top": [], "on": [], "": []}
        names: list[str] = []
        for level in tower.levels:
            free = [k.name for k in self.vocabulary.of(Sort.THING)]
            found = list(self.resolver.things(level.things))
            new = [n for n in found if n not in names]
            if level.slot and not new:  # "the two cubes with the green one on top"
                for each in slots.values():
                    each[:] = [n for n in each if n not in found]
                new = found
            slots[level.slot] += new
            names = (
                [n for n in names if n not in new] + new
                if level.slot == "top"
                else names + [n for n in new if n not in names]
            )
            assert set(names) <= set(free)
        loose = slots[""]
        if tower.upward is not None and len(loose) == len(names):
            order = names if tower.upward else names[::-1]
        elif len(names) - len(loose) >= len(names) - 1 or ((slots["bottom"] or slots["on"]) and not loose):
            middle = [n for n in names if n not in slots["bottom"] and n not in slots["top"]]
            if slots["bottom"] or slots["top"] or not loose:
                order = [*slots["bottom"], *middle, *slots["top"]]
            else:
                order = names
        else:
            known = [k for n in loose if (k := self.vocabulary.get(n))]
            raise UnclearError(self.resolver.which("tower", known))
        if len(order) < 2:
            raise UnclearError(missing("tower", "Which things shall be stacked, and in which order?"))
        for lower, upper in itertools.pairwise(order):
            place = self.vocabulary.get(lower)
            assert place is not None
            self._place((upper,), self._related("on", place, lower))
