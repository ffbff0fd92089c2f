"""``AsyncMemory`` has every method of ``Memory``, and waits on threads."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from robomemory import AsyncMemory, HashingEmbedder, InvalidQueryError, Memory, MemoryClosedError, Seen

PUBLIC = [
    name for name, value in vars(Memory).items() if not name.startswith("_") and inspect.isfunction(value)
]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_method_has_its_twin(name):
    twin, one = getattr(AsyncMemory, name), getattr(Memory, name)
    assert inspect.iscoroutinefunction(twin)
    assert inspect.signature(twin) == inspect.signature(one) or name == "close"
    assert twin.__doc__


def test_the_list_is_not_empty():
    assert {"add", "add_frame", "relate", "where", "find", "ask", "at", "changes", "get", "history", "update",
            "retract", "forget"} <= set(PUBLIC)  # fmt: skip


def test_calls_wait_on_threads(tmp_path):
    async def work():
        async with AsyncMemory(tmp_path / "scene.sqlite3", embedder=HashingEmbedder()) as memory:
            await asyncio.gather(
                *(memory.relate(f"mug {i}", "in", "tray", stamp_ns=i + 1) for i in range(20))
            )
            await memory.add_frame([Seen("cup", (0, 0, 0))], stamp_ns=50)
            assert len(await memory.inside("tray")) == 20
            then = await memory.at(10)
            assert len(then.inside("tray")) == 10
            with pytest.raises(InvalidQueryError, match="find: no condition"):
                await memory.find()
        with pytest.raises(MemoryClosedError):
            await memory.where("cup")

    asyncio.run(work())


def test_the_loop_goes_on_while_a_call_runs():
    async def work():
        async with AsyncMemory.over(Memory(embedder=HashingEmbedder())) as memory:
            ticks = 0
            job = asyncio.ensure_future(asyncio.gather(*(memory.add(f"note {i}") for i in range(50))))
            while not job.done():
                await asyncio.sleep(0)
                ticks += 1
            assert len(await job) == 50
            assert ticks > 50

    asyncio.run(work())
