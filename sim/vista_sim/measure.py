"""Measures the simulator: ``python -m vista_sim.measure`` prints the expert's success and the speed.

Speeds stand beside the time of a fixed matrix product of the same run, so that two machines can be compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vista.learning.splits import load_splits
from vista.learning.workers import unordered
from vista_sim.render import Camera
from vista_sim.scenes.table import DEFAULT_ROBOT
from vista_sim.scenes.task_scenes import lab_choice
from vista_sim.tasks import TASKS, Task, find_task, make_task
from vista_sim.world import World, shared_kinematics

MAX_STEPS = 100
"""Control steps that the expert has for one skill."""


@dataclass(frozen=True, slots=True)
class ExpertEpisode:
    """One attempt of the expert: ``failure`` is empty or says which skill ended how."""

    task: str
    seed: int
    success: bool
    steps: int
    failure: str = ""


def wilson(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson interval of a rate, 95 % by default; (0, 1) for no trials."""
    if n == 0:
        return 0.0, 1.0
    p, zz = successes / n, z * z / n
    middle, half = p + zz / 2, z * np.sqrt(p * (1 - p) / n + zz / (4 * n))
    return float(max(0.0, (middle - half) / (1 + zz))), float(min(1.0, (middle + half) / (1 + zz)))


def solve(task: Task, seed: int = 0, robot: str = DEFAULT_ROBOT) -> ExpertEpisode:
    """Let the expert try ``task`` once, skill after skill, without a camera; ``seed`` is only noted."""
    kinematics = shared_kinematics(robot)
    world = World(task.scene, kinematics.spec, kinematics)
    task.prepare(world)
    steps = 0
    for skill in task.skills:
        for _ in range(MAX_STEPS):
            action = task.act(world, skill)
            if action.done:
                break
            world.move_to(action.target, action.gripper)
            steps += 1
        else:
            why = f"{skill.sentence()}: not done in {MAX_STEPS} steps"
            return ExpertEpisode(task.name, seed, False, steps, why)
    good = bool(task.success(world))
    why = "" if good else f"{task.instruction}: done, but not as asked"
    return ExpertEpisode(task.name, seed, good, steps, why)


def _attempt(job: tuple[str, int, str]) -> ExpertEpisode:
    name, seed, robot = job
    return solve(make_task(name, seed, lab_choice(robot=robot)), seed, robot)


def measure_expert(
    names: Sequence[str], episodes: int, workers: int = 1, robot: str = DEFAULT_ROBOT
) -> list[ExpertEpisode]:
    """``episodes`` attempts at each task, on the first seeds of the range ``expert``."""
    jobs = [(name, load_splits().seed("expert", i), robot) for name in names for i in range(episodes)]
    return list(unordered(_attempt, jobs, max(1, workers)))


def _median_s(action: Callable[[], object], repeats: int) -> float:
    took = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        took.append(time.perf_counter() - start)
    return float(np.median(took))


def measure_speed(repeats: int = 60, robot: str = DEFAULT_ROBOT) -> dict[str, float]:
    """Median seconds of the product of two f32 (512, 512) matrices, of frames, and of a control step."""
    task = make_task("pick_place", load_splits().seed("expert", 0), lab_choice(robot=robot))
    world = World(task.scene, shared_kinematics(robot).spec, shared_kinematics(robot))
    matrix = np.random.default_rng(0).random((512, 512), np.float32)
    target = world.ee_pose()
    camera = Camera(world.model)
    try:
        return {
            "matrix product": _median_s(lambda: matrix @ matrix, repeats),
            "frame 96 x 96": _median_s(lambda: camera.render(world.data, "front", 96, 96), repeats),
            "frame 256 x 256": _median_s(lambda: camera.render(world.data, "front"), repeats),
            "control step (0.1 s)": _median_s(lambda: world.move_to(target, 1.0), repeats),
        }
    finally:
        camera.close()


def main(argv: Sequence[str] | None = None) -> None:
    """Print success per task with its Wilson interval, then the speeds."""
    parser = argparse.ArgumentParser(prog="python -m vista_sim.measure", description=__doc__)
    parser.add_argument("--task", action="append", help="a task's name, FILE.py or module:Class; repeatable")
    parser.add_argument("--robot", default=DEFAULT_ROBOT)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args(argv)
    wanted = args.task or list(TASKS)
    if args.episodes > 0:
        results = measure_expert(wanted, args.episodes, args.workers, args.robot)
        for name in [find_task(each).name for each in wanted]:
            mine = [e for e in results if e.task == name]
            good = sum(e.success for e in mine)
            low, high = wilson(good, len(mine))
            steps = float(np.mean([e.steps for e in mine]))
            print(f"{name:10} {good}/{len(mine)}  [{low:.3f}, {high:.3f}]  {steps:.0f} steps")
            for episode in mine:
                if not episode.success:
                    print(f"  seed {episode.seed}: {episode.failure}")
    speeds = measure_speed(robot=args.robot)
    product = speeds["matrix product"]
    for what, seconds in speeds.items():
        print(f"{what:20} {1000 * seconds:8.2f} ms  {seconds / product:8.2f} x the matrix product")


if __name__ == "__main__":
    main()
