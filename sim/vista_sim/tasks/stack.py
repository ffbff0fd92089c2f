"""Put an object on top of another."""

from __future__ import annotations

import numpy as np

from vista.errors import InvalidValueError
from vista.skill import Relation
from vista_sim.scenes.cabinet_scenes import is_stackable, is_support, stackables, supports
from vista_sim.scenes.scene import sample_tabletop
from vista_sim.task import Choice, Task, TaskSetup, carry, choose, instruction_of, standing


class Stack(Task):
    """ "put the <object> on the <support>"; ``target`` names one or both: "red cube on the blue box"."""

    def set_up(self, seed: int, choice: Choice, target: str | None, rng: np.random.Generator) -> TaskSetup:
        wanted, _, below = (target or "").partition(" on the ")
        tops, bodies = _candidates(choice)
        named = choice.fixed.named(choice.fixed.instruction) if choice.fixed and not target else []
        if len(named) == 2 and named[0] in bodies and named[1] in tops:
            wanted, below = named
        support = choose(rng, [t for t in tops if t != wanted], below, "support")
        thing = choose(rng, [b for b in bodies if b != support], wanted, "object")
        scene = choice.fixed or sample_tabletop(
            seed, choice.labels, choice.patterns, count=max(2, choice.distractors + 1),
            library=choice.library, table=choice.table, required=[thing, support],
        )  # fmt: skip
        told = instruction_of(scene, target, f"put the {thing} on the {support}", " on ")
        return TaskSetup(scene, told, carry(thing, Relation.ON, support))


def _candidates(choice: Choice) -> tuple[list[str], list[str]]:
    """Labels of what something can stand on, and of what can stand on it."""
    labels = list(dict.fromkeys(choice.labels))
    tops, bodies = supports(labels, choice.library), stackables(labels, choice.library)
    if choice.fixed is not None:
        here = [p.spec for p in standing(choice.fixed)]
        tops = [spec.label for spec in here if is_support(spec)]
        bodies = [spec.label for spec in here if is_stackable(spec)]
    if not tops or not set(bodies) - set(tops[:1] if len(tops) == 1 else ()):
        raise InvalidValueError(
            "stack needs a cube or a box to stand on and another object with a flat foot; "
            f"given: {', '.join(tops) or 'nothing to stand on'}, {', '.join(bodies) or 'nothing flat'}"
        )
    return tops, bodies
