"""Put several objects in the tray, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vista.errors import InvalidValueError, UnknownNameError
from vista_sim.experts.tabletop import Action
from vista_sim.scenes.scene import Scene, sample_tabletop
from vista_sim.tasks.base import Choice, at_rest, standing
from vista_sim.tasks.sentences import Sentences
from vista_sim.world import World

MOST = 4
"""What the tray holds."""


class Several:
    """ "put the A and the B in the tray" or "put the A in the tray, then the B"; the seed draws which.

    Args:
        target: The labels, joined by " and "; one alone gets others, drawn, beside it; None: all are drawn.
        count: How many there are where fewer are named.
    """

    name = "several"

    def __init__(self, seed: int, choice: Choice, target: str | None = None, count: int = 2) -> None:
        rng = np.random.default_rng(seed + 10**6)
        required = target.split(" and ") if target else []
        count = max(len(required), count)
        if not 1 < count <= MOST or len(set(required)) != len(required):
            raise InvalidValueError(
                f"several: {count} objects ({target}), expected 2 to {MOST} different ones"
            )
        self.scene: Scene = choice.fixed or sample_tabletop(
            seed, choice.labels, choice.patterns, count=max(count, min(choice.distractors + 1, 4)),
            library=choice.library, required=required,
        )  # fmt: skip
        if self.scene.tray is None:
            raise InvalidValueError("several needs a scene with a `tray`")
        labels = [p.spec.label for p in standing(self.scene)]
        for label in required:
            if label not in labels:
                raise UnknownNameError("object", label, labels)
        drawn = [str(s) for s in rng.permutation(labels) if s not in required]
        self.targets: tuple[str, ...] = (*required, *drawn)[:count]
        self.target = self.targets[0]
        *most, last = [f"the {label}" for label in self.targets]
        self.instruction = (
            f"put {', '.join(most)} and {last} in the tray"
            if rng.random() < 0.5
            else f"put {most[0]} in the tray, then {', then '.join((*most[1:], last))}"
        )
        self.subtasks: Sequence[str] = tuple(
            said
            for label in self.targets
            for said in (f"grasp the {label}", f"place the {label} in the tray")
        )
        self._sentences = Sentences(self.scene)

    def left(self, world: World) -> tuple[str, ...]:
        """Truth: the labels of what is not in the tray."""
        placed = zip(self.targets, self.subtasks[1::2], strict=True)
        return tuple(label for label, said in placed if not self._sentences.holds(world, said))

    def success(self, world: World) -> bool:
        free = all(at_rest(world, world.index(label)) for label in self.targets)
        return free and not self.left(world)

    def act(self, world: World, subtask: str) -> Action:
        return self._sentences.act(world, subtask)

    def show(self, world: World, subtask: str) -> None:
        self._sentences.show(world, subtask)

    def prepare(self, world: World) -> None:
        """Nothing to prepare."""
