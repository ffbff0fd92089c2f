"""What the memory hands out can be copied and pickled, also where nothing of the robot is imported."""

import copy
import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from robomemory import MemoryKind, Query, RecallResult
from robomemory.planning.domain import Goal, WorldState
from robomemory.planning.manipulation import BENCHTOP

ROOT = Path(__file__).parents[2]
WAYS = [copy.copy, copy.deepcopy] + [
    lambda value, p=p: pickle.loads(pickle.dumps(value, p)) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)
]


@pytest.fixture
def words(memory, note):
    memory.remember([note("spatial", "a", 1, "mug", at=(0, 0, 0), says=("mug", "in", "tray"))])
    memory.remember([note("episodic", "put the mug in the tray: success", 1)])
    late = RecallResult(memory.recall(["mug"], timeout_s=30), {MemoryKind.SEMANTIC: "took too long"})
    return [
        *memory.records(), memory.status(), memory.scene(), memory.where_is("mug"), memory.history("mug"),
        memory.changes(0), late, Query("mug", kinds={"spatial"}, between=(0, 5), run=0),
        BENCHTOP, WorldState({"mug": "thing"}, frozenset({("mug", "in", "tray")})),
        Goal(find=frozenset({"mug"})),
    ]  # fmt: skip


def test_a_copy_is_the_same(words):
    for word in words:
        for way in WAYS:
            again = way(word)
            assert again == word
            assert type(again) is type(word)
            assert repr(again) == repr(word)
            if isinstance(word, RecallResult):
                assert dict(again.missing) == dict(word.missing)
                assert again.partial
                with pytest.raises(TypeError):
                    again.missing["spatial"] = "no"


def test_a_fresh_process_takes_and_gives_them(words):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(repr, words) == [repr(word) for word in words]
        assert pool.map(copy.copy, words) == words


def test_the_memory_alone_can_pickle_an_answer():
    code = (
        "import pickle, sys; from robomemory import RecallResult; "
        "from robomemory.planning.manipulation import BENCHTOP; "
        "answer = pickle.loads(pickle.dumps(RecallResult([], {'spatial': 'late'}))); "
        "assert answer.missing == {'spatial': 'late'} and pickle.loads(pickle.dumps(BENCHTOP)) == BENCHTOP; "
        "assert not any(name.split('.')[0] == 'vista' for name in sys.modules); print('done')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert (ran.stdout, ran.stderr) == ("done\n", "")
