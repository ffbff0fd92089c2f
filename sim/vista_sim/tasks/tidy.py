"""Open the drawer, put an object in, close it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vista.errors import InvalidValueError
from vista.skill import Skill, Verb
from vista_sim.scenes.cabinet_scenes import hideable
from vista_sim.task import Choice, TaskSetup
from vista_sim.tasks.drawer import Drawer


class Tidy(Drawer):
    """ "open the drawer, put the <object> in, close it": a drawer shuts over low objects only."""

    def set_up(self, seed: int, choice: Choice, target: str | None, rng: np.random.Generator) -> TaskSetup:
        if target is None and choice.fixed is None:
            low = hideable(choice.labels, choice.library)
            if not low:
                raise InvalidValueError(f"tidy: none of {', '.join(choice.labels)} fits in a shut drawer")
            target = str(np.random.default_rng(seed + 7 * 10**6).choice(low))
        made = super().set_up(seed, choice, target, rng)
        opens, grasp, _ = made.skills
        told = f"open the {opens.thing}, put the {grasp.thing} in, close it"
        return replace(made, instruction=told, skills=(*made.skills, Skill(Verb.CLOSE, opens.thing)))

    def opened_for(self, thing: str) -> int | None:
        return None
