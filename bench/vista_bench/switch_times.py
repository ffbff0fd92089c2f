"""When subtasks were called done and when they truly were, collected while an episode runs."""

from __future__ import annotations

from enum import StrEnum

from vista.skill import Skill, Verb
from vista.switcher.timing import TOLERANCE_S, Switch


class Turn(StrEnum):
    """The criterion for the end of a subtask: a thing in the hand, or the goal of the task."""

    GRASP = "grasp"
    PLACE = "place"


def turn_of(skill: Skill | None) -> Turn:
    """The turn of ``skill``; a subtask that is no skill picks a thing up and puts it down."""
    return Turn.GRASP if skill is not None and skill.verb is Verb.GRASP else Turn.PLACE


class SwitchTimes:
    """Collects which turns were true from when to when, and which subtask ran from when to when. Times in
    [s]."""

    def __init__(self) -> None:
        self._since: dict[Turn, float | None] = {}
        self._rises: list[tuple[Turn, float, float]] = []  # the turn, when it became true, when it ceased
        self._ran: list[tuple[Turn, float, float, bool]] = []
        self._running: tuple[Turn, float] | None = None
        self._judged: float | None = None

    def look(self, turn: Turn, true: bool, now_s: float) -> None:
        """``turn`` is, or is not, true ``now_s``."""
        since = self._since.get(turn)
        if true and since is None:
            self._since[turn] = now_s
        elif not true and since is not None:
            self._rises.append((turn, since, now_s))
            self._since[turn] = None

    def begin(self, skill: Skill | None, now_s: float) -> None:
        """A subtask starts."""
        self._running, self._judged = (turn_of(skill), now_s), None

    def judged(self, now_s: float) -> None:
        """The switcher has judged; the hand may still withdraw before the subtask ends."""
        self._judged = now_s

    def end(self, reached: bool, now_s: float) -> None:
        """The subtask ends, called reached or not: the last judgement says so."""
        if self._running is not None:
            said = self._judged if reached and self._judged is not None else now_s
            self._ran.append((*self._running, said, reached))
            self._running = None

    def switches(self) -> list[Switch]:
        """Every subtask that ran; what becomes true shortly after its end still counts for it."""
        rises = self._rises + [(t, s, float("inf")) for t, s in self._since.items() if s is not None]
        found = []
        for turn, start, end, reached in self._ran:
            times = [
                max(rise, start)
                for risen, rise, fall in rises
                if risen is turn and rise <= end + TOLERANCE_S and fall > start
            ]
            found.append(
                Switch(turn, round(end, 3) if reached else None, round(min(times), 3) if times else None)
            )
        return found
