"""What each skill means in a scene: the expert's next action, the goal state, and whether it is reached.

Everything here reads the simulator's truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from vista.errors import UnknownNameError
from vista.skill import Relation, Skill, Verb
from vista.types import F64
from vista.values import instance
from vista_sim.experts import drawer_expert, goal_states, tabletop, tray
from vista_sim.experts.carry import on_top, put_down
from vista_sim.experts.tabletop import ExpertAction
from vista_sim.experts.tray_ways import BESIDE_OTHERS, TrayWay
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.scenes.scene import Scene
from vista_sim.world import World

TRAY, TABLE = "tray", "table"
SPOT_M = 0.03
"""A thing whose middle is no further from the point where it was to go stands there [m]."""
LIFTED_M = 0.012
"""A thing that is this far above its ground counts as lifted [m]."""
OPEN_SHARE, SHUT_M = 0.8, 0.02
"""A drawer counts as open from this share of what the expert pulls; as shut up to this opening [m]."""


def no_drawer(thing: str) -> int | None:
    """Goal states about ``thing`` leave every drawer as it is."""
    return None


class SceneSkills:
    """The skills of one scene: grasp a thing; place it in the tray, in a drawer, on another thing or at a
    point of the table; open or close a drawer. Every method raises UnknownNameError for a skill that the
    scene has not.

    Args:
        scene: What stands where.
        tray_way: How the expert puts things into the tray.
        opened_for: Index of the drawer that goal states about a thing show open, or None.
    """

    def __init__(
        self,
        scene: Scene,
        tray_way: TrayWay = BESIDE_OTHERS,
        opened_for: Callable[[str], int | None] = no_drawer,
    ) -> None:
        self._scene, self._tray_way, self._opened_for = scene, tray_way, opened_for
        self._drawers = DRAWER_NAMES[scene.drawers]

    @property
    def known(self) -> tuple[Skill, ...]:
        """Every skill of the scene."""
        return tuple(self._known)

    @cached_property
    def _known(self) -> dict[Skill, None]:
        labels = [p.spec.label for p in self._scene.objects]
        skills = [Skill(verb, d) for d in self._drawers for verb in (Verb.OPEN, Verb.CLOSE)]
        inside = [*self._drawers, *([TRAY] if self._scene.tray is not None else [])]
        for label in labels:
            skills.append(Skill(Verb.GRASP, label))
            skills += [Skill(Verb.PLACE, label, Relation.IN, place) for place in inside]
            skills += [Skill(Verb.PLACE, label, Relation.ON, other) for other in labels if other != label]
        return dict.fromkeys(skills)

    def check(self, skill: Skill) -> None:
        """Raise UnknownNameError, which lists the scene's skills, if ``skill`` is none of them."""
        if instance("skill", skill, Skill).at is not None and skill.relation is Relation.ON:
            # A point of the table is no skill of the list: there is no end of them.
            if skill.place == TABLE and Skill(Verb.GRASP, skill.thing) in self._known:
                return
        elif (skill if skill.at is None else replace(skill, at=None)) in self._known:
            return
        raise UnknownNameError("subtask", skill.sentence(), [each.sentence() for each in self.known])

    def act(self, world: World, skill: Skill) -> ExpertAction:
        """The expert's next action in ``skill``."""
        self.check(skill)
        if skill.verb is Verb.OPEN:
            return drawer_expert.open_drawer(world, self._drawers.index(skill.thing))
        if skill.verb is Verb.CLOSE:
            return drawer_expert.close_drawer(world, self._drawers.index(skill.thing))
        index = world.index(skill.thing)
        if skill.verb is Verb.GRASP:
            return tabletop.grasp(world, index)
        if skill.at is not None and skill.place == TABLE:
            return put_down(world, index, on_top(np.array(skill.at), 0.0, world.clearance_m))
        if skill.relation is Relation.ON:
            return put_down(world, index, on_top(*_top(world, skill.place), world.clearance_m))
        if skill.place in self._drawers:
            return drawer_expert.put_inside(world, index, self._drawers.index(skill.place))
        return self._tray_way.act(world, index)

    def show(self, world: World, skill: Skill) -> None:
        """Set ``world`` to how it looks when ``skill`` is done, without physics."""
        self.check(skill)
        if skill.verb is Verb.OPEN:
            drawer_expert.show_opened(world, self._drawers.index(skill.thing))
        elif skill.verb is Verb.CLOSE:
            drawer_expert.show_closed(world, self._drawers.index(skill.thing))
        elif skill.place in self._drawers:
            drawer_expert.show_inside(world, world.index(skill.thing), self._drawers.index(skill.place))
        else:
            self._show_on_the_table(world, skill)

    def _show_on_the_table(self, world: World, skill: Skill) -> None:
        index, drawer = world.index(skill.thing), self._opened_for(skill.thing)
        if drawer is not None:
            drawer_expert.ensure_open(world, drawer)
        if skill.verb is Verb.GRASP:
            goal_states.show_grasped(world, index)
        elif skill.at is not None and skill.place == TABLE:
            goal_states.show_placed(world, index, np.array(skill.at), 0.0)
        elif skill.relation is Relation.ON:
            goal_states.show_placed(world, index, *_top(world, skill.place))
        else:
            self._tray_way.show(world, index)

    def holds(self, world: World, skill: Skill) -> bool:
        """Whether what ``skill`` is for is so now."""
        self.check(skill)
        if skill.verb is Verb.OPEN:
            opening = world.drawer_opening(self._drawers.index(skill.thing))
            return opening >= OPEN_SHARE * drawer_expert.OPEN
        if skill.verb is Verb.CLOSE:
            return world.drawer_opening(self._drawers.index(skill.thing)) <= SHUT_M
        index = world.index(skill.thing)
        if skill.verb is Verb.GRASP:
            placed = self._scene.objects[index]
            risen = world.object_pose(index)[2, 3] > placed.z + placed.spec.half_height + LIFTED_M
            return bool(risen and tabletop.is_held(world, index))
        if tabletop.is_held(world, index) or world.object_speed(index) > 0.1:
            return False
        if skill.at is not None and skill.place == TABLE:
            return stands_at(world, index, np.array(skill.at))
        if skill.relation is Relation.ON:
            return stands_on(world, index, world.index(skill.place))
        if skill.place in self._drawers:
            return drawer_expert.is_inside(world, index, self._drawers.index(skill.place))
        return self._tray_way.holds(world, index)


def _top(world: World, label: str) -> tuple[F64, float]:
    """Middle (2,) and height [m] of the top of an object."""
    support = world.index(label)
    return world.object_pose(support)[:2, 3], tray.top(world, support)


def stands_at(world: World, index: int, point: F64) -> bool:
    """Whether object ``index`` is on the table, its middle within ``SPOT_M`` of ``point`` (2,)."""
    centre, spec = world.object_pose(index)[:3, 3], world.scene.objects[index].spec
    near = float(np.hypot(*(centre[:2] - point))) <= SPOT_M
    return bool(near and centre[2] < spec.half_height + LIFTED_M)


def stands_on(world: World, index: int, support: int) -> bool:
    """Whether object ``index`` stands upright on object ``support``."""
    above, below = world.object_pose(index), world.object_pose(support)
    one, other = world.scene.objects[index].spec, world.scene.objects[support].spec
    gap = above[2, 3] - below[2, 3] - one.half_height - other.half_height
    upright = below[2, 2] > 0.97 and above[2, 2] > 0.97
    over = float(np.hypot(*(above[:2, 3] - below[:2, 3]))) < other.half_width
    return bool(upright and over and abs(gap) < 0.006)
