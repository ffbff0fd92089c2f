"""Parts for tests of the graph, loaded by the nodes as ``tests.ros.parts:Class``."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from vista.types import ActionChunk, ActionSpace, Done, Impossible, Observation, Subgoal, Subtask


class Sweep:
    """Moves the hand from side to side and never arrives: an arm that is surely moving."""

    @property
    def action_space(self) -> ActionSpace:
        return ActionSpace.EE_DELTA

    def reset(self) -> None: ...

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        y = float(obs.ee_pose.position[1])
        phase = obs.stamp_ns * 1e-9 * 2 * np.pi / 4.0
        wanted = 0.15 * np.sin(phase + 2 * np.pi / 4.0 * 0.1 * np.arange(1, 5))
        rows = np.zeros((4, 7), np.float32)
        # The hand points down with x forward: its y is the base's -y.
        rows[:, 1] = np.clip(-(wanted - y), -0.03 * np.arange(1, 5), 0.03 * np.arange(1, 5))
        rows[:, 6] = 1.0
        return ActionChunk(rows, 0.1, self.action_space, obs.stamp_ns, 0.0, 0.0)


class Unreadable(Exception):
    """An exception that cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


RAISES: dict[str, BaseException] = {
    "surrogate": ValueError("mug \ud800 fell"),
    "escape": ValueError("\x1b[31mmug\x1b[0m\0"),
    "long": ValueError("x" * 200_000 + " the reason stands last"),
    "exit": SystemExit(0),
    "interrupt": KeyboardInterrupt(),
    "unreadable": Unreadable(),
    "empty": RuntimeError(),
    "group": ExceptionGroup("many", [ValueError("one"), KeyError("two")]),
}


class Moody:
    """A planner that raises what its instruction asks for ("raise exit"). It is done at once with "done", in
    a while with "wait", has something grasped with "move", and can do nothing else."""

    def reset(self) -> None: ...

    def next(
        self, obs: Observation, instruction: str, recall: Sequence[object], last: object = None
    ) -> Subtask | Done | Impossible:
        if instruction.startswith("raise "):
            raise RAISES[instruction.removeprefix("raise ")]
        if instruction == "wait":
            time.sleep(0.5)
        if instruction in ("done", "wait"):
            return Done("there is nothing to do")
        return (
            Subtask.said("grasp the blue mug")
            if instruction == "move"
            else Impossible("nobody taught me that")
        )
