"""A store belongs to the process that opened it: a forked child gets copies of its locks, connections and
caches, none of which it may use."""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Protocol

from robomemory.errors import StoreInUseError
from robomemory.plain_text import plain


class Owner:
    """The process that made this object; ``what``: the resource that it opened, for messages."""

    def __init__(self, what: str) -> None:
        self._what, self._pid = what, os.getpid()

    @property
    def is_current(self) -> bool:
        """Whether the calling process is the one that opened the resource."""
        return os.getpid() == self._pid

    def check(self) -> None:
        """Raises StoreInUseError in a child that was forked after the opening."""
        if not self.is_current:
            raise StoreInUseError(
                f"{self._what}: opened by process {self._pid}, of which this process ({os.getpid()}) is a"
                " forked child; only that one may use it"
            )


class Opened(Protocol):
    """A resource that a forked child must not use."""

    def abandon(self) -> None:
        """Releases the child's copy without touching the resource itself."""
        ...


_opened: weakref.WeakSet[Opened] = weakref.WeakSet()
_inherited: set[str] = set()


def watch(opened: Opened) -> None:
    """Has ``opened.abandon`` called in every child that is forked before it is closed."""
    _opened.add(opened)


def unwatch(opened: Opened) -> None:
    """To be called once ``opened`` is closed."""
    _opened.discard(opened)


def inherit(file: str) -> None:
    """Notes in a child that ``file`` was open when the child was forked."""
    _inherited.add(file)


def check_not_inherited(file: str) -> None:
    """Raises StoreInUseError where a parent had ``file`` open when this process was forked: SQLite takes its
    parent's locks for its own, so it must not even be opened anew."""
    if file in _inherited:
        raise StoreInUseError(
            f"{plain(file)}: was open when this process was forked, so it can't be opened here; start a new"
            " process instead (multiprocessing: 'spawn')"
        )


def keep_for_ever(thing: object) -> None:
    """No finalizer of ``thing`` runs any more. A child that closes a SQLite connection of its parent may
    write an old log into the file, long after the parent has gone on without it."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _abandon_all() -> None:
    for opened in list(_opened):
        opened.abandon()


os.register_at_fork(after_in_child=_abandon_all)
