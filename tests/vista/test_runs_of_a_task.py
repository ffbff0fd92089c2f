"""Every task has the memory number its run of the robot's clock, and its notes carry that number."""

import numpy as np
import pytest

from tests import mocks
from tests.vista.test_task import World
from vista.types import Detection, Outcome


class Counting(mocks.MockMemory):
    """Also knows when each run began."""

    def __init__(self):
        super().__init__()
        self.starts = []

    def begin_run(self, start_ns):
        self.starts.append(start_ns)
        return 40 + super().begin_run(start_ns)


def test_a_run_is_begun_once_with_the_first_stamp_and_every_note_has_its_number():
    memory = Counting()
    for number in (41, 42):
        world = World(memory=memory)
        first_ns = world.robot.observe().stamp_ns
        del memory.notes[:]
        assert world.run().outcome is Outcome.SUCCESS
        assert len(memory.starts) == number - 40
        assert memory.starts[-1] >= first_ns
        assert memory.starts[-1] <= min(note.stamp_ns for note in memory.notes)
        assert {note.kind for note in memory.notes} == {"spatial", "temporal", "episodic"}
        assert {note.run for note in memory.notes} == {number}


def test_a_memory_that_can_not_count_ends_the_task_with_its_cause():
    class Broken(mocks.MockMemory):
        def begin_run(self, start_ns):
            raise OSError("the disk is gone")

    result = World(memory=Broken()).run()
    assert result.outcome is Outcome.STOPPED
    assert "the disk is gone" in result.cause


def test_a_thing_is_believed_where_the_second_task_saw_it(tmp_path):
    """Both lockstep runs begin at 0, and the second one is the shorter."""
    pytest.importorskip("faiss")
    from robomemory import HashingEmbedder, RoboMemory

    def seen_at(y):
        found = mocks.MockDetector()
        box, position = np.array([0.1, 0.1, 0.2, 0.2]), np.array([0.5, y, 0.02])
        found.detect = lambda obs: [Detection("blue mug", 0.9, box, position, 0.01)]
        return found

    for y, steps in ((0.1, ("grasp it", "place it", "wipe it")), (-0.3, ("grasp it",))):
        with RoboMemory(tmp_path / "scene.sqlite3", embedder=HashingEmbedder()) as memory:
            world = World(*steps, memory=memory)
            world.detector = seen_at(y)
            assert world.run().outcome is Outcome.SUCCESS
            assert memory.where_is("blue mug").position[1] == pytest.approx(y)
    with RoboMemory(tmp_path / "scene.sqlite3", embedder=HashingEmbedder()) as memory:
        assert memory.where_is("blue mug").position[1] == pytest.approx(-0.3)
        assert {record.run for record in memory.records()} == {1, 2}
