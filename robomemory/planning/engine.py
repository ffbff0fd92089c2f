"""Plans by a classical planner, through unified-planning, so that the engine can be exchanged.

Default engine: pyperplan with greedy best-first search and the FF heuristic (Hoffmann and Nebel, 2001). It
runs in this process and answers small problems in milliseconds; Fast Downward starts a process for each plan.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Protocol

from robomemory.errors import DomainError, EngineError, MissingDependencyError
from robomemory.planning.deadline import FAR_S, within
from robomemory.planning.domain import VALUE, Domain, Facts, Operator, Plan, Step, WorldState
from robomemory.records import Triple

Avoided = tuple[str, str]
"""(act, first argument): what shall not be done."""

_ALLOWS = "allows"
_OPTIONS: Mapping[str, dict[str, str]] = {"pyperplan": {"search": "gbf", "heuristic": "hff"}}

MOST_STATES = 100_000
"""Plans of a tabletop take ten states, those of a house some hundreds."""


class _Counted:
    """A heuristic of pyperplan that gives up after ``states`` states."""

    def __init__(
        self, make: Callable[[object], Callable[[object], float]], states: int, task: object
    ) -> None:
        self._evaluate, self._states, self._left = make(task), states, states

    def __call__(self, node: object) -> float:
        self._left -= 1
        if self._left < 0:
            raise EngineError(f"no plan among {self._states} states")
        return self._evaluate(node)


class Engine(Protocol):
    """Finds steps from what holds to what is wanted."""

    def solve(
        self, domain: Domain, state: WorldState, goal: Facts, avoid: Collection[Avoided] = ()
    ) -> Plan | None:
        """A plan that makes all of ``goal`` true and does nothing of ``avoid``; None if there is none.

        Raises:
            EngineError: it took too long or failed. DomainError: ``goal`` or ``state`` names what is unknown.
        """
        ...


class UnifiedEngine:
    """A :class:`Engine` made of any planner that unified-planning knows and that does classical planning.

    How hard it looks for a plan is counted in states, so that a busy machine gives the same answer; time only
    ends what hangs.

    Args:
        name: As unified-planning calls it: "pyperplan", "fast-downward".
        timeout_s: Longest time for one plan [s].
        states: Most states that pyperplan looks at for one plan; other planners are bounded by time alone.
        cache: So many plans are kept; the same question is not worked out twice.

    Raises:
        MissingDependencyError: unified-planning is not installed.
    """

    def __init__(
        self,
        name: str = "pyperplan",
        *,
        timeout_s: float = FAR_S,
        states: int = MOST_STATES,
        cache: int = 512,
    ) -> None:
        try:
            import unified_planning.shortcuts as up
        except ImportError as error:
            raise MissingDependencyError(
                f'planning needs unified-planning ({error}): pip install "vista-stack[planning]"'
            ) from error
        up.get_environment().credits_stream = None
        self._up, self._name, self._timeout_s, self._states = up, name, timeout_s, states
        self._cache: OrderedDict[object, tuple[Step, ...] | None] = OrderedDict()
        self._size = cache

    def solve(
        self, domain: Domain, state: WorldState, goal: Facts, avoid: Collection[Avoided] = ()
    ) -> Plan | None:
        if goal <= state.facts:
            return Plan(())
        banned = frozenset(avoid)
        key = (domain.name, domain.operators, frozenset(state.objects.items()), state.facts, goal, banned)
        began = time.monotonic()
        if key in self._cache:
            self._cache.move_to_end(key)
            steps = self._cache[key]
            return None if steps is None else Plan(steps)
        steps = within(self._timeout_s, lambda: self._solve(domain, state, goal, banned))
        self._cache[key] = steps
        if len(self._cache) > self._size:
            self._cache.popitem(last=False)
        return None if steps is None else Plan(steps, time.monotonic() - began)

    def _solve(
        self, domain: Domain, state: WorldState, goal: Facts, avoid: frozenset[Avoided]
    ) -> tuple[Step, ...] | None:
        problem, names = Translation(self._up, domain, state, avoid).problem(goal)
        if problem is None:
            return None
        try:
            with self._up.OneshotPlanner(name=self._name, params=_OPTIONS.get(self._name, {})) as planner:
                if self._name == "pyperplan":  # made by a function of the grounded task, which it keeps
                    planner._heuristic = partial(_Counted, planner._heuristic, self._states)
                result = planner.solve(problem)
        except EngineError:
            raise
        except Exception as error:  # of an engine that is not ours
            raise EngineError(f"planner {self._name!r}: {type(error).__name__}: {error}") from error
        if result.plan is None:
            if "UNSOLVABLE" in result.status.name:
                return None
            raise EngineError(f"planner {self._name!r}: {result.status.name.lower()}")
        return tuple(
            domain.step(names[a.action.name], *(names[str(p)] for p in a.actual_parameters))
            for a in result.plan.actions
        )


class Translation:
    """One problem in the words of unified-planning. Every relation is a fluent over two things of any type,
    every name is replaced by a short one, since planners allow no spaces."""

    def __init__(self, up: Any, domain: Domain, state: WorldState, avoid: frozenset[Avoided]) -> None:
        self._up, self._domain, self._state, self._avoid = up, domain, state, avoid
        self._names: dict[str, str] = {}
        root = up.UserType("t")
        self._types: dict[str, Any] = {}
        for kind in domain.types:
            self._type(kind, root)
        self._problem = up.Problem("p")
        self._fluents: dict[str, Any] = {}
        for index, relation in enumerate(self._relations()):
            fluent = up.Fluent(f"r{index}", up.BoolType(), a=root, b=root)
            self._fluents[relation] = fluent
            self._problem.add_fluent(fluent, default_initial_value=False)
        self._objects: dict[str, Any] = {}
        for name, kind in self._kinds().items():
            thing = up.Object(f"o{len(self._objects)}", self._types[kind])
            self._names[thing.name] = name
            self._objects[name] = thing
            self._problem.add_object(thing)

    def _type(self, kind: str, root: Any) -> Any:
        if kind not in self._types:
            parent = self._domain.types[kind]
            above = self._type(parent, root) if parent else root
            self._types[kind] = self._up.UserType(f"t{len(self._types)}", above)
        return self._types[kind]

    def _relations(self) -> list[str]:
        """Those that some operator speaks of; facts of others can't matter."""
        spoken = {
            relation
            for o in self._domain.operators
            for _, relation, _ in (*o.preconditions, *o.adds, *o.deletes)
        }
        return sorted(spoken | {_ALLOWS})

    def _kinds(self) -> dict[str, str]:
        kinds = {o.act: VALUE for o in self._domain.operators}
        for o in self._domain.operators:
            for triple in (*o.preconditions, *o.adds, *o.deletes):
                kinds |= {t: VALUE for t in (triple[0], triple[2]) if not t.startswith("?")}
        kinds |= dict(self._domain.constants)
        for name, kind in self._state.objects.items():
            if kind not in self._domain.types:
                known = ", ".join(sorted(self._domain.types))
                raise DomainError(f"object {name!r} of type {kind!r}; there are {known}")
            kinds[name] = kind
        return kinds

    def problem(self, goal: Facts) -> tuple[Any, dict[str, str]]:
        """The problem, None where the goal can't be reached by any operator, and {short name: name}.

        Raises:
            DomainError: the goal names a thing that is not in the state.
        """
        for subject, relation, thing in goal:
            if relation not in self._fluents:
                return None, self._names
            for name in (subject, thing):
                if name not in self._objects:
                    known = ", ".join(sorted(self._state.objects))
                    raise DomainError(f"goal {(subject, relation, thing)}: no {name!r}; there are {known}")
            self._problem.add_goal(self._atom((subject, relation, thing), {}))
        for triple in self._state.facts:
            if triple[1] in self._fluents and triple[0] in self._objects and triple[2] in self._objects:
                self._problem.set_initial_value(self._atom(triple, {}), True)
        for index, operator in enumerate(self._domain.operators):
            self._operator(f"a{index}", operator)
        return self._problem, self._names

    def _operator(self, short: str, operator: Operator) -> None:
        kinds = {p.name: self._types[p.type] for p in operator.parameters}
        action = self._up.InstantaneousAction(short, **{f"x{i}": k for i, k in enumerate(kinds.values())})
        bound = {name: action.parameter(f"x{i}") for i, name in enumerate(kinds)}
        for triple in operator.preconditions:
            action.add_precondition(self._atom(triple, bound))
        if any(act == operator.act for act, _ in self._avoid):
            self._allow(operator, action, bound)
        for triple in operator.adds:
            action.add_effect(self._atom(triple, bound), True)
        for triple in set(operator.deletes) - set(operator.adds):
            action.add_effect(self._atom(triple, bound), False)
        self._names[short] = operator.name
        self._problem.add_action(action)

    def _allow(self, operator: Operator, action: Any, bound: Mapping[str, Any]) -> None:
        """What shall be avoided lacks a permission that all others have."""
        first = operator.parameters[0]
        action.add_precondition(self._atom((f"?{first.name}", _ALLOWS, operator.act), bound))
        for name, kind in self._state.objects.items():
            if self._domain.is_a(kind, first.type) and (operator.act, name) not in self._avoid:
                self._problem.set_initial_value(self._atom((name, _ALLOWS, operator.act), {}), True)

    def _atom(self, triple: Triple, bound: Mapping[str, Any]) -> Any:
        subject, relation, thing = triple
        ends = [bound[t[1:]] if t.startswith("?") else self._objects[t] for t in (subject, thing)]
        return self._fluents[relation](*ends)
