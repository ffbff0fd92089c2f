"""One episode in lockstep: a scene, the parts that were asked for, the loop, and the truth about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from vista.assembly import loading
from vista.events import OnEvent, fan_out, ignore
from vista.executor.latency_compensation import EXECUTE_ROWS
from vista.loop.run import Budget, pursue, run_task
from vista.loop.timings import Timings
from vista.protocols import Detector, Policy
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista.robot.retreat import Withdrawal
from vista.types import Observation
from vista_bench.truth import Witness
from vista_sim.robot import SimRobot
from vista_sim.tasks import Task
from vista_sim.world import World

BUDGET = Budget(max_subtasks=8, seconds=60.0)
EACH_TIME = ("scripted", "oracle", "memory", "fresh", "fixed")
"""Parts that are made anew for each episode: they read the truth, or its memory."""


@dataclass(frozen=True, slots=True)
class Refs:
    """Which parts to use, as references of :mod:`vista.assembly.loading`; ``detector="none"`` leaves it out."""

    policy: str | None = None
    world_model: str | None = None
    planner: str | None = None
    detector: str | None = None
    switcher: str | None = None
    guard: str | None = None
    robot: str = "panda"
    critic: str | None = None
    preprocessor: str | None = None


class Stack:
    """The parts of one process, loaded once; those that read the truth are made for each episode.

    ``wrap`` is put around the policy; ``execute_rows`` of each chunk are carried out before the next.
    """

    def __init__(
        self, refs: Refs, *, wrap: Callable[[Policy], Policy] | None = None, execute_rows: int = EXECUTE_ROWS
    ) -> None:
        self.refs, self.spec = refs, load_robot(refs.robot)
        self._wrap, self._rows = wrap, execute_rows
        self.kinematics = Kinematics(self.spec)
        self._kept: dict[str, Any] = {}

    def _part(self, name: str, ref: str | None, make: Any) -> Any:
        if ref in EACH_TIME:
            return make()
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def run(
        self,
        task: Task,
        *,
        seed: int = 0,
        memory_folder: str | None = None,
        on_event: OnEvent = ignore,
        watch: Callable[[Observation], None] = ignore,
        meddle: Callable[[World], None] = ignore,
        budget: Budget = BUDGET,
    ) -> dict[str, object]:
        """Run ``task`` once. Returns what a bench keeps of it, as plain values.

        ``on_event`` hears the loop, ``watch`` sees every observation: neither changes what happens.
        ``meddle`` is called with the world after every control step, and may change it.
        """
        refs, began = self.refs, time.monotonic()
        world = World(task.scene, self.spec, self.kinematics)
        task.prepare(world)
        robot = SimRobot(world)
        memory = None
        try:
            witness, timings = Witness(robot, task, watch, meddle), Timings()
            detector: Detector | None = None
            if refs.detector != "none":
                detector = self._part(
                    "detector", refs.detector,
                    lambda: loading.load_detector(refs.detector, self.spec, world=world),
                )  # fmt: skip
            policy = self._part(
                "policy", refs.policy, lambda: loading.load_policy(refs.policy, world=world, task=task)
            )
            policy = self._wrap(policy) if self._wrap is not None else policy
            world_model = self._part(
                "world_model", refs.world_model,
                lambda: loading.load_world_model(
                    refs.world_model, world=world, task=task, finder=detector
                ),
            )  # fmt: skip
            memory = loading.open_memory(memory_folder)
            planner = self._part(
                "planner", refs.planner,
                lambda: loading.load_planner(refs.planner, task=task, finder=detector, memory=memory),
            )  # fmt: skip
            switcher = self._part(
                "switcher", refs.switcher, lambda: loading.load_switcher(refs.switcher, finder=detector)
            )
            critic = self._part("critic", refs.critic, lambda: loading.load_critic(refs.critic))
            critic = critic or loading.load_critic(planner=planner)
            preprocessor = self._part(
                "preprocessor", refs.preprocessor, lambda: loading.load_preprocessor(refs.preprocessor)
            )
            guard = self._part("guard", refs.guard, lambda: loading.load_guard(self.spec, refs.guard))
            result = run_task(
                witness, planner, world_model,
                partial(
                    pursue, witness, policy, witness.overhear(switcher), guard,
                    execute_rows=self._rows, timings=timings, withdrawal=Withdrawal(),
                ),
                memory, task.instruction,
                detector=detector, critic=critic, preprocessor=preprocessor, budget=budget,
                on_event=fan_out(witness.hear, on_event), timings=timings, seed=seed,
            )  # fmt: skip
            truth = witness.verdict(result)
        finally:
            robot.close()
            if memory is not None:
                memory.close()
        result = replace(result, truth=truth.success)
        return {
            "success": truth.success,
            "failure": truth.failure,
            "grasped": truth.grasped,
            "nearest_m": round(min(truth.nearest_m, 9.0), 4),
            "outcome": str(result.outcome),
            "cause": result.cause,
            "instruction": result.instruction,
            "jerk": round(witness.motion.jerk, 3),
            "idle_s": round(witness.motion.idle_s, 2),
            "switches": [[s.verb, s.said_s, s.true_s] for s in witness.moments.switches()],
            "subtasks": [[r.text, str(r.state), r.reason, round(r.score, 3)] for r in result.subtasks],
            "steps": result.steps,
            "seconds": round(result.seconds, 2),
            "wall_s": round(time.monotonic() - began, 2),
        }
