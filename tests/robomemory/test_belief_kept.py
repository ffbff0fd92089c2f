"""As ``test_belief``, of memories that are kept: on the disk, where a writer is killed in the middle of a
call, and in PostgreSQL."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings

from robomemory import HashingEmbedder, RoboMemory
from tests.postgres import server
from tests.robomemory.reference_belief import Item, renamed, spells, track, who
from tests.robomemory.test_belief import QUIET, SPOTS, WORDS, facts_in, histories, play

ROOT = Path(__file__).parents[2]
NAMES = ("mug", "cup", "box", "tray")

WRITER = """
import json, sys
from robomemory import HashingEmbedder, MemoryKind, MemoryRecord, RoboMemory
with RoboMemory(sys.argv[1], embedder=HashingEmbedder(32)) as memory:
    print("open", flush=True)
    for line in sys.stdin:
        what, more = json.loads(line)
        if what == "tell":
            text, names, at, position, triple, sure, run = more
            record = MemoryRecord(0, MemoryKind.SPATIAL, at, text, tuple(names),
                                  None if position is None else tuple(position),
                                  None if triple is None else tuple(triple), sure, "test", run)
            said = memory.remember([record])
        elif what == "retract":
            said = memory.retract(more)
        else:
            said = memory.forget(ids=[more])
        print(json.dumps(said), flush=True)
"""


def some_item(rng: random.Random, said: list[Item]) -> Item:
    """A note; no name is seen at two places at one time."""
    at, sure = (0, rng.randint(1, 12)), rng.choice((1.0, 1.0, 0.3, 0.05))
    what = rng.choice(("says", "says", "denies", "sees", "sees", "same", "same", "apart"))
    one, other = rng.sample(NAMES, 2)
    if what == "sees":
        known = next((i.pos for i in said if i.what == "sees" and i.at == at), None)
        return Item(what, one, "", "", at, known or rng.choice(SPOTS), 0.0, sure)
    relation = rng.choice(("in", "in", "on", "near")) if what in ("says", "denies") else ""
    return Item(what, one, relation, other, at, None, 0.0, sure)


def values_of(item: Item) -> list[object]:
    """The fields of the note that tells ``item``, as JSON takes them."""
    triple = [item.s, WORDS.get((item.what, item.r), item.r), item.o] if item.o else None
    names = [] if triple else [item.s]
    return [f"{item}", names, item.at[1], item.pos, triple, item.sure, 0]


class KilledWriter:
    """A writer in a process of its own, which is killed in the middle of a call; ``told``: [item, the record
    that stands for it] of what it acknowledged."""

    def __init__(self, path: Path, rng: random.Random) -> None:
        self.path, self.rng = path, rng
        self.told: list[tuple[Item, int]] = []

    def play(self, calls: int) -> list[list[Item]]:
        """Makes ``calls`` calls and kills the writer at any time of one more. Gives what the store may hold
        then: what was acknowledged, and that with the last call."""
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=ROOT,
        )  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "open\n"
            for number in range(calls + 1):
                what, more = self._call()
                said = values_of(more) if isinstance(more, Item) else more
                child.stdin.write(json.dumps([what, said]) + "\n")
                child.stdin.flush()
                if number < calls:
                    (key,) = (
                        json.loads(child.stdout.readline()) if what == "tell" else [child.stdout.readline()]
                    )
                    self.told = self._after(what, more, key)
            time.sleep(self.rng.random() * 0.01)
            os.kill(child.pid, signal.SIGKILL)
            done = child.stdout.readline().endswith("\n")
        finally:
            child.kill()
            child.wait(10)
            child.stdin.close()
            child.stdout.close()
        before = [item for item, _ in self.told]
        after = [item for item, _ in self._after(what, more, 0)]
        return [after] if done else [before, after]

    def _call(self) -> tuple[str, Item | int]:
        keys = sorted({key for _, key in self.told})
        what = self.rng.choice(("tell", "tell", "tell", "retract", "forget"))
        if what == "tell" or not keys:
            return "tell", some_item(self.rng, [item for item, _ in self.told])
        return what, self.rng.choice(keys)

    def _after(self, what: str, more: Item | int, key: int) -> list[tuple[Item, int]]:
        if isinstance(more, Item):
            return [*self.told, (more, key)]
        return [each for each in self.told if each[1] != more]


def as_believed(memory: RoboMemory) -> tuple[object, ...]:
    """The facts of ``memory``, those that hold and those that ended, and where each thing was."""
    scene = memory.scene()
    stays = {
        name: [
            ((s.run, s.from_ns), None if s.until_ns is None else (s.until_run, s.until_ns), s.position)
            for s in memory.history(name) if s.position is not None
        ]
        for name in NAMES
    }  # fmt: skip
    return facts_in(scene.facts), facts_in(scene.past), stays


def as_told(items: list[Item]) -> tuple[object, ...]:
    """What :func:`as_believed` should be where ``items`` were told."""
    means, same = who(items), renamed(items)
    want = spells(same)
    stays = {name: [(a, b, p) for a, b, p, _ in track(same, means.get(name, name))] for name in NAMES}
    return {f for f in want if f[4] is None}, {f for f in want if f[4] is not None}, stays


def play_killed(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    may_be = [as_told(items) for items in KilledWriter(path, rng).play(rng.randint(3, 14))]
    with RoboMemory(path, embedder=HashingEmbedder(32)) as memory:
        assert as_believed(memory) in may_be, seed


@pytest.mark.timeout(120)
def test_belief_after_a_kill_is_what_was_acknowledged(tmp_path):
    for seed in range(4):
        play_killed(tmp_path / f"{seed}.sqlite3", seed)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_belief_after_two_hundred_kills_is_what_was_acknowledged(tmp_path):
    for seed in range(1_000, 1_200):
        play_killed(tmp_path / f"{seed}.sqlite3", seed)


@pytest.mark.long
@settings(max_examples=150, **QUIET)
@given(histories)
@pytest.mark.timeout(3_600)
def test_belief_on_a_server_follows_from_what_was_told(history):
    play(history, server().url())
