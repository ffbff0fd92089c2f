"""Acts in a world: plans to a subgoal where enough is known for it, else explores.

The same agent in every condition; only its :class:`~.mind.Mind` differs. A plan is carried out until it is
done, until its next step cannot be done, or, while exploring, until something wanted has turned up. So
forgetting takes away facts and not the plan.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx

from robomemory.planning import ROBOT, Domain, EngineError, Facts, Step, WorldState, seen
from robomemory.planning.engine import Engine
from vista_bench.textworlds.mind import Mind
from vista_bench.textworlds.relevant import part_for
from vista_bench.textworlds.view import PLACES, Game, GameGoal, View, WorldBelief

PLACE = "place"
"""The type of places that can be looked into; a domain's rooms and containers are below it."""

ADJACENT = (*PLACES, "of", "connects to")
"""Relations along which the distance to a place is counted."""

TRIES = 4  # places to which a plan is asked for before the agent wanders


@dataclass(frozen=True, slots=True)
class GameResult:
    """How an episode went: ``score`` [0, 1] is the highest share of the goal's conditions that were met;
    ``explored`` steps were spent on looking for something; ``cause`` says why it ended."""

    success: bool
    score: float
    steps: int
    explored: int
    plans: int
    cause: str


class Agent:
    """Plays ``game`` knowing what ``mind`` keeps. ``seed`` decides between equally good places; without
    ``nearest`` all places not seen are equally good, however far."""

    def __init__(self, game: Game, mind: Mind, engine: Engine, seed: int, *, nearest: bool = True) -> None:
        self._game, self._mind, self._engine = game, mind, engine
        self._random, self._nearest = random.Random(seed), nearest
        self._plan: deque[Step] = deque()
        self._wanted: tuple[str, ...] = ()  # names that are looked for; empty: the plan leads to a subgoal
        self._target: Facts = frozenset()
        self._refused: tuple[Facts, Step] | None = None
        self.plans = 0

    def run(self, budget: int) -> GameResult:
        """One episode of at most ``budget`` steps."""
        view = self._game.start()
        self._mind.see(view, "begins")
        best, steps, explored, cause = view.score, 0, 0, "out of steps"
        while not view.over and steps < budget:
            step = self.next()
            if step is None:
                cause = "nothing left to do"
                break
            explored += bool(self._wanted)
            view = self._do(step)
            steps += 1
            best = max(best, view.score)
        if view.over:
            cause = "done" if view.won else "lost"
        return GameResult(view.won, 1.0 if view.won else best, steps, explored, self.plans, cause)

    def _do(self, step: Step) -> View:
        before = self._mind.belief().facts
        view = self._game.act(step)
        self._mind.see(view, step.text)
        # A step that changed nothing and was to change something was refused: its plan is void.
        adds, _ = self._game.domain.effects(step)
        now = self._mind.belief().facts
        if adds - now and now == before:
            self._refused = (now, step)
            self._plan.clear()
        return view

    def next(self) -> Step | None:
        """The step to take now."""
        belief = self._game.infer(self._mind.belief())
        if self._plan and self._still_good(belief):
            return self._plan.popleft()
        self._plan.clear()
        subgoals = [s for s in self._game.subgoals(belief) if not s.facts <= belief.facts]
        for subgoal in subgoals:
            if all(belief.at(thing) is not None for thing in subgoal.things):
                steps = self._solve(belief, subgoal.facts)
                if steps and self._go(steps, (), subgoal.facts):
                    return self._plan.popleft()
        return self._explore(belief, subgoals)

    def _still_good(self, belief: WorldBelief) -> bool:
        if (self._target and self._target <= belief.facts) or self._game.domain.unmet(
            self._plan[0], belief.facts
        ):
            return False
        return not any(belief.at(thing) is not None for thing in self._wanted)

    def _go(self, steps: Iterable[Step], wanted: tuple[str, ...], target: Facts) -> bool:
        """Whether the plan is taken up: not when its first step was just refused in this very state."""
        plan = deque(steps)
        if not plan or self._refused == (self._mind.belief().facts, plan[0]):
            return False
        self._plan, self._wanted, self._target = plan, wanted, target
        return True

    def _explore(self, belief: WorldBelief, subgoals: list[GameGoal]) -> Step | None:
        wanted = tuple(t for s in subgoals for t in s.things if belief.at(t) is None)
        for place in self._unseen(belief)[:TRIES]:
            target = frozenset({seen(place)})
            if self._go(self._solve(belief, target), wanted or (place,), target):
                return self._plan.popleft()
        if self._go(self._game.wander(belief, self._random), wanted, frozenset()):
            return self._plan.popleft()
        here = belief.at(ROBOT)
        others = sorted(
            p for p, kind in belief.kinds.items() if here and kind == belief.kinds.get(here) and p != here
        )
        self._random.shuffle(others)
        for place in others[:TRIES]:  # all is seen that is known of: go elsewhere
            target = frozenset({(ROBOT, "in", place)})
            if self._go(self._solve(belief, target), wanted or (place,), target):
                return self._plan.popleft()
        return None

    def _unseen(self, belief: WorldBelief) -> list[str]:
        """Places not looked into: those that were never looked into first, then the nearest; equal ones in
        random order."""
        hops = belief.hops or self._hops(belief)
        places = [
            p
            for p, kind in belief.kinds.items()
            if self._game.domain.is_a(kind, PLACE) and seen(p) not in belief.facts
        ]
        places.sort()
        self._random.shuffle(places)
        far = len(belief.kinds)  # also of places that nothing tells the way to, such as all in one room
        if not self._nearest:
            hops = {}
        return sorted(places, key=lambda p: (p in belief.searched, hops.get(p, far)))

    def _hops(self, belief: WorldBelief) -> dict[str, int]:
        graph = nx.Graph()
        graph.add_node(ROBOT)
        graph.add_edges_from((s, o) for s, r, o in belief.facts if r in ADJACENT)
        found: dict[str, int] = nx.single_source_shortest_path_length(graph, ROBOT)
        return found

    def _solve(self, belief: WorldBelief, goal: Facts) -> tuple[Step, ...]:
        """The steps of a plan; none where there is no plan."""
        kinds = {term: belief.kinds[term] for s, _, o in goal for term in (s, o) if term in belief.kinds}
        domain = part_for(self._game.domain, kinds, goal)
        objects = self._objects(domain, belief, goal)
        if any(term not in objects and term not in domain.constants for s, _, o in goal for term in (s, o)):
            return ()
        names = {*objects, *domain.constants}
        facts = frozenset(t for t in belief.facts if t[0] in names and t[2] in names)
        self.plans += 1
        try:
            plan = self._engine.solve(domain, WorldState(objects, facts), goal)
        except EngineError:
            return ()
        return () if plan is None else tuple(self._game.refine(plan.steps, belief))

    def _objects(self, domain: Domain, belief: WorldBelief, goal: Facts) -> dict[str, str]:
        """The objects of the planner's problem: the goal's things, their places, and useful ones; of types
        that some operator takes."""
        names = {term for s, _, o in goal for term in (s, o)} | self._game.useful(belief) | {ROBOT}
        at = {s: o for s, r, o in belief.facts if r in (*PLACES, "of")}
        for name in list(names):
            while (name := at.get(name, "")) and name not in names:
                names.add(name)
        types = {p.type for o in domain.operators for p in o.parameters}
        kinds = {n: belief.kinds[n] for n in sorted(names - domain.constants.keys()) if n in belief.kinds}
        return {n: k for n, k in kinds.items() if any(domain.is_a(k, t) for t in types)}
