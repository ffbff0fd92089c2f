"""The closed loop: understand, recall, plan, check each step, learn from the outcome (paper, Algorithm 1).

One plan is followed until a step fails, the critic rejects one, something unforeseen is seen or the goal
holds. The first step of a new plan is not shown to the critic, so that planner and critic can't turn each
other down for ever; a budget of plans ends what leads nowhere, with one cause.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from robomemory.errors import PlanningError
from robomemory.names import PLACE, STATE
from robomemory.notes import Failure, Note, StepDone
from robomemory.planning.belief import Belief, Observed, believe
from robomemory.planning.critic import StepCritic, condition_of
from robomemory.planning.domain import SEEN, Domain, Facts, Goal, Step, seen
from robomemory.planning.engine import Engine
from robomemory.planning.explore import NOT_IN
from robomemory.planning.goals import Intent, overrides, settled, understand
from robomemory.planning.lessons import SOURCE, Attempt, Lesson, LessonRelation, lessons_of, notes_of
from robomemory.planning.recollection import PlanningMemory, Recollection
from robomemory.planning.reference import Resolver, meaning_of
from robomemory.planning.strategy import Strategy
from robomemory.records import Triple


@dataclass(frozen=True, slots=True)
class Finished:
    """Everything asked for holds."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """No way on; ``cause`` is the one reason."""

    cause: str


@dataclass(frozen=True, slots=True)
class Around:
    """What an instruction may be about: the ``belief``; ``meanings`` {what the user calls "my ...": name};
    the things that were ``moved``, oldest first."""

    belief: Belief
    meanings: Mapping[str, str]
    moved: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanningSettings:
    """``max_plans`` for one instruction; ``user`` who speaks; ``seed`` of guesses; ``critic``: whether
    :meth:`MemoryPlanner.next` heeds it; ``learning``: whether lessons are drawn."""

    max_plans: int = 10
    user: str = "user"
    seed: int = 0
    critic: bool = True
    learning: bool = True


class MemoryPlanner:
    """Plans one instruction after the other over a memory.

    ``begin`` an instruction, ask for the ``next`` step, tell its ``result``, until the answer is
    :class:`Finished` or :class:`Stuck`; then ``finish``. ``why`` explains the last step in words.

    Args:
        memory: None plans on what is seen alone.
    """

    def __init__(
        self,
        domain: Domain,
        engine: Engine,
        memory: PlanningMemory | None,
        settings: PlanningSettings | None = None,
    ) -> None:
        self._domain, self._engine = domain, engine
        self._settings = settings or PlanningSettings()
        self._rng = random.Random(self._settings.seed)
        self._recalled = Recollection(memory)
        self._critic = StepCritic(domain)
        self._strategy = Strategy(domain, engine, self._recalled, self._rng)
        self._intent: Intent | None = None
        self._kinds: dict[str, str] = {}
        self._reset()
        self.why = ""

    def _reset(self) -> None:
        self._stage, self._furthest, self._plans = 0, 0, 0
        self._steps: list[Step] = []
        self._lost = ""
        self._first, self._cause = False, ""
        self._assumed: dict[Triple, int] = {}
        self._made_by: dict[Triple, Step] = {}
        self._where: dict[Step, str] = {}
        self._done: list[Step] = []
        self._failed: list[Failure] = []
        self._looked: set[tuple[str, str]] = set()
        self._references: list[str] = []
        self._critic.reset()

    # --- one instruction ---
    def begin(self, instruction: str, observed: Observed) -> Intent:
        """Understand ``instruction`` in what is seen and remembered.

        Raises:
            InstructionUnclear: it is not understood; the message says what is.
        """
        self._reset()
        scene = self._recalled.scene()
        self._kinds = dict(observed.objects)
        self._recalled.gather(instruction, [n for n in self._kinds if n in instruction.lower()],
                              self._settings.user)  # fmt: skip
        domain = self._domain
        resolver = Resolver(
            {**{o.name: domain.movable for o in scene.objects}, **observed.objects},
            frozenset(t for t in domain.types if domain.is_a(t, domain.place)),
            frozenset(t for t in domain.types if domain.is_a(t, domain.movable)),
            self._recalled.lessons, self._recalled.steps, self._settings.user, self._rng,
        )  # fmt: skip
        intent = understand(instruction, resolver)
        goals = tuple(
            Goal(frozenset(settled(domain, self._kinds, t) for t in g.facts), g.find) for g in intent.goals
        )
        intent = replace(intent, goals=goals)
        self._adopt(intent, resolver.reasons)
        return intent

    def begin_with(self, intent: Intent, observed: Observed, reasons: Sequence[str] = ()) -> Intent:
        """Begin ``intent``, which was understood elsewhere, in what is seen and remembered. ``reasons``: how
        it was understood, in words."""
        self._reset()
        self._kinds = dict(observed.objects)
        self._adopt(intent, reasons)
        return intent

    def _adopt(self, intent: Intent, reasons: Sequence[str]) -> None:
        self._intent, self._references = intent, list(reasons)
        for name in intent.about:
            self._kinds.setdefault(name, self._domain.movable)
        self._recalled.gather(intent.instruction, intent.about, self._settings.user)
        self._assumed.update(dict.fromkeys(intent.tells, 0))

    def recollect(self, instruction: str, observed: Observed) -> Around:
        """What ``instruction`` may be about, before it is understood: what is seen now is kept in the memory,
        and what that knows besides is recalled."""
        self._reset()
        self._kinds, user = dict(observed.objects), self._settings.user
        self._recalled.gather(instruction, [n for n in self._kinds if n in instruction.lower()], user)
        self._remember_seen(observed)
        meanings = self._recalled.lessons.subjects(LessonRelation.MEANS)
        mine = {said.removeprefix(f"{user}'s "): name for said, name in meanings.items()}
        moved = [s.thing for s in self._recalled.steps if s.verb == "place" and s.state == "reached"]
        return Around(self._believe(observed), mine, tuple(moved))

    def next(self, observed: Observed) -> Step | Finished | Stuck:
        """The next step. With the critic, one that it rejects brings a new plan."""
        step = self.propose(observed)
        while isinstance(step, Step) and self._settings.critic:
            objection = self.review(step, observed)
            if objection is None:
                break
            self.reject(step, objection)
            step = self.propose(observed)
        return step

    def propose(self, observed: Observed) -> Step | Finished | Stuck:
        """The next step of the plan, or of a new one where that is needed, before the critic sees it."""
        intent = self._intent
        if intent is None:
            raise PlanningError("propose: no instruction was begun")
        belief = self._believe(observed)
        self._remember_seen(observed)
        self._note_absence(observed, belief)
        if self._lost and belief.place_of(self._lost) is not None:
            self._steps, self._lost = [], ""  # found: no need to look any further
        if not self._steps:
            while self._stage < len(intent.goals) and self._passed(intent, belief):
                self._stage += 1
            if self._stage == len(intent.goals):
                return Finished("everything asked for holds")
            self._plans += 1
            if self._plans > self._settings.max_plans:
                return Stuck(f"budget: {self._settings.max_plans} plans made; the last failed: {self._cause}")
            course = self._strategy.decide(intent.goals[self._stage], belief, self._failures())
            if course.cause:
                return Stuck(course.cause)
            self._steps, self._lost, self._first = list(course.steps), course.looking_for, True
            self.why = "; ".join(dict.fromkeys((*self._references, course.why)))
        return self._steps[0]

    @property
    def placing(self) -> Triple | None:
        """The placing that the next steps of the plan in hand lead to; None: there is none."""
        for step in self._steps if not self._lost else ():
            found = [t for t in self._domain.effects(step)[0] if t[1] in PLACE and t[1] != "held by"]
            if found:
                return found[0]
        return None

    def prefer(self, step: Step, observed: Observed) -> bool:
        """Begin the plan in hand with ``step``, where that can be done now and leads to the goal in no more
        steps. Returns whether the plan begins with it."""
        if self._intent is None or not self._steps or self._lost:
            return False
        if self._steps[0] == step:
            return True
        belief = self._believe(observed)
        goal = self._intent.goals[self._stage]
        rest = self._strategy.after(step, goal, belief)
        if rest is None or len(rest) + 1 > len(self._steps):
            return False
        self._steps = [step, *rest]
        return True

    def replan(self) -> None:
        """Drop the plan: the next step comes from a new one, and what was reached must still hold."""
        self._steps, self._lost, self._stage = [], "", 0

    def is_thing(self, name: str) -> bool:
        """Whether ``name`` is something that can be moved, as far as is known."""
        return self._domain.is_a(self._kinds.get(name, ""), self._domain.movable)

    @property
    def looking_for(self) -> str:
        """The thing that the plan in hand shall find; empty where it is a plan for the goal itself."""
        return self._lost

    def belief(self, observed: Observed) -> Belief:
        """What is believed, with what is ``observed`` now."""
        return self._believe(observed)

    def review(self, step: Step, observed: Observed) -> str | None:
        """Why ``step`` should not be done; None for the first step of a new plan."""
        if self._first:
            return None
        return self._critic.review(step, self._believe(observed).state.facts, self._failures())

    def reject(self, step: Step, objection: str) -> None:
        """Drop the plan that ``step`` belongs to."""
        self._cause = f"{step.text!r} was rejected: {objection}"
        self._steps = []

    def result(self, step: Step, reached: bool, cause: str, before: Observed, after: Observed) -> None:
        """Report the result of ``step``, with the observations ``before`` and ``after`` it. A step that is
        ``reached`` has failed all the same where its effect is seen not to hold.

        Args:
            cause: Why it failed, for people.
        """
        held = self._believe(before).state.facts
        self._critic.tried(step, held)
        self._where[step] = condition_of(step.about, held)
        adds, deletes = self._domain.effects(step)
        if reached and (missing := self._contradicted(adds, after)):
            reached, cause = False, f"{' '.join(missing)} is not seen afterwards"
        if not reached:
            self._fail(step, cause, held, after)
            return
        self._done.append(step)
        self._steps = self._steps[1:] if self._steps and self._steps[0] == step else []
        self._first = False
        for triple in deletes:
            self._assumed.pop(triple, None)
        for triple in adds:
            self._assumed[triple] = after.stamp_ns
            self._made_by[triple] = step
        facts = [_fact(t, after.stamp_ns) for t in sorted(adds) if t[1] in PLACE]
        self._recalled.write([*facts, _tried(step, f"{step.text}: reached", "reached", "", after)])

    def finish(self, success: bool, cause: str, stamp_ns: int) -> list[tuple[Lesson, str]]:
        """End the attempt; keep it and its lessons in the memory. Returns each new lesson with its change."""
        intent = self._intent
        if intent is None:
            return []
        attempt = Attempt(
            intent.instruction, "success" if success else "failure", cause,
            tuple(s.text for s in self._done), tuple(self._failed), intent.about,
        )  # fmt: skip
        learned: list[tuple[Lesson, str]] = []
        if self._settings.learning:
            recalled = self._recalled
            found = lessons_of(
                attempt, recalled.failures, self._done, self._domain, recalled.scene(), recalled.lessons,
                self._kinds,
            )  # fmt: skip
            learned = recalled.lessons_about(found)
        self._recalled.write([attempt.note(stamp_ns), *notes_of([each for each, _ in learned], stamp_ns)])
        self._intent = None
        return learned

    def hear(self, sentence: str, stamp_ns: int) -> list[tuple[Lesson, str]]:
        """Learn from a sentence of the user such as "my tray is the red tray"; others change nothing."""
        meaning = meaning_of(sentence, self._settings.user)
        if meaning is None:
            return []
        self._recalled.gather(sentence, [meaning[0]], self._settings.user)
        learned = self._recalled.lessons_about([Lesson(meaning[0], LessonRelation.MEANS, meaning[1])])
        self._recalled.write(notes_of([each for each, _ in learned], stamp_ns))
        return learned

    def _believe(self, observed: Observed) -> Belief:
        return believe(self._domain, observed, self._recalled.scene(), self._assumed, self._kinds)

    def _failures(self) -> list[Failure]:
        return [*self._recalled.failures, *self._failed]

    def _passed(self, intent: Intent, belief: Belief) -> bool:
        """Whether nothing of the stage is left to do. Of one that was reached before, what later stages are
        to end ("open" of a drawer that is then to be closed) need not hold any more."""
        goal = intent.goals[self._stage]
        open_ = goal.open(belief.state.facts)
        if self._stage < self._furthest:
            later = [fact for each in intent.goals[self._stage + 1 :] for fact in each.facts]
            open_ = frozenset(old for old in open_ if not any(overrides(new, old) for new in later))
        passed = not open_ and all(belief.place_of(thing) for thing in goal.find)
        if passed:
            self._furthest = max(self._furthest, self._stage + 1)
        return passed

    # --- results of steps ---
    def _contradicted(self, adds: Facts, after: Observed) -> Triple | None:
        """An intended effect that is seen not to hold: its subject is seen elsewhere, or its place is in view
        without it."""
        for triple in sorted(adds):
            subject, relation, where = triple
            group = PLACE if relation in PLACE else STATE if relation in STATE else frozenset()
            others = any(s == subject and r in group for s, r, _ in after.facts)
            if triple not in after.facts and (others or (relation in PLACE and where in after.visible)):
                return triple
        return None

    def _fail(self, step: Step, cause: str, held: Facts, after: Observed) -> None:
        """Note a failed step. Where a condition that an earlier step had made was lost on the way, that step
        is to blame: what slips out of the hand was not held well."""
        blamed = step
        for triple in self._domain.preconditions(step):
            lost = triple in held and self._contradicted(frozenset({triple}), after) is not None
            if lost and triple in self._made_by and triple[1] in PLACE:
                blamed, cause = self._made_by[triple], f"the {step.about} was lost on the way"
        act = self._domain.operator(blamed.operator).act
        self._failed.append(Failure(act, blamed.about, self._where[blamed], cause))
        self._cause = f"{step.text!r} failed: {cause}"
        self._steps = []
        adds, _ = self._domain.effects(step)
        for triple in (*self._domain.preconditions(step), *adds):
            self._assumed.pop(triple, None)
        self._recalled.write([_tried(step, f"{step.text}: failed ({cause})", "failed", cause, after)])

    def _remember_seen(self, observed: Observed) -> None:
        """Keep the places of the things seen, and the places looked into, that are not in the graph yet."""
        known = {(f.subject, f.relation, f.object) for f in self._recalled.scene().facts}
        looked = {seen(p) for p in observed.visible if self._domain.lookable(observed.objects.get(p, ""))}
        news = sorted(t for t in observed.facts | looked if t[1] in PLACE | {SEEN} and t not in known)
        self._recalled.write([_fact(triple, observed.stamp_ns) for triple in news])

    def _note_absence(self, observed: Observed, belief: Belief) -> None:
        """Keep where a wanted thing was looked for in vain."""
        assert self._intent is not None
        notes = []
        for thing in self._intent.about:
            movable = self._domain.is_a(belief.state.objects.get(thing, ""), self._domain.movable)
            if not movable or belief.place_of(thing) is not None:
                continue
            for place in sorted(observed.visible):
                kind = observed.objects.get(place, "")
                if self._domain.lookable(kind) and (thing, place) not in self._looked:
                    self._looked.add((thing, place))
                    notes.append(_fact((thing, NOT_IN, place), observed.stamp_ns))
        self._recalled.write(notes)


def _fact(triple: Triple, stamp_ns: int) -> Note:
    return Note("spatial", " ".join(triple), stamp_ns, triple=triple, source=SOURCE)


def _tried(step: Step, text: str, state: str, cause: str, after: Observed) -> Note:
    done = StepDone(step.verb or step.operator, step.thing, step.relation, step.place, state, cause)
    return Note("temporal", text, after.stamp_ns, source=SOURCE, step=done)
