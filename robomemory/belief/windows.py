"""The windows of time in which belief is worked out anew, and the rows in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from robomemory.belief.folding import Spell, Trail
from robomemory.timestamps import FOREVER, Moment

K = TypeVar("K")
R = TypeVar("R")


class Window(NamedTuple):
    """The moments from ``first`` to ``last``, inclusive, at which something changed."""

    first: Moment
    last: Moment


ALWAYS = Window(Moment(0, 0), FOREVER)


def widen(windows: dict[K, Window], key: K, first: Moment, last: Moment) -> None:
    """Has the window of ``key`` reach from ``first`` to ``last``, at least."""
    known = windows.get(key)
    if known is not None:
        first, last = min(known.first, first), max(known.last, last)
    windows[key] = Window(first, last)


class RowsInOrder(Generic[R]):
    """``rows`` in the order of the moments that ``began`` gives, taken one after the other."""

    def __init__(self, rows: Iterable[R], began: Callable[[R], Moment]) -> None:
        self._rows, self._began = iter(rows), began
        self._next = next(self._rows, None)
        self.taken: list[R] = []

    def at(self, moment: Moment) -> R | None:
        """The row that began at ``moment``, once those before are taken."""
        while self._next is not None and self._began(self._next) < moment:
            self.taken.append(self._next)
            self._next = next(self._rows, None)
        begins = self._next is not None and self._began(self._next) == moment
        return self._next if begins else None

    def all(self) -> list[R]:
        """Every row."""
        return [*self.taken, *([] if self._next is None else [self._next]), *self._rows]


def state_before(trail: Trail, first: Moment) -> tuple[Moment, Spell | None] | None:
    """The last state of ``trail`` before ``first``; None where it does not reach so far back."""
    return next((state for state in reversed(trail) if state[0] < first), None)
