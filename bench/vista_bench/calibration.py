"""Fits the switcher: runs the executor on tuning seeds and compares its cues to the truth.

Goals are imagined, as at run time; with several latencies the episodes take turns. Two of three episodes fit,
the third measures: calls of "reached" that come within half a second of the moment at which it was true.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from vista.assembly.loading import Ref, load_detector, load_guard, load_policy, load_world_model
from vista.errors import InvalidValueError
from vista.executor.latency_compensation import EXECUTE_ROWS, late_policy
from vista.learning.splits import load_splits
from vista.perception.grounding import Grounder
from vista.protocols import Guard, Policy, WorldModel
from vista.robot.kinematics import Kinematics
from vista.skill import Skill
from vista.switcher.calibrate import fit_switcher, probabilities
from vista.switcher.calibrated import FEATURES, Fingers, SwitcherConfig, features
from vista.switcher.timing import Agreement, Timeline, agreement, choose, switches
from vista.types import F64, RobotSpec, Subtask
from vista_bench.truth import is_done
from vista_sim.oracle import Oracle
from vista_sim.robot import SimRobot
from vista_sim.scenes.table import Table
from vista_sim.tasks import Choice, Task, find_task, make_task
from vista_sim.world import World

SEED_RANGE = "tuning"
LINGER = 3
"""Judgements that are kept after a subtask is done: the cues of an arm that has nothing left to do."""


@dataclass(frozen=True, slots=True)
class Judgements:
    """Cues f64 (N, 9) of ``N`` judgements, when they were made and when it was true; ``episode`` i4 (N,): the
    number of the episode of each."""

    cues: F64
    timeline: Timeline
    episode: NDArray[np.int32]

    @property
    def done(self) -> NDArray[np.bool_]:
        """Bool (N,): the subtask was truly done by then."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.timeline.time_s >= self.timeline.true_s - 1e-9)

    def where(self, rows: NDArray[np.bool_]) -> Judgements:
        """Those of ``rows`` bool (N,)."""
        line = self.timeline
        kept = Timeline(line.time_s[rows], line.true_s[rows], line.segment[rows])
        return Judgements(self.cues[rows], kept, self.episode[rows])


@dataclass(slots=True)
class JudgedSubtask:
    """One subtask that was run: cues f64 (9,) and time [s] of each judgement; when it was true, or None."""

    cues: list[F64] = field(default_factory=list)
    time_s: list[float] = field(default_factory=list)
    true_s: float | None = None


def judge_episode(
    task: Task,
    robot: SimRobot,
    policy: Policy,
    world_model: WorldModel,
    guard: Guard,
    *,
    seed: int = 0,
    timeout_s: float = 15.0,
    execute_rows: int = EXECUTE_ROWS,
    grounder: Grounder | None = None,
) -> Iterator[JudgedSubtask]:
    """Run the subtasks in order, each until :data:`LINGER` judgements after it was truly done.

    A subtask that is not done within ``timeout_s`` [s] of robot time, or that the guard holds, ends the
    episode.
    """
    for skill in task.skills:
        policy.reset()
        guard.reset()
        obs = robot.observe()
        grounding = None if grounder is None else grounder.ground(obs, skill)
        subgoal = replace(world_model.imagine(obs, Subtask(skill), seed, grounding), grounding=grounding)
        judged, start_s, lingered, fingers = JudgedSubtask(), robot.world.time, 0, Fingers()

        def look(skill: Skill = skill, judged: JudgedSubtask = judged) -> None:
            if judged.true_s is None and is_done(task, robot.world, skill):
                judged.true_s = robot.world.time

        robot.on_row = look
        while lingered < LINGER and robot.world.time - start_s <= timeout_s:
            chunk = policy.predict_chunk(obs, subgoal)
            judged.cues.append(features(obs, chunk, subgoal, fingers.look(obs)))
            judged.time_s.append(robot.world.time)
            lingered += judged.true_s is not None
            verdict = guard.check(chunk.head(execute_rows), obs)
            if verdict.chunk is None:
                break
            if lingered < LINGER:
                robot.send(verdict.chunk)
                obs = robot.observe()
        yield judged
        if lingered < LINGER:
            return


