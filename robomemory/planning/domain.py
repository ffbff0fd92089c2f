"""The words of planning: what kinds of things there are, what can be done, what holds, what is wanted.

A STRIPS domain (Fikes and Nilsson, 1971) whose facts are the triples of the knowledge graph: (subject,
relation, object). A term that begins with "?" stands for a parameter of the operator it occurs in; every
other term is a constant, such as "open" in ("?drawer", "is", "open").
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from robomemory.errors import DomainError
from robomemory.records import Triple

Facts = frozenset[Triple]

VALUE = "value"
"""Type of constants that are no things, such as "open" and "empty"."""

ROBOT, SEEN = "robot", "has seen"
"""("robot", "has seen", place): what is in that place is known. Exploring makes such facts true."""


def seen(place: str) -> Triple:
    """The fact that ``place`` was looked into."""
    return (ROBOT, SEEN, place)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operator: ``name`` without the "?", and the ``type`` of what may stand for it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Operator:
    """Something that can be done.

    ``preconditions`` must all hold before; ``adds`` hold afterwards and ``deletes`` no longer do.
    ``sentence`` says it in words, with ``{parameter}`` in place of names. ``effort`` 0: the usual way; a
    higher one is tried only where every easier way is known to fail. ``act``: what it is called where it
    failed or worked, the same for operators that differ by the place only (empty: its name). ``verb``: what
    an arm does then ("grasp"; empty: the act). The first parameter is what the step is about; where the step
    says how that is to a place, ``relation`` ("in") says it, and the second parameter is the place.
    """

    name: str
    parameters: tuple[Parameter, ...]
    preconditions: tuple[Triple, ...]
    adds: tuple[Triple, ...]
    deletes: tuple[Triple, ...] = ()
    sentence: str = ""
    effort: int = 0
    act: str = ""
    verb: str = ""
    relation: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "act", self.act or self.name)
        object.__setattr__(self, "verb", self.verb or self.act)
        names = {p.name for p in self.parameters}
        if self.relation and len(self.parameters) < 2:
            raise DomainError(f"operator {self.name!r}: relation {self.relation!r} and no second parameter")
        if not self.parameters or len(names) != len(self.parameters):
            raise DomainError(f"operator {self.name!r}: parameters {self.parameters}, expected distinct ones")
        for triple in (*self.preconditions, *self.adds, *self.deletes):
            for term in triple:
                if term.startswith("?") and term[1:] not in names:
                    known = ", ".join(sorted(names))
                    raise DomainError(f"operator {self.name!r}: {term} in {triple}; parameters are {known}")
        try:
            self.sentence.format(**{name: name for name in names})
        except (KeyError, IndexError, ValueError) as error:
            raise DomainError(f"operator {self.name!r}: sentence {self.sentence!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class Step:
    """An operator with its ``arguments``; ``text`` says it to people. ``verb`` and ``relation`` are those of
    the operator."""

    operator: str
    arguments: tuple[str, ...]
    text: str
    verb: str = field(default="", compare=False)
    relation: str = field(default="", compare=False)

    @property
    def about(self) -> str:
        """What the step is about: its first argument."""
        return self.arguments[0]

    @property
    def thing(self) -> str:
        """What the step is done with: its first argument."""
        return self.arguments[0]

    @property
    def place(self) -> str:
        """Where the thing goes; empty for a step without a relation."""
        return self.arguments[1] if self.relation else ""


@dataclass(frozen=True, slots=True)
class Domain:
    """``types`` {type: parent, "" for a root}, ``operators`` and ``constants`` {name: type}; ``movable`` and
    ``place``: the types of what can be moved and of where it can be.

    Raises:
        DomainError: a type or a name that is not there, or is there twice; it is named.
    """

    name: str
    types: Mapping[str, str]
    operators: tuple[Operator, ...]
    constants: Mapping[str, str] = field(default_factory=dict)
    movable: str = "thing"
    place: str = "place"

    def __post_init__(self) -> None:
        types = {VALUE: "", **self.types}
        object.__setattr__(self, "types", MappingProxyType(types))
        object.__setattr__(self, "constants", MappingProxyType(dict(self.constants)))
        used = [self.movable, self.place, *types.values(), *self.constants.values()]
        used += [p.type for o in self.operators for p in o.parameters]
        for each in used:
            if each and each not in types:
                known = ", ".join(sorted(types))
                raise DomainError(f"domain {self.name!r}: no type {each!r}; there are {known}")
        names = [o.name for o in self.operators]
        for each in names:
            if names.count(each) > 1:
                raise DomainError(f"domain {self.name!r}: operator {each!r} is there twice")

    def __reduce__(self) -> tuple[Any, ...]:  # Python copies and pickles no mapping that is read-only
        types, constants = dict(self.types), dict(self.constants)
        return Domain, (self.name, types, self.operators, constants, self.movable, self.place)

    def operator(self, name: str) -> Operator:
        """The operator of that name; DomainError lists those there are."""
        for each in self.operators:
            if each.name == name:
                return each
        known = ", ".join(o.name for o in self.operators)
        raise DomainError(f"domain {self.name!r}: no operator {name!r}; there are {known}")

    def is_a(self, kind: str, wanted: str) -> bool:
        """Whether type ``kind`` is ``wanted`` or below it."""
        while kind and kind != wanted:
            kind = self.types.get(kind, "")
        return kind == wanted

    def easier(self, act: str) -> frozenset[str]:
        """The acts of less effort that ``act`` can stand in for: they make the same true."""
        here = [o for o in self.operators if o.act == act]
        return frozenset(
            o.act
            for o in self.operators
            for mine in here
            if o.effort < mine.effort and set(o.adds) == set(mine.adds)
        )

    def lookable(self, kind: str) -> bool:
        """Whether some operator looks into places of type ``kind``."""
        return any(
            self.is_a(kind, p.type)
            for o in self.operators
            for p in o.parameters
            if (ROBOT, SEEN, f"?{p.name}") in o.adds
        )

    def step(self, operator: str, *arguments: str) -> Step:
        """``operator`` with ``arguments``; DomainError for another number of them."""
        found = self.operator(operator)
        bound = _binding(found, arguments)
        sentence = found.sentence or " ".join((operator, *(f"{{{p.name}}}" for p in found.parameters)))
        return Step(operator, arguments, sentence.format(**bound), found.verb, found.relation)

    def preconditions(self, step: Step) -> tuple[Triple, ...]:
        """What must hold before ``step``."""
        return self._ground(step, self.operator(step.operator).preconditions)

    def unmet(self, step: Step, facts: Collection[Triple]) -> tuple[Triple, ...]:
        """The preconditions of ``step`` that do not hold in ``facts``; none: it can be done."""
        return tuple(triple for triple in self.preconditions(step) if triple not in facts)

    def effects(self, step: Step) -> tuple[Facts, Facts]:
        """The facts that ``step`` makes true, and those that it ends."""
        found = self.operator(step.operator)
        adds = frozenset(self._ground(step, found.adds))
        return adds, frozenset(self._ground(step, found.deletes)) - adds

    def after(self, step: Step, facts: Facts) -> Facts:
        """``facts`` once ``step`` has been done."""
        adds, deletes = self.effects(step)
        return (facts - deletes) | adds

    def _ground(self, step: Step, triples: Iterable[Triple]) -> tuple[Triple, ...]:
        bound = _binding(self.operator(step.operator), step.arguments)

        def term(word: str) -> str:
            return bound[word[1:]] if word.startswith("?") else word

        return tuple((term(s), term(r), term(o)) for s, r, o in triples)


def _binding(operator: Operator, arguments: tuple[str, ...]) -> dict[str, str]:
    if len(arguments) != len(operator.parameters):
        wanted = ", ".join(p.name for p in operator.parameters)
        raise DomainError(f"operator {operator.name!r}: arguments {arguments}, expected ({wanted})")
    return {p.name: a for p, a in zip(operator.parameters, arguments, strict=True)}


@dataclass(frozen=True, slots=True)
class WorldState:
    """What there is, ``objects`` {name: type}, and the ``facts`` that hold; others do not."""

    objects: Mapping[str, str]
    facts: Facts

    def __post_init__(self) -> None:
        object.__setattr__(self, "objects", MappingProxyType(dict(self.objects)))
        object.__setattr__(self, "facts", frozenset(self.facts))

    def __reduce__(self) -> tuple[Any, ...]:
        return WorldState, (dict(self.objects), self.facts)


@dataclass(frozen=True, slots=True)
class Goal:
    """Facts that shall hold together at the end. ``find``: things whose place shall be known."""

    facts: Facts = frozenset()
    find: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", frozenset(self.facts))
        object.__setattr__(self, "find", frozenset(self.find))
        if not self.facts and not self.find:
            raise DomainError("Goal: neither facts nor something to find")

    def open(self, facts: Collection[Triple]) -> Facts:
        """The wanted facts that do not hold yet."""
        return frozenset(triple for triple in self.facts if triple not in facts)


@dataclass(frozen=True, slots=True)
class Plan:
    """``steps`` in order that lead to the goal; none where nothing is left to do. ``seconds``: wall time that
    finding them took [s], 0 from the cache."""

    steps: tuple[Step, ...]
    seconds: float = 0.0
