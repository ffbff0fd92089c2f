"""Parts of a graph whose arm moves for ever, loaded by the nodes as ``tests.faults.parts:Class``."""

from __future__ import annotations

from collections.abc import Sequence

from vista.perception import DetectorBase
from vista.types import Detection, Done, Impossible, Observation, Subtask


class Grasping:
    """A planner that has something grasped, whatever it is told."""

    def reset(self) -> None: ...

    def next(
        self, obs: Observation, instruction: str, recall: Sequence[object], last: object = None
    ) -> Subtask | Done | Impossible:
        return Subtask.said("grasp the blue mug")


class Blind(DetectorBase):
    """A detector that sees nothing."""

    def detect(self, obs: Observation) -> Sequence[Detection]:
        return []
