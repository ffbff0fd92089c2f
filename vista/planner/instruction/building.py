"""Clauses as goals, resolved one after the other against what is known and what was said before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vista.planner.instruction.ending import UnclearError, missing, refuse, spelling
from vista.planner.instruction.placing import PlaceBuilder, Target
from vista.planner.instruction.reading.clauses import Wish
from vista.planner.instruction.reading.phrases import NounPhrase
from vista.planner.instruction.refusing import POSSIBLE
from vista.planner.instruction.spelling import DOINGS, meant
from vista.planner.instruction.values import (
    AnyGoal,
    ClearGoal,
    CloseGoal,
    GraspGoal,
    Nameable,
    OpenGoal,
    Sort,
)  # fmt: skip
from vista.planner.instruction.words.lexicon import PULLS, PUSHES, Act
from vista.planner.instruction.words.other_words import CHAT, OTHER_VERBS
from vista.planner.instruction.words.word_sets import word_set
from vista.types.dialogue import Refusal
from vista.types.spatial import Spatial

DIRECTED = ("into", "onto", "to", "over")
_ORDERED = word_set("the a an my it them all both everything that this me your")


class GoalBuilder(PlaceBuilder):
    """Makes all goals of clauses, one after the other."""

    # --- clauses ---
    def add(self, clauses: Sequence[Wish]) -> None:
        """Add the goals of ``clauses``.

        Raises:
            UnclearError: something is not clear, not there or can't be done.
        """
        for clause in clauses:
            self._clause(clause)

    def finish(self) -> tuple[AnyGoal, ...]:
        """All goals, checked together.

        Raises:
            UnclearError: something was named and nothing is said of it, or it can't be done.
        """
        if self._pending:
            raise self._bare(self._pending[0])
        held = [g for g in self.goals if isinstance(g, GraspGoal)]
        for one, other in zip(self.goals, self.goals[1:], strict=False):
            if isinstance(one, GraspGoal) and isinstance(other, GraspGoal) and one != other:
                raise refuse(
                    Refusal.IMPOSSIBLE, f"the hand holds one thing, not {' and '.join(g.thing for g in held)}"
                )
        return tuple(self.goals)

    def _clause(self, clause: Wish) -> None:
        if clause.act is None:
            self._carry_on(clause)
        elif clause.act in (Act.OPEN, Act.CLOSE):
            self._set(clause.act, clause)
        elif clause.act is Act.CLEAR:
            self._clear(clause)
        elif self._is_drawer_pull(clause):
            shuts = (
                clause.particle in ("shut", "closed", "back")
                or clause.here == "in"
                or (clause.verb.split()[0] in PUSHES and clause.particle not in ("open", "out"))
            )
            self._set(Act.CLOSE if shuts else Act.OPEN, clause)
        elif clause.act is Act.GRASP:
            self._grasp(clause)
        elif clause.act in (Act.TAKE, Act.REMOVE):
            self._take(clause)
        else:
            self._put(clause)

    def _carry_on(self, clause: Wish) -> None:
        if clause.shift is not None:
            if not self.mentioned.things:
                raise UnclearError(missing(clause.said, "Which thing shall be moved?"))
            self._move(replace(clause, things=(NounPhrase("them", pronoun="that"),)), clause.shift)
            return
        if self._again is not None:
            self._again(clause.things)
        else:
            self._pending.append(clause)

    def _bare(self, clause: Wish) -> UnclearError:
        """What is said of a thing that is named without a doing."""
        phrase = clause.things[0]
        first = phrase.words[0] if phrase.words else phrase.pronoun
        if not phrase.names and not self.resolver.candidates(phrase, tuple(Sort)):
            return verb_refusal(first, clause.said, phrase.said) or refuse(
                Refusal.NO_TASK, f"this asks for nothing; {POSSIBLE}"
            )
        return UnclearError(
            missing(phrase.said, f"What shall be done with the {' '.join(phrase.words) or phrase.said}?")
        )

    def _is_drawer_pull(self, clause: Wish) -> bool:
        verb = clause.verb.split()[0] if clause.verb else ""
        if verb not in PULLS | PUSHES or not clause.things or clause.where is not None:
            return False
        phrase = clause.things[0]
        if phrase.pronoun in ("it", "that", "them"):
            return bool(self.mentioned.drawer) and not self.mentioned.things
        return bool(self.resolver.candidates(phrase, (Sort.DRAWER,))) and not self.resolver.candidates(
            phrase, (Sort.THING,)
        )

    # --- drawers and places ---
    def _set(self, act: Act, clause: Wish) -> None:
        if not clause.things:
            raise UnclearError(
                missing(clause.verb, f"What shall be {'opened' if act is Act.OPEN else 'closed'}?")
            )
        if clause.where is not None or clause.shift is not None or clause.source is not None:
            raise refuse(
                Refusal.UNSUPPORTED, f"how far or where {clause.verb!r} goes is not heeded; {POSSIBLE}"
            )
        made = OpenGoal if act is Act.OPEN else CloseGoal

        def again(things: Sequence[NounPhrase]) -> None:
            self.goals += [made(name) for name in self.resolver.drawers(things)]

        again(clause.things)
        self._again = again

    def _clear(self, clause: Wish) -> None:
        phrase = clause.source or (clause.things[0] if clause.things else None)
        if phrase is None:
            raise UnclearError(missing(clause.verb, f"Which place shall be cleared by {clause.verb!r}?"))
        if (
            clause.where is not None
            and clause.things
            and clause.source is None
            and self._movable(clause.things[0])
        ):
            self._put(replace(clause, act=Act.PUT))
            return
        if phrase.pronoun == "everything":
            raise UnclearError(missing(clause.verb, "Where shall everything go?"))
        place = self.resolver.place(phrase)
        if place.sort is Sort.THING:
            raise refuse(Refusal.IMPOSSIBLE, f"the {place.name} can't be emptied; {POSSIBLE}")
        if clause.where is not None:
            target = self._where(clause.where, ())
            inside = tuple(
                k.name
                for k in self.vocabulary.of(Sort.THING)
                if place.name in (k.inside, "table") and k.name not in target.places
            )
            if target.places != ("table",) and not inside:
                raise refuse(Refusal.NOT_THERE, f"nothing is known to be in the {place.name}")
            if target.places != ("table",):
                self._place(inside, target)
                return
        self.goals.append(ClearGoal(place.name))
        self.mentioned.place = place.name
        if place.sort is Sort.DRAWER:
            self.mentioned.drawer = place.name
        self._again = None

    def _movable(self, phrase: NounPhrase) -> bool:
        return bool(phrase.pronoun) or bool(self.resolver.candidates(phrase, (Sort.THING,)))

    # --- grasping ---
    def _grasp(self, clause: Wish) -> None:
        if clause.where is not None and clause.where.said.split()[0] in DIRECTED:
            self._put(clause)
            return
        if clause.shift is not None:
            raise refuse(Refusal.UNSUPPORTED, f"how far {clause.verb!r} goes is not heeded; {POSSIBLE}")
        if not clause.things:
            raise UnclearError(missing(clause.verb, f"What shall be taken by {clause.verb!r}?"))
        things = list(clause.things)
        for where in clause.wheres:
            things[-1] = self._located(things[-1], where)
        if clause.source is not None:
            self._from(clause.source)

        def again(phrases: Sequence[NounPhrase]) -> None:
            names = self.resolver.things(phrases)
            self._check_width(names)
            self.goals += [GraspGoal(name) for name in names]
            self._soft += [GraspGoal(name) for name in names]

        again(things)
        self._again = again

    def _from(self, phrase: NounPhrase) -> Nameable:
        place = self.resolver.place(phrase) if not self._many_drawers(phrase) else None
        if place is None:
            return Nameable("drawer", Sort.DRAWER)
        if place.sort is Sort.DRAWER:
            self.mentioned.drawer = place.name
        return place

    def _many_drawers(self, phrase: NounPhrase) -> bool:
        """Where the thing is known, "the drawer" that it is taken from need not be."""
        return (
            phrase.words == ("drawer",)
            and len(self.vocabulary.of(Sort.DRAWER)) > 1
            and not self.mentioned.drawer
        )

    def _take(self, clause: Wish) -> None:
        """ "take the cube out of the tray" puts it on the table, "take the cube" grasps it."""
        verb = clause.verb.split()[0]
        where = clause.where
        if (
            where is not None
            and clause.act is Act.TAKE
            and verb not in ("get", "bring")
            and where.said.split()[0] in ("in", "on")
        ):
            if not clause.things:
                raise UnclearError(missing(clause.verb, f"What shall be taken by {clause.verb!r}?"))
            place = self.resolver.place(where.places[0]) if where.places else None
            found = self.resolver.candidates(clause.things[0], (Sort.THING,))
            if place is None or any(k.inside == place.name for k in found) or place.sort is Sort.SURFACE:
                self._grasp(clause)
                return
            raise UnclearError(missing(where.said, f"Shall {clause.things[0].said} be put {where.said}?"))
        if where is not None or clause.shift is not None or clause.here:
            self._put(clause)
            return
        out = (
            clause.act is Act.REMOVE
            or clause.particle in ("out", "off")
            or (clause.source is not None and " " not in clause.verb)
        )
        if not out:
            if clause.particle in ("away", "aside"):
                raise UnclearError(missing(clause.verb, "Where shall it go?"))
            self._grasp(clause)
            return
        if clause.source is None and clause.things and not self._inside(clause.things):
            raise UnclearError(missing(clause.things[0].said, f"Where shall {clause.things[0].said} go?"))
        self._out(clause)

    def _inside(self, things: Sequence[NounPhrase]) -> bool:
        found = [k for each in things for k in self.resolver.candidates(each, (Sort.THING,))]
        return bool(found) and all(k.inside not in ("", "table") for k in found)

    def _out(self, clause: Wish) -> None:
        source = self._from(clause.source) if clause.source is not None else None
        if not clause.things:
            raise UnclearError(missing(clause.verb, f"What shall be taken by {clause.verb!r}?"))
        if (
            source is not None
            and clause.things[0].pronoun == "everything"
            and source.sort in (Sort.CONTAINER, Sort.DRAWER)
        ):
            self.goals.append(ClearGoal(source.name))
            self.mentioned.place, self._again = source.name, None
            return
        if source is not None and source.sort is Sort.SURFACE:
            if any(each.pronoun == "everything" for each in clause.things):
                raise UnclearError(
                    missing(clause.source.said if clause.source else "", "Where shall everything go?")
                )
            if clause.act is Act.REMOVE:
                raise UnclearError(missing(clause.things[0].said, "Where shall it go?"))
            self._grasp(replace(clause, source=None))
            return
        before = list(self.goals)
        self._place_phrases(clause.things, Target(Spatial.ON, ("table",)))
        self._soft += [goal for goal in self.goals if goal not in before]

    # --- placing ---
    def _put(self, clause: Wish) -> None:
        where, shift = clause.where, clause.shift
        if clause.source is not None:
            self._from(clause.source)
        if shift is not None and where is not None:
            raise refuse(
                Refusal.UNSUPPORTED, f"a distance beside a place ({where.said!r}) is not heeded; {POSSIBLE}"
            )
        if not clause.things and self._pending:
            clause = replace(clause, things=tuple(t for each in self._pending for t in each.things))
            self._pending = []
        if not clause.things:
            raise UnclearError(missing(clause.verb, f"Which thing is meant by {clause.verb!r}?"))
        if (
            self._pending
            and where is not None
            and clause.things[0].said in ("all", "both", "them", "all of them", "both of them")
        ):
            target = self._where(where, ())
            for each in self._pending:
                self._place_phrases(each.things, target)
            self._pending = []
            return
        if shift is not None:
            self._move(clause, shift)
            return
        if len(clause.wheres) > 1:
            self._chained(clause)
            return
        if (
            where is None
            and not clause.here
            and clause.source is not None
            and clause.particle in ("", "out", "off")
        ):
            self._out(clause)
            return
        target = self._where(where, clause.things) if where is not None else self._said_before(clause)
        if self._pending:
            raise self._bare(self._pending[0])
        self._place_phrases(clause.things, target)

    def _said_before(self, clause: Wish) -> Target:
        """Where a placing goes that says no place: "in", "there", "down"."""
        verb, said = clause.verb, clause.things[0].said
        if clause.here == "there" and self._target is not None:
            return self._target
        if clause.here in ("in", "on") and (place := self.vocabulary.get(self.mentioned.place)) is not None:
            return self._related(clause.here, place, clause.here)
        if not clause.here and (
            clause.particle == "down"
            or verb in ("put down", "set down", "lay down", "place down", "release", "let go of")
        ):
            return Target(Spatial.ON, ("table",))
        raise UnclearError(missing(said, f"Where shall {said} go?"))

    def _chained(self, clause: Wish) -> None:
        """Several places: "the cube in the drawer in the tray", "the tray on the table", a tower."""
        *earlier, last = clause.wheres
        if clause.verb == "stack" and all(w.relation == "on" and w.places for w in clause.wheres):
            for lower, upper in zip(reversed(clause.wheres), [*reversed(earlier)], strict=False):
                self._place_phrases(upper.places, self._where(lower, upper.places))
            self._place_phrases(clause.things, self._where(earlier[0], clause.things))
            return
        if any(not where.places for where in clause.wheres):
            raise refuse(
                Refusal.UNSUPPORTED, f"{clause.said or last.said!r} names several places; {POSSIBLE}"
            )
        if self.resolver.place(last.places[0]).sort is Sort.SURFACE:
            last = earlier.pop()
        things = list(clause.things)
        for where in earlier:
            things[-1] = self._located(things[-1], where)
        self._place_phrases(things, self._where(last, things))


def verb_refusal(word: str, rest: str, about: str = "") -> UnclearError | None:
    """The answer to a sentence that begins with ``word``, no verb of a skill; None: it is no verb."""
    if (right := meant(word, DOINGS)) is not None and len(word) > 2:
        return UnclearError(spelling(word, right))
    after = rest.split()[1:2]
    orders = bool(after) and after[0] in _ORDERED
    if word in OTHER_VERBS or (word not in CHAT and word not in ("the", "a", "an") and orders):
        return refuse(Refusal.UNKNOWN_ACTION, f"no skill does {word!r}; {POSSIBLE}")
    return None
