"""Fit the switcher: run the executor on tuning seeds, compare its cues to the truth, keep the weights.

Goals are true images by default, so that what is fitted is how the executor shows that it is done. Two of
three episodes fit, the third measures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from vista.cli.compose import Ref, load_guard, load_policy, load_world_model
from vista.errors import InvalidValueError
from vista.kinematics import Kinematics
from vista.protocols import Guard, Policy, WorldModel
from vista.resources import resource_roots
from vista.robots import load_robot
from vista.splits import load_splits
from vista.switcher.calibrate import evaluate, fit_switcher
from vista.switcher.calibrated import FEATURES, CalibratedSwitcher, SwitcherConfig, features
from vista.types import F64, RobotSpec, Subtask
from vista_sim.robot import SimRobot
from vista_sim.tasks import Choice, Task, make_task
from vista_sim.world import World

SEED_RANGE = "tuning"
# Judgements that are kept after a subtask is done: what the cues look like while the arm has nothing left to
# do.
LINGER = 3


@dataclass(frozen=True, slots=True)
class Judgements:
    """Cues f64 (N, 6) and truth bool (N,) of ``N`` judgements; ``episode`` i4 (N,) says where each is
    from."""

    cues: F64
    done: NDArray[np.bool_]
    episode: NDArray[np.int32]

    def where(self, rows: NDArray[np.bool_]) -> Judgements:
        """Those of ``rows`` bool (N,)."""
        return Judgements(self.cues[rows], self.done[rows], self.episode[rows])


def is_done(task: Task, world: World, subtask: str) -> bool:
    """Truth: the expert has nothing left to do in ``subtask``; the last one also needs the task's
    predicate."""
    last = subtask == task.subtasks[-1]
    return task.act(world, subtask).done and (not last or task.success(world))


def judge_episode(
    task: Task,
    robot: SimRobot,
    policy: Policy,
    world_model: WorldModel,
    guard: Guard,
    *,
    seed: int = 0,
    timeout_s: float = 12.0,
    execute_rows: int = 4,
) -> Iterator[tuple[F64, bool]]:
    """Run the subtasks in order, switched by the truth; yields the cues f64 (6,) and the truth of each
    judgement.

    A subtask that is not done within ``timeout_s`` [s] of robot time, or that the guard holds, ends the
    episode.
    """
    for text in task.subtasks:
        policy.reset()
        guard.reset()
        obs = robot.observe()
        subgoal = world_model.imagine(obs, Subtask(text), seed)
        start_ns, lingered = obs.stamp_ns, 0
        while lingered < LINGER:
            if (obs.stamp_ns - start_ns) * 1e-9 > timeout_s:
                return
            chunk = policy.predict_chunk(obs, subgoal)
            done = is_done(task, robot.world, text)
            yield features(obs, chunk, subgoal), done
            lingered = lingered + 1 if done else 0
            verdict = guard.check(chunk.head(execute_rows), obs)
            if verdict.chunk is None:
                return
            if lingered < LINGER:
                robot.send(verdict.chunk)
                obs = robot.observe()


def _tasks(names: list[str], episodes: int) -> Iterator[tuple[int, Task]]:
    """Tasks in turn on tuning seeds; every second scene holds objects the demonstrations never showed."""
    splits = load_splits()
    known = Choice(splits.demo_objects, splits.demo_patterns)
    novel = Choice(splits.novel_objects, splits.novel_patterns)
    for i in range(episodes):
        choice = known if (i // len(names)) % 2 == 0 else novel
        yield i, make_task(names[i % len(names)], splits.seed(SEED_RANGE, i), choice)


def collect(
    names: list[str], episodes: int, spec: RobotSpec, *, policy: Ref = None, world_model: Ref = "oracle"
) -> Judgements:
    """The judgements of ``episodes`` lockstep episodes of the tasks ``names``, in turn.

    Raises:
        InvalidValueError: no episodes. UnknownNameError, ConfigError: a task or part that is not there.
    """
    if episodes < 1:
        raise InvalidValueError(f"episodes: {episodes}, expected at least 1")
    kinematics = Kinematics(spec)
    truthful = ("scripted", "oracle")
    kept_policy = None if policy in truthful else load_policy(policy)
    kept_model = None if world_model in truthful else load_world_model(world_model)
    cues: list[F64] = []
    done: list[bool] = []
    episode: list[int] = []
    for i, task in tqdm(_tasks(names, episodes), total=episodes, desc="calibrating", unit="episode"):
        world = World(task.scene, spec, kinematics)
        task.prepare(world)
        robot = SimRobot(world)
        try:
            rows = judge_episode(
                task,
                robot,
                kept_policy or load_policy(policy, world=world, task=task),
                kept_model or load_world_model(world_model, world=world, task=task),
                load_guard(spec),
                seed=i,
            )
            for cue, truth in rows:
                cues.append(cue)
                done.append(truth)
                episode.append(i)
        finally:
            robot.close()
    return Judgements(np.reshape(cues, (-1, len(FEATURES))), np.array(done), np.array(episode, np.int32))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``vista calibrate``."""
    add = parser.add_argument
    add("--episodes", type=int, default=120, metavar="N", help="episodes in all (default 120)")
    add("--task", action="append", metavar="NAME", help="repeatable; default pick_place")
    add("--robot", default="panda", metavar="NAME", help="contract of the arm (default panda)")
    add(
        "--policy",
        metavar="REF",
        help="executor: a model folder or module:Class (default: the one that ships)",
    )
    add("--world-model", default="oracle", metavar="REF", help="where goals come from (default: oracle)")
    add(
        "--patience", type=int, default=2, metavar="N", help="judgements in a row that must agree (default 2)"
    )
    add("--out", type=Path, metavar="DIR", help="where switcher.json goes (default models/switcher)")


def main(args: argparse.Namespace) -> int:
    """Collect, fit, say how good it is, save. Returns 0."""
    base = SwitcherConfig(patience=args.patience)
    tasks = args.task or ["pick_place"]
    found = collect(
        tasks, args.episodes, load_robot(args.robot), policy=args.policy, world_model=args.world_model
    )
    held = (found.episode // len(tasks)) % 3 == 2
    if args.episodes >= 3:
        trial = fit_switcher(found.cues[~held], found.done[~held], base)
        rest = found.where(held)
        print(f"held-out episodes: {evaluate(rest.cues, rest.done, trial)}")
    config = fit_switcher(found.cues, found.done, base)
    print(f"all episodes:      {evaluate(found.cues, found.done, config)}")
    for name, weight in zip((*FEATURES, "bias"), (*config.weights, config.bias), strict=True):
        print(f"  {name:14} {weight:8.3f}")
    out = args.out or resource_roots()[0] / "models" / "switcher"
    CalibratedSwitcher(config).save_pretrained(out)
    print(f"threshold {config.threshold:.3f}, patience {config.patience}; saved to {out}")
    return 0


if __name__ == "__main__":
    cli = argparse.ArgumentParser(prog="vista calibrate", description=__doc__)
    add_arguments(cli)
    sys.exit(main(cli.parse_args()))
