"""Positions told in one frame, kept in the memory's own, and answered in any."""

from __future__ import annotations

import math

import pytest

from robomemory import (
    Box,
    HashingEmbedder,
    InvalidNoteError,
    InvalidQueryError,
    Memory,
    Note,
    Pose,
    RoboMemory,
    Seen,
    StoreError,
)
from robomemory.store.exchange import from_lines, to_lines
from tests.postgres import server

S = 10**9
HALF = math.sqrt(0.5)
# A camera 1 m above the base, a quarter turn to the left: its x axis is the base's y axis.
CAMERA = Pose((0.5, 0.0, 1.0), (0.0, 0.0, HALF, HALF))


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.long)])
def where(tmp_path, request):
    return tmp_path / "scene.sqlite3" if request.param == "file" else server().url()


def opened(path=":memory:", frames=None, **more):
    return Memory(
        path, embedder=HashingEmbedder(), frames={"camera": CAMERA} if frames is None else frames, **more
    )


def near(one, other):
    return one is not None and math.dist(one, other) < 1e-9


def test_a_pose_takes_positions_there_and_back():
    assert near(CAMERA.out_of((1, 0, 0)), (0.5, 1.0, 1.0))
    assert near(CAMERA.into((0.5, 1.0, 1.0)), (1, 0, 0))
    odd = Pose((1, 2, 3), (0.5, -0.5, 0.5, 0.5))
    for spot in ((0, 0, 0), (1, -2, 0.5)):
        assert near(odd.into(odd.out_of(spot)), spot)
    for bad in (((0, 0), (0, 0, 0, 1)), ((0, 0, 0), (0, 0, 0, 2)), ((0, 0, float("nan")), (0, 0, 0, 1))):
        with pytest.raises(InvalidNoteError, match="Pose"):
            Pose(*bad)


def test_a_note_in_another_frame_is_kept_in_the_memorys_own(where):
    with opened(where) as memory:
        key = memory.add("mug", about=["mug"], position=(1, 0, 0), frame="camera", stamp_ns=S)
        record = memory.get(key)
        assert (record.frame, near(record.position, (0.5, 1.0, 1.0))) == ("camera", True)
        mug = memory.where("mug")[0]
        assert (mug.frame, near(mug.position, (0.5, 1.0, 1.0))) == ("", True)
        seen = memory.where("mug", frame="camera")[0]
        assert (seen.frame, near(seen.position, (1, 0, 0))) == ("camera", True)
        memory.update(key, text="a mug")  # nothing is turned twice
        assert near(memory.where("mug")[0].position, (0.5, 1.0, 1.0))
    with opened(where) as memory:
        assert near(memory.where("mug")[0].position, (0.5, 1.0, 1.0))


def test_finding_in_another_frame():
    with opened() as memory:
        for i in range(5):
            memory.add(
                f"t{i}", about=[f"t{i}"], position=(0.2 * i, 0, 0), frame="camera", stamp_ns=(i + 1) * S
            )
        found = memory.find(near=((0.8, 0, 0), 0.25), frame="camera")
        assert [f.text for f in found] == ["t4", "t3"]
        assert near(found[0].position, (0.8, 0, 0))
        assert near(found[0].record.position, (0.5, 0.8, 1.0))
        box = ((0.1, -0.1, -0.1), (0.5, 0.1, 0.1))
        assert [f.text for f in memory.find(box=box, frame="camera")] == ["t2", "t1"]
        assert memory.find(box=box) == ()
        slanted = Box((-0.1, -0.1, -0.1), (0.9, 0.1, 0.1), CAMERA)
        assert len(memory.find(box=slanted)) == 5


def test_a_frame_that_moves_is_asked_at_the_stamp_of_the_note():
    def pose_of(frame, stamp_ns):
        return Pose((stamp_ns / S, 0, 0)) if frame == "gripper" else None

    with opened(frames=pose_of) as memory:
        memory.add("mug", about=["mug"], position=(0, 1, 0), frame="gripper", stamp_ns=3 * S)
        assert memory.where("mug")[0].position == (3, 1, 0)
        assert memory.where("mug", frame="gripper")[0].position == (0, 1, 0)
        assert memory.where("mug", frame="gripper", stamp_ns=5 * S)[0].position == (-2, 1, 0)
        with pytest.raises(
            InvalidNoteError, match=r"add: frame: unknown frame 'cam' at 7000000000 ns; known is 'base'"
        ):
            memory.add("x", about=["x"], position=(0, 0, 0), frame="cam", stamp_ns=7 * S)


def test_an_unknown_frame_is_told_with_those_that_are_known():
    with opened() as memory:
        for call in (
            lambda: memory.add("x", about=["x"], position=(0, 0, 0), frame="lidar", stamp_ns=S),
            lambda: memory.relate("x", "in", "y", frame="lidar", stamp_ns=S),
            lambda: memory.add_frame([Seen("x", (0, 0, 0))], frame="lidar", stamp_ns=S),
            lambda: memory.robo.remember([Note("spatial", "x", S, ("x",), (0, 0, 0), frame="lidar")]),
            lambda: memory.not_seen(((0, 0, 0), 1), frame="lidar", stamp_ns=S),
            lambda: memory.where("x", frame="lidar"), lambda: memory.find(near=((0, 0, 0), 1), frame="lidar"),
        ):  # fmt: skip
            with pytest.raises(
                (InvalidNoteError, InvalidQueryError),
                match="unknown frame 'lidar'; known are 'base', 'camera'",
            ):
                call()
        assert memory.robo.records() == ()


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (5, "frames: 5, expected a mapping"), ({"a": (0, 0, 0)}, "expected the name of a frame and its Pose"),
        (lambda frame, stamp: 5, "the callable `frames` gave 5"),
        (lambda: None, "the callable `frames` failed: TypeError"),
    ],
)  # fmt: skip
def test_bad_frames_are_told(frames, said):
    with pytest.raises((InvalidNoteError, InvalidQueryError), match=said), opened(frames=frames) as memory:
        memory.add("x", about=["x"], position=(0, 0, 0), frame="a", stamp_ns=S)


def test_the_memorys_own_frame_is_kept_and_another_one_refused(where):
    with opened(where, frame="map") as memory:
        memory.add("mug", about=["mug"], position=(0, 0, 0), frame="map", stamp_ns=S)
        assert memory.robo.frames.own == "map"
    with opened(where) as memory:
        assert memory.robo.frames.own == "map"
    with opened(where, mode="r") as memory:
        assert memory.robo.frames.own == "map"
    with pytest.raises(StoreError, match="its positions are in the frame 'map', opened with frame 'base'"):
        opened(where, frame="base")


def test_an_export_is_in_the_memorys_own_frame():
    with opened() as memory, RoboMemory(":memory:", embedder=HashingEmbedder()) as copy:
        memory.add("mug", about=["mug"], position=(1, 0, 0), frame="camera", stamp_ns=S)
        from_lines(copy, list(to_lines(memory.robo)))
        assert near(copy.where_is("mug").position, (0.5, 1.0, 1.0))
        assert copy.records()[0].frame == "camera"
