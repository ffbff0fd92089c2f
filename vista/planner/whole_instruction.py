"""A planner for executors that are told the whole instruction: it plans nothing."""

from __future__ import annotations

from collections.abc import Sequence

from vista.errors import InstructionError
from vista.protocols import MemoryItem
from vista.types import Done, Impossible, Observation, Subtask


class WholePlanner:
    """Hands the instruction on as the one subtask, again after it has failed; done when it was reached."""

    def __init__(self) -> None:
        self._told = ""

    def reset(self) -> None:
        """A new plan begins: the last one failed, or there was none."""
        self._told = ""

    def next(
        self, obs: Observation, instruction: str, recall: Sequence[MemoryItem]
    ) -> Subtask | Done | Impossible:
        """The instruction, or Done once it was said.

        Raises:
            InstructionError: an empty instruction.
        """
        if not instruction.strip():
            raise InstructionError(
                "instruction: empty, expected a sentence such as 'put the blue mug in the tray'"
            )
        if self._told == instruction:
            self._told = ""
            return Done("the executor says that it has done what it was told")
        self._told = instruction
        return Subtask(instruction, 0, "the switcher says reached")
