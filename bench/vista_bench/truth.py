"""What truly happened in a simulated episode, and why it failed. For benches only: this reads the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vista.events import Event, EventKind, ignore
from vista.skill import Skill, Verb
from vista.types import F64, Cause, EpisodeResult, Outcome, Progress, State, Subtask
from vista_bench.switch_times import SwitchTimes, Turn
from vista_sim.robot import SimRobot
from vista_sim.tasks import Task
from vista_sim.world import World

LIFTED_M = 0.012
NEAR_M = 0.06
TOO_EARLY = "switch too early"
RISEN_M = 0.15  # the goal image of a placed object shows the hand 0.2 m above the table
SETTLE_STEPS = 250  # of 4 ms: things come to rest before they are judged


@dataclass(frozen=True, slots=True)
class Truth:
    """``success`` by the task's predicate; ``failure``: why not, in two or three words, else empty;
    ``grasped``: the right object was lifted at least once; ``nearest_m``: how near the hand came to it [m].
    In a task of several objects they are about the first that is not where it should be."""

    success: bool
    failure: str
    grasped: bool
    nearest_m: float


def is_done(task: Task, world: World, skill: Skill | None) -> bool:
    """Whether the effect of ``skill`` is true in the simulator now; None: that of the whole task.

    A grasp is done when the thing is held :data:`LIFTED_M` [m] above its ground; the last skill when the task
    is, any other when its effect is there, both with the hand open and :data:`RISEN_M` [m] above the table,
    as the goal image shows it."""
    if skill is None or skill.verb is not Verb.GRASP:
        if not (world.gripper_command > 0.5 and world.ee_pose()[2, 3] > RISEN_M):
            return False
        earlier = skill is not None and skill in task.skills[:-1]
        return task.holds(world, skill) if skill is not None and earlier else task.success(world)
    index = world.index(skill.thing)
    placed, centre = world.scene.objects[index], world.object_pose(index)[:3, 3]
    lifted = centre[2] > placed.z + placed.spec.half_height + LIFTED_M
    near = np.linalg.norm(centre - world.ee_pose()[:3, 3]) < NEAR_M
    return bool(lifted and near and world.gripper_command < 0.5)


class HandMotion:
    """How the hand moved, a sample every control step of ``dt_s`` [s]."""

    STILL_M, STILL_OPENING = 5e-4, 0.01

    def __init__(self, dt_s: float = 0.1) -> None:
        self._dt_s = dt_s
        self._hand: list[F64] = []
        self._opening: list[float] = []

    def add(self, hand: F64, opening: float) -> None:
        """The hand is at ``hand`` (3,) [m], open by ``opening`` [0, 1]."""
        self._hand.append(np.array(hand))
        self._opening.append(opening)

    @property
    def jerk(self) -> float:
        """Root mean square of the third difference of the hand's path [m/s^3]; 0 for less than 4 samples."""
        if len(self._hand) < 4:
            return 0.0
        third = np.diff(np.stack(self._hand), 3, axis=0) / self._dt_s**3
        return float(np.sqrt((third**2).sum(1).mean()))

    @property
    def idle_s(self) -> float:
        """For how long [s] neither hand nor fingers moved."""
        if len(self._hand) < 2:
            return 0.0
        moved = np.linalg.norm(np.diff(np.stack(self._hand), axis=0), axis=1) > self.STILL_M
        closed = np.abs(np.diff(self._opening)) > self.STILL_OPENING
        return float((~moved & ~closed).sum() * self._dt_s)


