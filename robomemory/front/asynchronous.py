"""``AsyncMemory``: the calls of :class:`robomemory.Memory` as coroutines."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

from robomemory.errors import MemoryClosedError
from robomemory.front.door import Memory
from robomemory.front.frames import KnownFrames

P = ParamSpec("P")
R = TypeVar("R")


class _Twin:
    """The memory behind the coroutines, and the threads that they run on."""

    memory: Memory
    _pool: ThreadPoolExecutor


def _twin(
    call: Callable[Concatenate[Memory, P], R],
) -> Callable[Concatenate[_Twin, P], Coroutine[Any, Any, R]]:
    """``call`` of a :class:`robomemory.Memory` with the same arguments, as a coroutine that waits on a
    thread."""

    @functools.wraps(call)
    async def method(self: _Twin, /, *args: P.args, **kwargs: P.kwargs) -> R:
        job = functools.partial(call, self.memory, *args, **kwargs)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, job)
        except RuntimeError as error:
            if not str(error).startswith("cannot schedule new futures"):
                raise
            raise MemoryClosedError(f"{self.memory.robo.where}: the memory is closed") from error

    return method


class AsyncMemory(_Twin):
    """:class:`robomemory.Memory` for whoever waits with ``await``: the same methods with the same arguments,
    each on one of ``threads`` threads, so that the loop of events goes on. A call that is cancelled is done
    all the same. What :meth:`at` gives answers at once, without ``await``.

    Args:
        path, mode, frame, frames, settings: As of :class:`robomemory.Memory`. It is opened at once.

    Raises:
        StoreError: the file can't be used.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = ":memory:",
        *,
        mode: str = "rw",
        frame: str | None = None,
        frames: KnownFrames | None = None,
        threads: int = 4,
        **settings: Any,
    ) -> None:
        self._use(Memory(path, mode=mode, frame=frame, frames=frames, **settings), threads)

    @classmethod
    def over(cls, memory: Memory, *, threads: int = 4) -> AsyncMemory:
        """The same calls for ``memory``, which is open already. Closing one closes both."""
        twin = cls.__new__(cls)
        twin._use(memory, threads)
        return twin

    def _use(self, memory: Memory, threads: int) -> None:
        self.memory = memory
        self._pool = ThreadPoolExecutor(threads, "async-memory")

    add = _twin(Memory.add)
    add_frame = _twin(Memory.add_frame)
    relate = _twin(Memory.relate)
    where = _twin(Memory.where)
    inside = _twin(Memory.inside)
    find = _twin(Memory.find)
    teach = _twin(Memory.teach)
    exemplars = _twin(Memory.exemplars)
    know = _twin(Memory.know)
    ask = _twin(Memory.ask)
    get = _twin(Memory.get)
    history = _twin(Memory.history)
    update = _twin(Memory.update)
    retract = _twin(Memory.retract)
    forget = _twin(Memory.forget)
    retain = _twin(Memory.retain)
    at = _twin(Memory.at)
    changes = _twin(Memory.changes)
    not_seen = _twin(Memory.not_seen)

    async def close(self) -> None:
        """Waits for what runs, then gives the file back."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, functools.partial(self._pool.shutdown, wait=True))
        await loop.run_in_executor(None, self.memory.close)

    async def __aenter__(self) -> AsyncMemory:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
