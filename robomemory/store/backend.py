"""The interface of a store: it keeps changes, and tells those of other processes that share it."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from robomemory.errors import ReadOnlyError, StoreError
from robomemory.records import MemoryKind
from robomemory.store.forgetting import Consequences, ForgetChoice, Forgotten
from robomemory.store.forks import Owner
from robomemory.store.queries import StoreReader
from robomemory.timestamps import MAX_RUN, next_run
from robomemory.update_protocol import Change, Ids
from robomemory.vectors.index import Nearest

OWN_FRAME = "base"
"""The frame that positions are in where a store was made without one."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The last committed update ``seq``, recorded at ``recorded_ns``, the last one after which a cache has to
    be read anew (``rebuilt_seq``: things were merged or forgotten), and the ``run`` that the store is in."""

    seq: int
    recorded_ns: int
    rebuilt_seq: int
    run: int


class Backend(StoreReader):
    """A store: SQLite in a file (:mod:`robomemory.store.sqlite`) or PostgreSQL
    (:mod:`robomemory.store.postgres`).

    ``ids`` hands out keys and ``recorded_ns`` is the time of the last update, both right while it is our turn
    to write, as is ``run``, the number of the run that the store is in. ``owner``: the process that opened
    it. ``shared``: whether others write, too; ``read_only``: whether it refuses to. ``frame``: what the
    positions are in. Safe from any thread, but for one writer at a time.
    """

    shared = False
    read_only = False
    frame: str
    ids: Ids
    recorded_ns: int
    run: int
    owner: Owner

    def turn(self) -> AbstractContextManager[None]:
        """Within it nobody else writes. What is not committed at its end is not kept.

        Raises:
            StoreInUseError: others have been writing for too long. StoreError: the server is gone.
        """
        self.check_writable()
        return nullcontext()

    def check_writable(self) -> None:
        """Raises ReadOnlyError where the store was opened to be read."""
        if self.read_only:
            raise self._refusal()

    def _refusal(self) -> ReadOnlyError:
        return ReadOnlyError(f"{self.path}: opened with mode 'r', which reads; nothing can be changed")

    @abstractmethod
    def commit(self, changes: Sequence[Change], recorded_ns: int) -> None:
        """Keeps ``changes``, all or none; durable once it returns. Within :meth:`turn`."""

    @abstractmethod
    def chosen(self, choice: ForgetChoice) -> Forgotten:
        """The records that ``choice`` chooses. Within :meth:`turn`."""

    @abstractmethod
    def forget(self, gone: Forgotten, then: Consequences, recorded_ns: int) -> None:
        """Deletes the records ``gone`` and writes what follows; durable once it returns. Within
        :meth:`turn`."""

    @abstractmethod
    def set_about(self, name: str, value: str) -> None:
        """Has the store say ``value`` of itself under ``name``; durable once it returns. Within
        :meth:`turn`."""

    def merge_words(self, kind: MemoryKind, pages: int) -> bool:
        """Goes on taking the words of forgotten texts out of the index of words, about so many ``pages`` of
        it (below 0: begins to). Whether there are more."""
        return False

    def scrub(self) -> None:
        """After something was forgotten: takes it out of whatever else holds it."""

    @abstractmethod
    def begin_run(self, start_ns: int, recorded_ns: int) -> int:
        """Begins a run, whose clock stands at ``start_ns`` [ns], and gives its number; durable once it
        returns. Within :meth:`turn`."""

    def _next_run(self, start_ns: int) -> int:
        """The number for a run that begins at ``start_ns``.

        Raises:
            StoreError: there is none left.
        """
        number = next_run(self.run, self.run_start(self.run), start_ns)
        if number > MAX_RUN:
            raise StoreError(f"{self.path}: {self.run} runs, no more can be numbered")
        return number

    @abstractmethod
    def backup(self, target: str | os.PathLike[str]) -> Path:
        """See ``RoboMemory.backup``."""

    @abstractmethod
    def close(self) -> None:
        """Gives everything back. A second call does nothing."""

    def latest(self) -> Latest:
        """The state that this thread reads; see :class:`Latest`."""
        return Latest(self.seq, self.recorded_ns, 0, self.run)

    @abstractmethod
    def size_bytes(self) -> int:
        """Room that the store takes on the disk [bytes]."""

    def news(self, since: int) -> Change:
        """What the updates after ``since`` changed in the graph, records aside. Only where ``shared``."""
        return Change()

    def nearest(self, kind: MemoryKind) -> Nearest | None:
        """The search among the vectors of ``kind`` that the store brings itself; None: it brings none."""
        return None
