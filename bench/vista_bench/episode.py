"""One episode in lockstep: a scene, the parts that were asked for, the loop, and the truth about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from vista.assembly import Refs, loading
from vista.assembly.parts import PartsLoader
from vista.events import Listener, fan_out, ignore
from vista.loop import Budget, MotionSettings, run_task
from vista.protocols import Policy, Robot
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista.switcher.timing import Switch
from vista.types import U8, EpisodeResult, Outcome
from vista_bench.results import Episode, rows_of
from vista_bench.truth import Truth, Witness
from vista_sim.oracle import Oracle
from vista_sim.robot import SimRobot
from vista_sim.tasks import Task
from vista_sim.world import World

BUDGET = Budget(max_subtasks=8, seconds=60.0)


@dataclass(frozen=True, slots=True)
class SubtaskRow:
    """How one subtask went, as a bench keeps it: its sentence, final state, reason and the goal image's
    score."""

    text: str
    state: str
    reason: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEpisode(Episode):
    """An episode of the loop: ``success`` in truth and why not (``failure``, two or three words); ``outcome``
    and ``cause`` as the loop tells them; ``seconds`` of robot time."""

    failure: str
    outcome: str
    cause: str
    seconds: float | None = None
    subtasks: tuple[SubtaskRow, ...] = rows_of(SubtaskRow)

    @property
    def stop_cause(self) -> str | None:
        """The loop's cause where it stopped the episode."""
        return self.cause if self.outcome == Outcome.STOPPED else None

    @property
    def failure_name(self) -> str:
        """``failure``."""
        return self.failure


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopEpisode(TaskEpisode):
    """An episode in lockstep. Of the right thing: whether it was ``grasped``, and how near the hand came to
    it (``nearest_m`` [m]); ``jerk`` of the hand [m/s^3]; ``idle_s``, time in which nothing moved [s];
    ``steps`` of control; ``wall_s``, wall time of the episode [s]."""

    grasped: bool
    nearest_m: float
    instruction: str
    jerk: float
    idle_s: float
    switches: tuple[Switch, ...] = rows_of(Switch)
    steps: int
    seconds: float
    wall_s: float


L = TypeVar("L", bound=LoopEpisode)


@dataclass(frozen=True, slots=True)
class EpisodeRun:
    """One episode as it ran: the loop's ``result`` and the ``truth``, seen by ``witness``."""

    result: EpisodeResult
    truth: Truth
    witness: Witness
    wall_s: float

    def episode(self, kind: type[L]) -> L:
        """The episode as a bench keeps it; the own fields of ``kind`` have their defaults."""
        result, truth, motion = self.result, self.truth, self.witness.motion
        return kind(
            success=truth.success,
            failure=truth.failure,
            outcome=str(result.outcome),
            cause=result.cause,
            grasped=truth.grasped,
            nearest_m=round(min(truth.nearest_m, 9.0), 4),
            instruction=result.instruction,
            jerk=round(motion.jerk, 3),
            idle_s=round(motion.idle_s, 2),
            switches=tuple(self.witness.switch_times.switches()),
            subtasks=subtask_rows(result),
            steps=result.steps,
            seconds=round(result.seconds, 2),
            wall_s=round(self.wall_s, 2),
        )


def subtask_rows(result: EpisodeResult) -> tuple[SubtaskRow, ...]:
    """The subtasks of ``result`` as a bench keeps them."""
    return tuple(SubtaskRow(r.text, str(r.state), r.reason, round(r.score, 3)) for r in result.subtasks)


class EpisodeRunner:
    """Runs one episode after another in one process. Parts are loaded once; those that read the truth or the
    memory are made for each episode.

    Args:
        refs: Which parts.
        settings: How subgoals are pursued; by default as the shipped executor was measured.
        wrap: Put around the policy.
        taught: Pictures {name: images u8 (H, W, 3)} of things that the detector shall know.

    ``loader``: makes the parts.
    """

    def __init__(
        self,
        refs: Refs,
        *,
        settings: MotionSettings | None = None,
        wrap: Callable[[Policy], Policy] = lambda policy: policy,
        taught: Mapping[str, Sequence[U8]] | None = None,
    ) -> None:
        self.spec = load_robot(refs.robot)
        self.kinematics = Kinematics(self.spec)
        self.loader = PartsLoader(refs, self.spec, settings=settings, wrap=wrap, taught=taught)

    def run(
        self,
        task: Task,
        *,
        seed: int = 0,
        memory_folder: str | None = None,
        listener: Listener = ignore,
        watched: Callable[[Robot], Robot] = lambda robot: robot,
        meddle: Callable[[World], None] = ignore,
        budget: Budget = BUDGET,
    ) -> EpisodeRun:
        """Run ``task`` once.

        Args:
            seed: Of the first image that is imagined.
            memory_folder: Where the memory is kept; None: it begins empty and is gone at the end.
            listener: Hears the loop.
            watched: Put around the robot; must not change what happens.
            meddle: Called with the world after every control step, and may change it.
        """
        began = time.monotonic()
        world = World(task.scene, self.spec, self.kinematics)
        task.prepare(world)
        robot = SimRobot(world)
        try:
            witness = Witness(robot, task, meddle)
            with loading.open_memory(memory_folder) as memory:
                parts = self.loader.parts(watched(robot), memory, Oracle(world, task))
                result = run_task(
                    parts, task.instruction, budget=budget, listener=fan_out(witness, listener), seed=seed
                )
                truth = witness.verdict(result)
        finally:
            robot.close()
        result = replace(result, truth=truth.success)
        return EpisodeRun(result, truth, witness, time.monotonic() - began)
