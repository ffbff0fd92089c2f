"""Find an object that is hidden in one of several closed drawers and put it in the tray."""

from __future__ import annotations

import numpy as np

from vista.errors import InvalidValueError
from vista.skill import Relation, Skill, Verb
from vista_sim.experts.tray_ways import OVER_HANDLES
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.scenes.cabinet_scenes import hideable, sample_cabinet
from vista_sim.task import Choice, Task, TaskSetup, carry, choose, instruction_of, named


class Search(Task):
    """ "put the <object> in the tray", but it is in a drawer. The expert knows which: ``drawer``."""

    tray_way = OVER_HANDLES

    def set_up(self, seed: int, choice: Choice, target: str | None, rng: np.random.Generator) -> TaskSetup:
        scene = choice.fixed
        if scene is None:
            labels = hideable(choice.labels, choice.library)
            thing = choose(rng, labels, target, "object that fits in a drawer")
            scene = sample_cabinet(
                seed, choice.labels, choice.patterns, drawers=3, distractors=choice.distractors,
                subject=thing, hidden=True, tray=True, library=choice.library, table=choice.table,
            )  # fmt: skip
        else:
            hidden = [p.spec.label for p in scene.objects if p.drawer is not None]
            if scene.tray is None or not hidden:
                raise InvalidValueError("search needs a scene with a tray and an object with a `drawer`")
            thing = choose(rng, hidden, named(scene, target, hidden), "hidden object")
        drawer = scene.find(thing).drawer
        assert drawer is not None
        told = instruction_of(scene, target, f"put the {thing} in the tray", "tray")
        opens = Skill(Verb.OPEN, DRAWER_NAMES[scene.drawers][drawer])
        return TaskSetup(scene, told, (opens, *carry(thing, Relation.IN, "tray")))

    def opened_for(self, thing: str) -> int | None:
        return self.scene.find(thing).drawer
