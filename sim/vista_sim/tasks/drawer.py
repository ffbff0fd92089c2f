"""Open a drawer and put an object into it."""

from __future__ import annotations

import numpy as np

from vista.errors import InvalidValueError
from vista.skill import Relation, Skill, Verb
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.scenes.cabinet_scenes import sample_cabinet
from vista_sim.scenes.scene import Scene
from vista_sim.task import Choice, Task, TaskSetup, carry, choose, instruction_of, named, standing


class Drawer(Task):
    """ "put the <object> in the drawer", which is closed at first."""

    def set_up(self, seed: int, choice: Choice, target: str | None, rng: np.random.Generator) -> TaskSetup:
        scene = choice.fixed
        if scene is None:
            thing = choose(rng, choice.labels, target, "object")
            scene = sample_cabinet(
                seed, choice.labels, choice.patterns, drawers=1, distractors=choice.distractors,
                subject=thing, hidden=False, tray=False, library=choice.library, table=choice.table,
            )  # fmt: skip
        elif scene.drawers:
            labels = [p.spec.label for p in standing(scene)]
            thing = choose(rng, labels, named(scene, target, labels), "object")
        else:
            raise InvalidValueError("drawer needs a scene with a cabinet; add `drawers: 1` to the scene")
        drawer = _goal_drawer(scene, rng)
        told = instruction_of(scene, target, f"put the {thing} in the {drawer}", drawer)
        return TaskSetup(scene, told, (Skill(Verb.OPEN, drawer), *carry(thing, Relation.IN, drawer)))

    def opened_for(self, thing: str) -> int | None:
        return self.drawer


def _goal_drawer(scene: Scene, rng: np.random.Generator) -> str:
    """The drawer of the scene's own instruction, or else a random empty one."""
    names = DRAWER_NAMES[scene.drawers]
    told = [i for i, n in enumerate(names) if n in scene.instruction]
    taken = {p.drawer for p in scene.objects}
    empty = [i for i in range(len(names)) if i not in taken]
    return names[told[0] if told else int(rng.choice(empty or range(len(names))))]
