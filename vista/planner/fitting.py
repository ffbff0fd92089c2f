"""The planner that fits the detector: what plans over what is seen needs one with names for places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vista.protocols import Critic, Detector, MemoryItem, Planner
from vista.types import NextStep, Observation, Place, Subtask, SubtaskResult


class FittingPlanner:
    """Leaves planning to ``over_what_is_seen``, where ``detector`` has names for the containers of the
    workplace, else to what ``alone`` makes. The detector is asked when the first task begins, not before: it
    may be another process. It is a ``Critic``, too, where the chosen one is.

    Args:
        places: Containers and drawers of the workplace, from the robot's contract.
    """

    def __init__(
        self,
        detector: Detector,
        places: Mapping[str, Place],
        over_what_is_seen: Planner,
        alone: Callable[[], Planner],
    ) -> None:
        self._detector, self._places = detector, places
        self._over_what_is_seen, self._alone = over_what_is_seen, alone
        self._made: Planner | None = None

    @property
    def chosen(self) -> Planner:
        """The planner that plans."""
        if self._made is None:
            labels = self._detector.labels
            containers = {name for name, place in self._places.items() if not place.drawer}
            seen = labels is None or not containers or bool(containers & labels)
            self._made = self._over_what_is_seen if seen else self._alone()
        return self._made

    def reset(self) -> None:
        """A new plan begins."""
        if self._made is not None:
            self._made.reset()

    def next(
        self,
        obs: Observation,
        instruction: str,
        recall: Sequence[MemoryItem],
        last: SubtaskResult | None = None,
    ) -> NextStep:
        """The next subtask of the chosen planner."""
        if self._made is None:
            self.chosen.reset()
        return self.chosen.next(obs, instruction, recall, last)

    def review(
        self, obs: Observation, instruction: str, subtask: Subtask, recall: Sequence[MemoryItem]
    ) -> str | None:
        """Why the subtask should not be tried, if the chosen planner is a critic and says so."""
        chosen = self.chosen
        return chosen.review(obs, instruction, subtask, recall) if isinstance(chosen, Critic) else None
