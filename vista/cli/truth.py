"""What really happened in a simulated episode, and why it failed. For benches only: this reads the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vista.cli.moments import Moments
from vista.events import Event, EventKind, ignore
from vista.types import F64, ActionChunk, EpisodeResult, Observation, Outcome, RobotSpec, State
from vista_sim.robot import SimRobot
from vista_sim.tasks import Task
from vista_sim.world import World

LIFTED_M = 0.012
NEAR_M = 0.06
RISEN_M = 0.15  # the goal image of a placed object shows the hand 0.2 m above the table
SETTLE_STEPS = 250  # of 4 ms: what was let go comes to rest before it is judged


@dataclass(frozen=True, slots=True)
class Truth:
    """``success`` by the task's predicate; ``failure``: why not, in two or three words, else empty;
    ``grasped``: the right object was lifted at least once; ``nearest_m``: how near the hand came to it."""

    success: bool
    failure: str
    grasped: bool
    nearest_m: float


def is_done(task: Task, world: World, subtask: str) -> bool:
    """Whether what ``subtask`` is for is true in the simulator now.

    "grasp ..." is done when the object is held :data:`LIFTED_M` [m] above its ground; anything else when the
    task is, with the hand open and :data:`RISEN_M` [m] above the table, as the goal image shows it.
    """
    if not subtask.startswith("grasp the "):
        high = world.ee_pose()[2, 3] > RISEN_M
        return bool(high and world.gripper_command > 0.5 and task.success(world))
    index = world.index(subtask.removeprefix("grasp the "))
    placed, centre = world.scene.objects[index], world.object_pose(index)[:3, 3]
    lifted = centre[2] > placed.z + placed.spec.half_height + LIFTED_M
    near = np.linalg.norm(centre - world.ee_pose()[:3, 3]) < NEAR_M
    return bool(lifted and near and world.gripper_command < 0.5)


class Motion:
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
    """A ``Robot`` that passes everything on to a simulated one and looks at the truth after every motion."""

    def __init__(self, robot: SimRobot, task: Task, watch: Callable[[Observation], None] = ignore) -> None:
        self._robot, self._task, self._watch = robot, task, watch
        world = robot.world
        label = getattr(task, "target", None)
        self._target = world.index(label) if label is not None else 0
        self._ground = [world.object_pose(i)[2, 3] for i in range(len(world.scene.objects))]
        self._lifted: set[int] = set()
        self._nearest = float("inf")
        self._early = ""
        self.moments = Moments()
        self.motion = Motion()
        robot.on_row = self._row

    @property
    def world(self) -> World:
        return self._robot.world

    @property
    def spec(self) -> RobotSpec:
        return self._robot.spec

    def observe(self, timeout_s: float = 1.0) -> Observation:
        obs = self._robot.observe(timeout_s)
        self._watch(obs)
        return obs

    def stop(self, cause: str) -> None:
        self._robot.stop(cause)

    def send(self, chunk: ActionChunk) -> None:
        self._robot.send(chunk)
        hand = self.world.ee_pose()[:3, 3]
        for i in range(len(self._ground)):
            centre = self.world.object_pose(i)[:3, 3]
            apart = float(np.linalg.norm(centre - hand))
            if i == self._target:
                self._nearest = min(self._nearest, apart)
            if centre[2] > self._ground[i] + LIFTED_M and apart < NEAR_M:
                self._lifted.add(i)

    def _row(self) -> None:
        """Keep since when what the subtasks are for is true, and how the hand moves."""
        self.motion.add(self.world.ee_pose()[:3, 3], self.world.gripper)
        label = self.world.scene.objects[self._target].spec.label
        for verb, subtask in (("grasp", f"grasp the {label}"), ("place", "place")):
            self.moments.look(verb, is_done(self._task, self.world, subtask), self.world.time)

    def hear(self, event: Event) -> None:
        """Listen to the loop: a grasp that is called done while the hand holds nothing ended too early."""
        progress, subtask = event.progress, event.subtask
        if event.kind is EventKind.IMAGINED and subtask is not None:
            self.moments.begin(subtask.text, self.world.time)
        if event.kind is EventKind.SUBTASK_ENDED and progress is not None:
            self.moments.end(progress.state is State.REACHED, self.world.time)
        if event.kind is not EventKind.SUBTASK_ENDED or progress is None or subtask is None:
            return
        if progress.state is State.REACHED and subtask.text.startswith("grasp"):
            self._early = "" if self._held() else "switch too early"
        elif progress.state is State.REACHED and subtask.text.startswith("place") and self._held():
            self._early = "switch too early"

    def _held(self) -> bool:
        centre = self.world.object_pose(self._target)[:3, 3]
        near = np.linalg.norm(centre - self.world.ee_pose()[:3, 3]) < NEAR_M
        return bool(near and self.world.gripper_command < 0.5)

    def verdict(self, result: EpisodeResult) -> Truth:
        """Let everything come to rest and judge the episode."""
        self.world.step(SETTLE_STEPS)
        success = bool(self._task.success(self.world))
        grasped = self._target in self._lifted
        return Truth(success, "" if success else self._failure(result), grasped, self._nearest)

    def _failure(self, result: EpisodeResult) -> str:
        if result.outcome is Outcome.STOPPED:
            return "stopped"
        if not result.subtasks:
            return "planner refused"
        if all(r.reason.startswith("imagine:") for r in result.subtasks):
            return "nothing imagined"
        timed_out = "timed out" if result.subtasks[-1].state is State.TIMED_OUT else ""
        if self._target not in self._lifted:
            if self._lifted:
                return "wrong object lifted"
            if self._nearest > NEAR_M:
                return "no approach"
            return self._early or "grasp missed"
        if self._held():
            return self._early or timed_out or "not let go"
        centre = self.world.object_pose(self._target)[:3, 3]
        tray = self.world.scene.tray
        if tray is not None and np.hypot(centre[0] - tray[0], centre[1] - tray[1]) < 0.15:
            return "place missed"
        return "dropped"
