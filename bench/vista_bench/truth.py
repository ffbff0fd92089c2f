"""What really happened in a simulated episode, and why it failed. For benches only: this reads the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from vista.events import Event, EventKind, ignore
from vista.protocols import Switcher
from vista.types import (
    F64,
    ActionChunk,
    EpisodeResult,
    Observation,
    Outcome,
    Progress,
    RobotSpec,
    State,
    Subgoal,
)  # fmt: skip
from vista_bench.switch_times import Moments
from vista_sim.robot import SimRobot
from vista_sim.tasks import Task
from vista_sim.tasks.sentences import Sentences
from vista_sim.world import World

LIFTED_M = 0.012
NEAR_M = 0.06
RISEN_M = 0.15  # the goal image of a placed object shows the hand 0.2 m above the table
SETTLE_STEPS = 250  # of 4 ms: what was let go comes to rest before it is judged


@dataclass(frozen=True, slots=True)
class Truth:
    """``success`` by the task's predicate; ``failure``: why not, in two or three words, else empty;
    ``grasped``: the right object was lifted at least once; ``nearest_m``: how near the hand came to it. In a
    task of several objects they are about the first that is not where it should be."""

    success: bool
    failure: str
    grasped: bool
    nearest_m: float


def is_done(task: Task, world: World, subtask: str) -> bool:
    """Whether what ``subtask`` is for is true in the simulator now.

    "grasp ..." is done when the object is held :data:`LIFTED_M` [m] above its ground; the last subtask when
    the task is, any other when what it says is so, both with the hand open and :data:`RISEN_M` [m] above the
    table, as the goal image shows it.
    """
    if not subtask.startswith("grasp the "):
        if not (world.gripper_command > 0.5 and world.ee_pose()[2, 3] > RISEN_M):
            return False
        earlier = subtask in task.subtasks[:-1]
        return Sentences(task.scene).holds(world, subtask) if earlier else task.success(world)
    index = world.index(subtask.removeprefix("grasp the "))
    placed, centre = world.scene.objects[index], world.object_pose(index)[:3, 3]
    lifted = centre[2] > placed.z + placed.spec.half_height + LIFTED_M
    near = np.linalg.norm(centre - world.ee_pose()[:3, 3]) < NEAR_M
    return bool(lifted and near and world.gripper_command < 0.5)


@runtime_checkable
class ManyTargets(Protocol):
    """A task of several objects."""

    targets: tuple[str, ...]

    def left(self, world: World) -> tuple[str, ...]:
        """Truth: the labels of those that are not where they should be."""
        ...


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
    """A ``Robot`` that passes everything on to a simulated one and looks at the truth after every motion.

    ``watch`` sees every observation; ``meddle`` is called with the world after every control step.
    """

    def __init__(
        self,
        robot: SimRobot,
        task: Task,
        watch: Callable[[Observation], None] = ignore,
        meddle: Callable[[World], None] = ignore,
    ) -> None:
        self._robot, self._task, self._watch, self._meddle = robot, task, watch, meddle
        world = robot.world
        label = getattr(task, "target", None)
        self._target = world.index(label) if label is not None else 0
        self._wanted = {world.index(label) for label in getattr(task, "targets", ())} or {self._target}
        self._many = task if isinstance(task, ManyTargets) else None
        self._ground = [world.object_pose(i)[2, 3] for i in range(len(world.scene.objects))]
        self._lifted: set[int] = set()
        self._nearest = [float("inf")] * len(world.scene.objects)
        self._early: dict[int, str] = {}
        self.moments = Moments()
        self.motion = Motion()
        robot.on_row = self._row

    @property
    def world(self) -> World:
        return self._robot.world

    @property
    def spec(self) -> RobotSpec:
        return self._robot.spec

    @property
    def lockstep(self) -> bool:
        return self._robot.lockstep

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
            self._nearest[i] = min(self._nearest[i], apart)
            if centre[2] > self._ground[i] + LIFTED_M and apart < NEAR_M:
                self._lifted.add(i)

    def _row(self) -> None:
        """Keep since when what the subtasks are for is true, and how the hand moves."""
        self._meddle(self.world)
        self.motion.add(self.world.ee_pose()[:3, 3], self.world.gripper)
        label = self.world.scene.objects[self._target].spec.label
        for verb, subtask in (("grasp", f"grasp the {label}"), ("place", "place")):
            self.moments.look(verb, is_done(self._task, self.world, subtask), self.world.time)

    def overhear(self, switcher: Switcher) -> Switcher:
        """``switcher``, of whose calls of "reached" the moments are kept."""
        return _Overheard(switcher, self)

    def hear(self, event: Event) -> None:
        """Listen to the loop: a grasp that is called done while the hand holds nothing ended too early."""
        progress, subtask = event.progress, event.subtask
        if event.kind is EventKind.IMAGINED and subtask is not None:
            self.moments.begin(subtask.text, self.world.time)
        if event.kind is EventKind.SUBTASK_ENDED and progress is not None:
            self.moments.end(progress.state is State.REACHED, self.world.time)
        if event.kind is not EventKind.SUBTASK_ENDED or progress is None or subtask is None:
            return
        about = self._about(subtask.text)
        if progress.state is State.REACHED and subtask.text.startswith("grasp"):
            self._early[about] = "" if self._held(about) else "switch too early"
        elif progress.state is State.REACHED and subtask.text.startswith("place") and self._held(about):
            self._early[about] = "switch too early"

    def _about(self, sentence: str) -> int:
        """Index of the object that ``sentence`` names first, of the task's own where it names none."""
        named = self.world.scene.named(sentence)
        return self.world.index(named[0]) if named else self._target

    def _held(self, index: int) -> bool:
        centre = self.world.object_pose(index)[:3, 3]
        near = np.linalg.norm(centre - self.world.ee_pose()[:3, 3]) < NEAR_M
        return bool(near and self.world.gripper_command < 0.5)

    def verdict(self, result: EpisodeResult) -> Truth:
        """Let everything come to rest and judge the episode."""
        self.world.step(SETTLE_STEPS)
        success = bool(self._task.success(self.world))
        # Of a task of several objects: about the first that is not where it should be.
        left = [self.world.index(label) for label in self._many.left(self.world)] if self._many else []
        judged = left[0] if left else self._target
        failure = "" if success else self._failure(result, judged)
        return Truth(success, failure, judged in self._lifted, self._nearest[judged])

    def _failure(self, result: EpisodeResult, judged: int) -> str:
        if result.outcome is Outcome.STOPPED:
            return "stopped"
        if not result.subtasks:
            return "planner refused"
        if all(r.reason.startswith("imagine:") for r in result.subtasks):
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


class _Overheard:
    """A ``Switcher`` that passes everything on."""

    def __init__(self, switcher: Switcher, witness: Witness) -> None:
        self._switcher, self._witness = switcher, witness

    def reset(self, subgoal: Subgoal, start_stamp_ns: int) -> None:
        self._switcher.reset(subgoal, start_stamp_ns)

    def judge(self, obs: Observation, chunk: ActionChunk) -> Progress:
        progress = self._switcher.judge(obs, chunk)
        if progress.state is State.REACHED:
            self._witness.moments.say(self._witness.world.time)
        return progress