class Witness:
    """A listener that looks at the truth of a simulated robot whenever it was moved.

    Args:
        robot: The robot that the loop moves; its hook for control steps is taken.
        meddle: Called with the world after every control step.
    """

    def __init__(self, robot: SimRobot, task: Task, meddle: Callable[[World], None] = ignore) -> None:
        self._task, self._meddle = task, meddle
        self.world = world = robot.world
        self._target = world.index(task.targets[0]) if task.targets else 0
        self._wanted = {world.index(label) for label in task.targets} or {self._target}
        label = world.scene.objects[self._target].spec.label
        self._turns: dict[Turn, Skill | None] = {Turn.GRASP: Skill(Verb.GRASP, label), Turn.PLACE: None}
        self._ground = [world.object_pose(i)[2, 3] for i in range(len(world.scene.objects))]
        self._lifted: set[int] = set()
        self._nearest = [float("inf")] * len(world.scene.objects)
        self._early: dict[int, str] = {}
        self.switch_times = SwitchTimes()
        self.motion = HandMotion()
        robot.on_row = self._row

    def __call__(self, event: Event) -> None:
        progress, subtask = event.progress, event.subtask
        if event.kind is EventKind.STAGE_ENDED and event.stage == "pursue.send":
            self._moved()
        elif event.kind is EventKind.STAGE_ENDED and event.stage == "pursue.judge":
            self.switch_times.judged(self.world.time)
        elif event.kind is EventKind.IMAGINED and subtask is not None:
            self.switch_times.begin(subtask.skill, self.world.time)
        elif event.kind is EventKind.SUBTASK_ENDED and progress is not None and subtask is not None:
            self._ended(subtask, progress)

    @property
    def lifted(self) -> frozenset[str]:
        """The labels of the things that the hand has lifted."""
        return frozenset(self.world.scene.objects[i].spec.label for i in self._lifted)

    def _row(self) -> None:
        """Keep since when the turns are true, and how the hand moves; called after every control step."""
        self._meddle(self.world)
        self.motion.add(self.world.ee_pose()[:3, 3], self.world.gripper)
        for turn, skill in self._turns.items():
            self.switch_times.look(turn, is_done(self._task, self.world, skill), self.world.time)

    def _moved(self) -> None:
        hand = self.world.ee_pose()[:3, 3]
        for i in range(len(self._ground)):
            centre = self.world.object_pose(i)[:3, 3]
            apart = float(np.linalg.norm(centre - hand))
            self._nearest[i] = min(self._nearest[i], apart)
            if centre[2] > self._ground[i] + LIFTED_M and apart < NEAR_M:
                self._lifted.add(i)

    def _ended(self, subtask: Subtask, progress: Progress) -> None:
        """Note a grasp that is called done with an empty hand, or a placing with the thing in it: too
        early."""
        reached, skill = progress.state is State.REACHED, subtask.skill
        self.switch_times.end(reached, self.world.time)
        if not reached or skill is None:
            return
        about = self._about(skill)
        if skill.verb is Verb.GRASP:
            self._early[about] = "" if self._held(about) else TOO_EARLY
        elif skill.verb is Verb.PLACE and self._held(about):
            self._early[about] = TOO_EARLY

    def _about(self, skill: Skill) -> int:
        """Index of the object of ``skill``; of the task's own where the scene has none of that name."""
        labels = [placed.spec.label for placed in self.world.scene.objects]
        return labels.index(skill.thing) if skill.thing in labels else self._target

    def _held(self, index: int) -> bool:
        centre = self.world.object_pose(index)[:3, 3]
        near = np.linalg.norm(centre - self.world.ee_pose()[:3, 3]) < NEAR_M
        return bool(near and self.world.gripper_command < 0.5)

    def verdict(self, result: EpisodeResult) -> Truth:
        """Let everything come to rest and judge the episode."""
        self.world.step(SETTLE_STEPS)
        success = bool(self._task.success(self.world))
        left = [self.world.index(label) for label in self._task.left(self.world)]
        judged = left[0] if left else self._target
        failure = "" if success else self._failure(result, judged)
        return Truth(success, failure, judged in self._lifted, self._nearest[judged])

    def _failure(self, result: EpisodeResult, judged: int) -> str:
        if result.outcome is Outcome.STOPPED:
            return "stopped"
        if not result.subtasks:
            return "planner asked" if result.outcome is Outcome.QUESTION else "planner refused"
        if all(r.cause is Cause.REFUSED for r in result.subtasks):
            return "nothing imagined"
        timed_out = "timed out" if result.subtasks[-1].state is State.TIMED_OUT else ""
        early = self._early.get(judged, "")
        if judged not in self._lifted:
            if self._lifted - self._wanted:
                return "wrong object lifted"
            if self._nearest[judged] > NEAR_M:
                return "no approach"
            return early or "grasp missed"
        if self._held(judged):
            return early or timed_out or "not let go"
        centre = self.world.object_pose(judged)[:3, 3]
        tray = self.world.scene.tray
        if tray is not None and np.hypot(centre[0] - tray[0], centre[1] - tray[1]) < 0.15:
            return "place missed"
        return "dropped"