def _tasks(names: list[str], episodes: int, table: Table) -> Iterator[tuple[int, Task]]:
    """Tasks in turn on tuning seeds; every second scene holds objects the demonstrations never showed."""
    splits = load_splits()
    known = Choice(splits.demo_objects, splits.demo_patterns, table=table)
    novel = Choice(splits.novel_objects, splits.novel_patterns, table=table)
    for i in range(episodes):
        choice = known if (i // len(names)) % 2 == 0 else novel
        yield i, make_task(names[i % len(names)], splits.seed(SEED_RANGE, i), choice)


def check(names: Sequence[str], episodes: int, latencies_ms: Sequence[int]) -> None:
    """Raise an error for wrong arguments before anything is loaded.

    Raises:
        UnknownNameError: no such task. InvalidValueError: nothing to run, more episodes than there are seeds,
            or a latency that no executor has.
    """
    for name in names:
        find_task(name)
    first, end = load_splits().seeds[SEED_RANGE]
    if not names or not 1 <= episodes <= end - first:
        raise InvalidValueError(f"episodes: {episodes}, expected 1 to {end - first}, of at least one task")
    for ms in latencies_ms:
        late_policy(ms * 1e-3)
    if not latencies_ms:
        raise InvalidValueError("latency: none, expected at least one")


def collect(
    names: list[str],
    episodes: int,
    spec: RobotSpec,
    *,
    policy: Ref = None,
    world_model: Ref = None,
    detector: Ref = None,
    latencies_ms: Sequence[int] = (0,),
) -> Judgements:
    """The judgements of ``episodes`` lockstep episodes of the tasks ``names``, in turn.

    ``detector``: grounds the skills for a learned world model. ``latencies_ms`` [ms], in turn: 0, a prompt
    executor; above, one that plans while the arm moves
    (:class:`vista.executor.latency_compensation.LatePolicy`).

    Raises:
        InvalidValueError: no episodes, a latency below 0. UnknownNameError, ConfigError: a task or part that
            is not there.
    """
    check(names, episodes, latencies_ms)
    modes = [late_policy(ms * 1e-3) for ms in latencies_ms]
    kinematics = Kinematics(spec)
    truthful = ("scripted", "oracle")
    kept_policy = None if policy in truthful else load_policy(policy)
    looks = load_detector(detector, spec) if world_model not in truthful else None
    grounder = None if looks is None else Grounder(looks, spec.places)
    kept_model = None if world_model in truthful else load_world_model(world_model)
    found: list[tuple[int, JudgedSubtask]] = []
    tasks = _tasks(names, episodes, Table.of(spec))
    for i, task in tqdm(tasks, total=episodes, desc="calibrating", unit="episode"):
        world = World(task.scene, spec, kinematics)
        task.prepare(world)
        robot, oracle = SimRobot(world), Oracle(world, task)
        # Known and novel scenes take turns within the tasks, latencies within these.
        wrap, rows = modes[i // (2 * len(names)) % len(modes)]
        try:
            segments = judge_episode(
                task,
                robot,
                wrap(kept_policy or load_policy(policy, oracle=oracle)),
                kept_model or load_world_model(world_model, oracle=oracle),
                load_guard(spec),
                seed=i,
                execute_rows=rows,
                grounder=grounder,
            )
            found += [(i, judged) for judged in segments]
        finally:
            robot.close()
    return gathered(found)


def gathered(found: Sequence[tuple[int, JudgedSubtask]]) -> Judgements:
    """All judgements of the subtasks ``found``, each with the number of its episode."""
    counts = [len(judged.cues) for _, judged in found]
    true = [np.nan if judged.true_s is None else judged.true_s for _, judged in found]
    timeline = Timeline(
        np.array([t for _, judged in found for t in judged.time_s], np.float64),
        np.repeat(np.array(true, np.float64), counts),
        np.repeat(np.arange(len(found), dtype=np.int32), counts),
    )
    cues = np.reshape([cue for _, judged in found for cue in judged.cues], (-1, len(FEATURES)))
    return Judgements(cues, timeline, np.repeat(np.array([i for i, _ in found], np.int32), counts))


def fit(found: Judgements, base: SwitcherConfig) -> SwitcherConfig:
    """Weights by logistic regression on single judgements; threshold and patience by their hits in time."""
    fitted = fit_switcher(found.cues, found.done, base)
    threshold, patience = choose(probabilities(found.cues, fitted), found.timeline)
    return replace(fitted, threshold=threshold, patience=patience)


def measured(found: Judgements, config: SwitcherConfig) -> Agreement:
    """How well ``config`` agrees with the truth in time."""
    said = probabilities(found.cues, config) > config.threshold
    return agreement(switches(said, found.timeline, config.patience))


def held_out(found: Judgements, tasks: int) -> NDArray[np.bool_]:
    """Bool (N,): the judgements of every third round of ``tasks`` episodes, which measure and do not fit."""
    return np.asarray((found.episode // tasks) % 3 == 2)
