"""Put an object in the tray."""

from __future__ import annotations

import numpy as np

from vista.skill import Relation
from vista_sim.experts.tray_ways import LOW
from vista_sim.scenes.scene import sample_tabletop
from vista_sim.task import Choice, Task, TaskSetup, beside_tray, carry, choose, instruction_of, named


class PickPlace(Task):
    """ "put the <object> in the tray"; the seed draws the object, or ``target`` names it."""

    name = "pick_place"
    tray_way = LOW

    def set_up(self, seed: int, choice: Choice, target: str | None, rng: np.random.Generator) -> TaskSetup:
        scene = choice.fixed or sample_tabletop(
            seed, choice.labels, choice.patterns, count=choice.distractors + 1,
            library=choice.library, table=choice.table, required=[target] if target else [],
        )  # fmt: skip
        labels = beside_tray(scene, self.name)
        thing = choose(rng, labels, named(choice.fixed, target, labels), "object")
        told = instruction_of(scene, target, f"put the {thing} in the tray", "tray")
        return TaskSetup(scene, told, carry(thing, Relation.IN, "tray"))
