"""What each subtask sentence means, in any scene: the expert's next action and the state when it is done.

grasp the X;  place the X in the tray | in the DRAWER | on the Y;  open | close the DRAWER
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vista.errors import UnknownNameError
from vista_sim.experts import drawer_expert, goal_states, tabletop, tray, tray_berth
from vista_sim.experts.carry import Spot, on_top, put_down
from vista_sim.experts.tabletop import Action
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.scenes.scene import Scene
from vista_sim.world import World

CLEARANCE = 0.12
"""Height of a carried object's foot on the way, over all that stands on the table [m]."""
LIFTED_M = 0.012


@dataclass(frozen=True, slots=True)
class Meaning:
    """``verb``, the ``thing`` it is about (a label or a drawer) and where it goes (``place``, or empty)."""

    verb: str
    thing: str
    place: str = ""


def meanings(scene: Scene) -> dict[str, Meaning]:
    """Every sentence that can be said about ``scene``."""
    drawers, labels = DRAWER_NAMES[scene.drawers], [p.spec.label for p in scene.objects]
    known = {f"{verb} the {d}": Meaning(verb, d) for d in drawers for verb in ("open", "close")}
    for label in labels:
        known[f"grasp the {label}"] = Meaning("grasp", label)
        inside = [*drawers, *(["tray"] if scene.tray is not None else [])]
        known |= {f"place the {label} in the {p}": Meaning("place", label, p) for p in inside}
        known |= {f"place the {label} on the {p}": Meaning("place", label, p) for p in labels if p != label}
    return known


class Sentences:
    """The sentences of one scene. Every method raises UnknownNameError for one that is not of it."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._known = scene, meanings(scene)
        self._drawers = DRAWER_NAMES[scene.drawers]

    def read(self, sentence: str) -> Meaning:
        """What ``sentence`` means."""
        if sentence not in self._known:
            raise UnknownNameError("subtask", sentence, self._known)
        return self._known[sentence]

    def act(self, world: World, sentence: str) -> Action:
        """The expert's next action."""
        said = self.read(sentence)
        if said.verb == "open":
            return drawer_expert.open_drawer(world, self._drawers.index(said.thing))
        if said.verb == "close":
            return drawer_expert.close_drawer(world, self._drawers.index(said.thing))
        index = world.index(said.thing)
        if said.verb == "grasp":
            return tabletop.grasp(world, index)
        if said.place in self._drawers:
            return drawer_expert.put_inside(world, index, self._drawers.index(said.place))
        if said.place != "tray":
            where, ground = self._top(world, said.place)
            return put_down(world, index, on_top(where, ground, CLEARANCE))
        found = tray_berth.find_berth(world, index)
        foot = float(world.object_pose(index)[2, 3]) - self._scene.objects[index].spec.half_height
        ground = max(found.ground, found.hand - (float(world.ee_pose()[2, 3]) - foot))
        clearance = max(CLEARANCE, tray.tallest(world, index) + 0.015)
        return put_down(world, index, Spot(found.where, ground, clearance, yaw=found.yaw))

    def show(self, world: World, sentence: str) -> None:
        """Set ``world`` to how it looks when ``sentence`` is done, without physics."""
        said = self.read(sentence)
        if said.verb == "open":
            drawer_expert.show_opened(world, self._drawers.index(said.thing))
            return
        if said.verb == "close":
            drawer_expert.show_closed(world, self._drawers.index(said.thing))
            return
        index = world.index(said.thing)
        if said.verb == "grasp":
            goal_states.show_grasped(world, index)
        elif said.place in self._drawers:
            drawer_expert.show_inside(world, index, self._drawers.index(said.place))
        elif said.place == "tray":
            found = tray_berth.find_berth(world, index)
            goal_states.show_placed(world, index, found.where, found.ground, yaw=found.yaw, turn=found.turn)
        else:
            goal_states.show_placed(world, index, *self._top(world, said.place))

    def _top(self, world: World, label: str) -> tuple[np.ndarray, float]:
        support = world.index(label)
        centre = world.object_pose(support)[:3, 3]
        return centre[:2], float(centre[2]) + self._scene.objects[support].spec.half_height

    def holds(self, world: World, sentence: str) -> bool:
        """Truth: whether what ``sentence`` is for is so now."""
        said = self.read(sentence)
        if said.verb in ("open", "close"):
            opening = world.drawer_opening(self._drawers.index(said.thing))
            return opening >= 0.8 * drawer_expert.OPEN if said.verb == "open" else opening <= 0.02
        index = world.index(said.thing)
        if said.verb == "grasp":
            placed = self._scene.objects[index]
            risen = world.object_pose(index)[2, 3] > placed.z + placed.spec.half_height + LIFTED_M
            return bool(risen and tabletop.is_held(world, index))
        if tabletop.is_held(world, index) or world.object_speed(index) > 0.1:
            return False
        if said.place in self._drawers:
            return drawer_expert.is_inside(world, index, self._drawers.index(said.place))
        return (
            tray.in_tray(world, index)
            if said.place == "tray"
            else stands_on(world, index, world.index(said.place))
        )


def stands_on(world: World, top: int, support: int) -> bool:
    """Truth: object ``top`` stands upright on object ``support``."""
    above, below = world.object_pose(top), world.object_pose(support)
    one, other = world.scene.objects[top].spec, world.scene.objects[support].spec
    gap = above[2, 3] - below[2, 3] - one.half_height - other.half_height
    upright = below[2, 2] > 0.97 and above[2, 2] > 0.97
    over = float(np.hypot(*(above[:2, 3] - below[:2, 3]))) < other.half_width
    return bool(upright and over and abs(gap) < 0.006)
