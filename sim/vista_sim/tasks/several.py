"""Put several objects in the tray, one after the other."""

from __future__ import annotations

import numpy as np

from vista.errors import InvalidValueError, UnknownNameError
from vista.skill import Relation
from vista_sim.scenes.scene import sample_tabletop
from vista_sim.task import Choice, Task, TaskSetup, beside_tray, carry

MOST = 4
"""As many objects as the tray holds."""


class Several(Task):
    """ "put the A and the B in the tray" or "put the A in the tray, then the B"; the seed draws which.

    Args:
        target: The labels, joined by " and "; one alone gets others, drawn, beside it; None: all are drawn.
        count: How many there are where fewer are named.
    """

    def __init__(self, seed: int, choice: Choice, target: str | None = None, count: int = 2) -> None:
        self._count = count
        super().__init__(seed, choice, target)

    def set_up(self, seed: int, choice: Choice, target: str | None, rng: np.random.Generator) -> TaskSetup:
        wanted = target.split(" and ") if target else []
        count = max(len(wanted), self._count)
        if not 1 < count <= MOST or len(set(wanted)) != len(wanted):
            raise InvalidValueError(
                f"several: {count} objects ({target}), expected 2 to {MOST} different ones"
            )
        scene = choice.fixed or sample_tabletop(
            seed, choice.labels, choice.patterns, count=max(count, min(choice.distractors + 1, 4)),
            library=choice.library, table=choice.table, required=wanted,
        )  # fmt: skip
        labels = beside_tray(scene, self.name)
        for label in wanted:
            if label not in labels:
                raise UnknownNameError("object", label, labels)
        drawn = [str(s) for s in rng.permutation(labels) if s not in wanted]
        things = (*wanted, *drawn)[:count]
        *most, last = [f"the {label}" for label in things]
        if rng.random() < 0.5:
            told = f"put {', '.join(most)} and {last} in the tray"
        else:
            told = f"put {most[0]} in the tray, then {', then '.join((*most[1:], last))}"
        return TaskSetup(scene, told, tuple(s for label in things for s in carry(label, Relation.IN, "tray")))
