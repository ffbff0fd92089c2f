"""When subtasks were called done and when they truly were, collected while an episode runs."""

from __future__ import annotations

from vista.switcher.timing import TOLERANCE_S, Switch


class Moments:
    """Collects what is true since when, and which subtask ran from when to when. Times in [s]."""

    def __init__(self) -> None:
        self._since: dict[str, float | None] = {}
        self._rises: list[tuple[str, float, float]] = []  # what, when it became true, when it ceased
        self._ran: list[tuple[str, float, float, bool]] = []
        self._running: tuple[str, float] | None = None
        self._said: float | None = None

    def look(self, what: str, true: bool, now_s: float) -> None:
        """``what`` is, or is not, true ``now_s``."""
        since = self._since.get(what)
        if true and since is None:
            self._since[what] = now_s
        elif not true and since is not None:
            self._rises.append((what, since, now_s))
            self._since[what] = None

    def begin(self, text: str, now_s: float) -> None:
        """The subtask ``text`` starts; one that picks an object up and puts it down is done when it lies."""
        verb = text.split(" ", 1)[0]
        self._running, self._said = ("grasp" if verb == "grasp" else "place", now_s), None

    def say(self, now_s: float) -> None:
        """The switcher says "reached"; until the subtask ends the hand may still withdraw."""
        self._said = now_s

    def end(self, reached: bool, now_s: float) -> None:
        """The subtask ends, called reached or not."""
        if self._running is not None:
            said = self._said if reached and self._said is not None else now_s
            self._ran.append((*self._running, said, reached))
            self._running = None

    def switches(self) -> list[Switch]:
        """Every subtask that ran; what becomes true shortly after its end still counts for it."""
        rises = self._rises + [(w, s, float("inf")) for w, s in self._since.items() if s is not None]
        found = []
        for verb, start, end, reached in self._ran:
            times = [
                max(rise, start)
                for what, rise, fall in rises
                if what == verb and rise <= end + TOLERANCE_S and fall > start
            ]
            found.append(
                Switch(verb, round(end, 3) if reached else None, round(min(times), 3) if times else None)
            )
        return found
