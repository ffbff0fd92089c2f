"""Leaves out of a domain the operators that cannot serve a goal: a planner is faster with fewer.

Backward relevance over types: an operator stays if it can add something that the goal, or the precondition
of an operator that stays, is about (relevance analysis as in Nebel, Dimopoulos and Koehler, ECP 1997, over
types instead of ground facts). No plan is lost by it.
"""

from __future__ import annotations

from collections.abc import Mapping

from robomemory.planning import VALUE, Domain, Facts, Operator
from robomemory.records import Triple

Pattern = tuple[str, str, str]
"""(type of the subject, relation, type of the object)."""


def part_for(domain: Domain, kinds: Mapping[str, str], goal: Facts) -> Domain:
    """``domain`` with the operators that can matter for ``goal`` and the constants that these name; ``kinds``
    {name: type} of the names in the goal."""
    known = {**domain.constants, **kinds}
    needed = {(known.get(s, VALUE), r, known.get(o, VALUE)) for s, r, o in goal}
    kept: list[Operator] = []
    while True:
        more = [
            o for o in domain.operators if o not in kept and _adds(domain, o) and _serves(domain, o, needed)
        ]
        if not more:
            break
        kept += more
        needed |= {_pattern(domain, o, t) for o in more for t in o.preconditions}
    operators = tuple(o for o in domain.operators if o in kept)
    terms = {t for o in operators for triple in (*o.preconditions, *o.adds, *o.deletes) for t in triple}
    types = {p.type for o in operators for p in o.parameters} | {known.get(n, VALUE) for n in _names(goal)}
    constants = {n: k for n, k in domain.constants.items() if n in terms or (k in types and k != VALUE)}
    name = "+".join((domain.name, *(o.name for o in operators)))
    return Domain(name, domain.types, operators, constants)


def _names(goal: Facts) -> set[str]:
    return {term for s, _, o in goal for term in (s, o)}


def _adds(domain: Domain, operator: Operator) -> set[Pattern]:
    return {_pattern(domain, operator, t) for t in operator.adds}


def _pattern(domain: Domain, operator: Operator, triple: Triple) -> Pattern:
    kinds = {f"?{p.name}": p.type for p in operator.parameters} | dict(domain.constants)
    return kinds.get(triple[0], VALUE), triple[1], kinds.get(triple[2], VALUE)


def _serves(domain: Domain, operator: Operator, needed: set[Pattern]) -> bool:
    def meet(one: str, other: str) -> bool:
        return domain.is_a(one, other) or domain.is_a(other, one)

    return any(
        r == relation and meet(s, subject) and meet(o, thing)
        for s, r, o in _adds(domain, operator)
        for subject, relation, thing in needed
    )
