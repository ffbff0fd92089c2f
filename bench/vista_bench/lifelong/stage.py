"""A scenario in the simulator: the scripted expert carries out steps, with real contacts and speeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robomemory.planning.belief import Observed
from robomemory.planning.domain import Step
from robomemory.planning.manipulation import TABLETOP
from vista.planner.symbolic.facts import TABLE, Sight, observed
from vista.robot.kinematics import Kinematics
from vista.skill import Verb
from vista.types import F64, RobotSpec
from vista_bench.lifelong.scenarios import Scenario
from vista_sim.experts import drawer_expert, tabletop
from vista_sim.experts.carry import Spot, put_down
from vista_sim.experts.goal_states import Snapshot
from vista_sim.experts.tabletop import TRAY_FLOOR, ExpertAction
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.oracle import shut_in
from vista_sim.world import World

MAX_STEPS = 160  # of 0.1 s, for one step of a plan
GENTLE_M = 0.006  # so far a hand that carries gently moves in 0.1 s
SLIP = 1.6
"""Friction of the slippery thing, as a multiple of what just carries its weight at rest."""
SETTLE_STEPS = 125  # of 4 ms


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """The result of a step: whether the expert called it ``reached``, else the cause; the view ``seen`` then,
    and a moment ``later``, when somebody may have taken something away."""

    reached: bool
    cause: str
    seen: Observed
    later: Observed


class Stage:
    """The world of one scenario, which can be set back to any point that was reached before: the simulator is
    deterministic, so that the same steps in the same scene are simulated only once."""

    def __init__(self, scenario: Scenario, robot: RobotSpec, kinematics: Kinematics) -> None:
        self._scenario = scenario
        self.world = World(scenario.scene, robot, kinematics)
        if scenario.slippery:
            make_slippery(self.world, self.world.index(scenario.slippery))
        self._points: dict[tuple[Step, ...], tuple[Snapshot, StepOutcome]] = {}
        seen = self._look()
        self._points[()] = Snapshot(self.world), StepOutcome(True, "", seen, seen)
        self._path: tuple[Step, ...] = ()

    def reset(self) -> Observed:
        """Everything back to where it was at first."""
        self._path = ()
        return self._points[()][1].seen

    def do(self, step: Step) -> StepOutcome:
        """Carry out ``step``."""
        before, self._path = self._path, (*self._path, step)
        if self._path not in self._points:
            self._points[before][0].restore()
            reached, cause = self._run(step)
            self.world.step(SETTLE_STEPS)
            seen = self._look()
            grasps = sum(s.verb == Verb.GRASP for s in self._path)
            if self._scenario.away and reached and grasps == 1 and step.verb == Verb.GRASP:
                self._take_away(step.about)
                self.world.step(SETTLE_STEPS)
            outcome = StepOutcome(reached, cause, seen, self._look())
            self._points[self._path] = Snapshot(self.world), outcome
        return self._points[self._path][1]

    def _run(self, step: Step) -> tuple[bool, str]:
        gentle = any(TABLETOP.operator(s.operator).effort > 0 for s in self._path if s.about == step.about)
        world = self.world
        for _ in range(MAX_STEPS):
            action = self._act(step)
            if action.done:
                return True, ""
            target = action.target
            if gentle and world.gripper_command < 0.5 and action.gripper < 0.5:
                target = _slower(world.ee_pose(), target)
            world.move_to(target, action.gripper)
        return False, f"not done within {MAX_STEPS / 10:g} s"

    def _act(self, step: Step) -> ExpertAction:
        """The expert's next action; it reads the simulator's truth."""
        world, drawers = self.world, DRAWER_NAMES[self.world.scene.drawers]
        if step.verb == Verb.OPEN:
            return drawer_expert.open_drawer(world, drawers.index(step.about))
        index = world.index(step.about)
        if step.verb == Verb.GRASP:
            return tabletop.grasp(world, index)
        if step.place in drawers:
            return drawer_expert.put_inside(world, index, drawers.index(step.place))
        where = self._trays()[step.place][:2] if step.place != TABLE else np.array([0.5, 0.0])
        clearance = drawer_expert.CLEARANCE if drawers else 0.06
        return put_down(world, index, Spot(where, TRAY_FLOOR, clearance, 0.012))

    def _take_away(self, label: str) -> None:
        """Take the thing out of the hand and put it back on the table, between two others."""
        index = self.world.index(label)
        placed = self.world.scene.objects[index]
        height = placed.spec.half_height + 0.002
        aside = placed.y + (0.075 if placed.y < 0.05 else -0.075)
        self.world.set_object(index, (placed.x, aside, height), placed.yaw)

    def _trays(self) -> dict[str, F64]:
        world = self.world
        trays = {name: world.object_pose(world.index(name))[:3, 3] for name in self._scenario.trays}
        if world.scene.tray is not None:
            trays["tray"] = np.array([*world.scene.tray, 0.0])
        return trays

    def _look(self) -> Observed:
        """Everything that is not shut in a drawer, where it truly is: the oracle of this bench."""
        world = self.world
        names = DRAWER_NAMES[world.scene.drawers]
        openings = {name: world.drawer_opening(i) for i, name in enumerate(names)}
        things = {}
        for i, placed in enumerate(world.scene.objects):
            if placed.spec.label not in self._scenario.trays and not shut_in(world, i):
                things[placed.spec.label] = world.object_pose(i)[:3, 3]
        hand, closed = world.ee_pose()[:3, 3], world.gripper_command < 0.5
        trays, places = self._trays(), world.robot.places
        return observed(Sight(round(world.time * 1e9), things, hand, closed, trays, openings, places))


def make_slippery(world: World, index: int) -> None:
    """Give an object so little friction that the closed fingers carry it, but not a fast lift of it: ``SLIP``
    times what holds its weight between the two pads [Coulomb's law: 2 mu N = m g]."""
    model = world.model
    body = model.body(f"object{index}").id
    servo = model.actuator("act_left").id
    half_width = world.scene.objects[index].spec.half_width
    squeeze = min(
        float(model.actuator_forcerange[servo][1]),
        float(model.actuator_gainprm[servo][0]) * (half_width + 0.01),
    )
    friction = SLIP * float(model.body_mass[body]) * 9.81 / (2 * squeeze)
    for geom in range(model.ngeom):
        if model.geom_bodyid[geom] == body:
            model.geom_friction[geom] = (friction, 0.001, 0.0001)
            model.geom_priority[geom] = 2  # else the pads' rubber decides


def _slower(here: F64, target: F64) -> F64:
    """``target`` no further than ``GENTLE_M`` from ``here`` (both (4, 4))."""
    delta = target[:3, 3] - here[:3, 3]
    apart = float(np.linalg.norm(delta))
    if apart > GENTLE_M:
        target = target.copy()
        target[:3, 3] = here[:3, 3] + delta * (GENTLE_M / apart)
    return target
