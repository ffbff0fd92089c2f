"""The control loop: an instruction becomes subtasks, each imagined, pursued and remembered."""

from vista.loop.pursuit import MotionParts, MotionSettings, pursue
from vista.loop.stages import Budget, Parts, Pursue
from vista.loop.task import run_task

__all__ = ["Budget", "MotionParts", "MotionSettings", "Parts", "Pursue", "pursue", "run_task"]
