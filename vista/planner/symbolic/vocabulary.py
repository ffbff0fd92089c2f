"""What an instruction may be about: what is seen, what the memory knows, what a detector was taught."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from robomemory.names import PLACE
from robomemory.planning.domain import ROBOT, SEEN
from robomemory.planning.goals import HAND
from robomemory.planning.manipulation import CONTAINER, DRAWER, SURFACE, THING
from robomemory.planning.planner import Around
from vista.planner.instruction.values import Nameable, Sort, Vocabulary
from vista.planner.instruction.words.nouns import COLOURS, SHAPES
from vista.types import F64

_SORTS = {THING: Sort.THING, CONTAINER: Sort.CONTAINER, DRAWER: Sort.DRAWER, SURFACE: Sort.SURFACE}
_PLACES = ("tray", "drawer", "table")


def vocabulary(
    around: Around, positions: Mapping[str, F64], seen: frozenset[str], labels: frozenset[str] | None
) -> Vocabulary:
    """The vocabulary of what is ``around``.

    Args:
        positions: {name: (3,) [m, base frame]} of what is seen.
        seen: Names of what is in view.
        labels: The detector's; None for one that looks for any words. What is called so may be hidden where
            there is a drawer that nobody looked into.
    """
    state = around.belief.state
    held = next((s for s, r, o in sorted(state.facts) if (r, o) == ("held by", HAND)), "")
    known = tuple(
        Nameable(
            name, _SORTS[kind],
            positions.get(name) if kind in (THING, CONTAINER) else None,
            _inside(around, name), seen=name in seen,
        )
        for name, kind in sorted(state.objects.items())
        if kind in _SORTS
    )  # fmt: skip
    hidden = frozenset[str]()
    drawers = [name for name, kind in state.objects.items() if kind == DRAWER]
    if any((ROBOT, SEEN, name) not in state.facts for name in drawers):
        hidden = _possible(labels) - {each.name for each in known}
    names = {each.name for each in known}
    aliases = {said: name for said, name in around.meanings.items() if name in names}
    aliases |= {f"my {said}": name for said, name in aliases.items()}
    return Vocabulary(known, hidden, aliases, tuple(n for n in around.moved if n in names), held)


def _inside(around: Around, name: str) -> str:
    """Where ``name`` is, as far as is known; nothing for a place."""
    if around.belief.state.objects.get(name) != THING:
        return ""
    facts = sorted(around.belief.state.facts)
    return next((o for s, r, o in facts if s == name and r in PLACE and r != "held by"), "")


def _possible(labels: frozenset[str] | None) -> frozenset[str]:
    """The names of things that could be looked for."""
    if labels is not None:
        return frozenset(label for label in labels if label.split()[-1] not in _PLACES)
    shapes = [shape for shape in SHAPES if shape not in _PLACES]
    return frozenset(f"{colour} {shape}" for colour, shape in product(COLOURS, shapes))
