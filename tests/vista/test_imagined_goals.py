"""Imagined goals belong to the frames they were imagined from, and are made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vista.errors import ConfigError, VistaError
from vista.learning.shards import write_shard
from vista.world_model.imagined_goals import (
    PER_SEGMENT,
    crowded,
    data_digest,
    start_rows,
    write_imagined,
)

pytest.importorskip("diffusers")


@pytest.fixture(scope="module")
def world_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained pipeline."""
    from vista.world_model.pipeline import GoalImagePipeline, make_scheduler
    from vista.world_model.unet import GoalUNet

    folder = tmp_path_factory.mktemp("world_model")
    GoalImagePipeline(GoalUNet(channels=8, deep_channels=16, depth=1), make_scheduler()).save_pretrained(
        folder
    )
    return folder


def demonstrations(folder: Path, shards: int = 2) -> Path:
    rng = np.random.default_rng(0)
    for i in range(shards):
        write_shard(
            folder / f"shard{i:05d}",
            {
                "front": rng.integers(0, 256, (12, 96, 96, 3), np.uint8),
                "segment": np.repeat(np.arange(2, dtype=np.int32), 6),
                "text": np.array(["grasp the blue mug", "place the blue mug in the tray"]),
            },
        )
    return folder


def test_starts_lie_at_the_beginning_of_their_segment():
    segment = np.repeat(np.arange(3, dtype=np.int32), [30, 9, 1])
    rows = start_rows(segment, 4)
    assert rows[:, 0].tolist() == [0, 30, 39]
    assert (segment[rows] == np.arange(3)[:, None]).all()
    assert rows[0, 1] < 10
    assert rows[1, 1] < 33
    assert (rows == start_rows(segment, 4)).all()


def test_goals_are_made_once_and_match_the_shards(tmp_path: Path, world_model: Path):
    data = demonstrations(tmp_path / "data")
    out = write_imagined(data, tmp_path / "out", world_model)
    first = np.load(out / "shard00000" / "imagined.npy")
    assert first.shape == (2, PER_SEGMENT, 96, 96, 3)
    assert first.dtype == np.uint8
    # An untrained network changes nothing, so what comes out is the start frame and a little noise.
    front = np.load(data / "shard00000" / "front.npy")
    assert np.abs(first[1, 0].astype(int) - front[6]).mean() < 20
    kept = (out / "shard00000" / "imagined.npy").stat().st_mtime_ns
    (out / "shard00001" / "imagined.npy").unlink()
    (out / "shard00001").rmdir()
    write_imagined(data, out, world_model)
    assert (out / "shard00000" / "imagined.npy").stat().st_mtime_ns == kept
    assert (out / "shard00001" / "imagined.npy").exists()
    spread = write_imagined(data, tmp_path / "spread", world_model, workers=2)
    for shard in ("shard00000", "shard00001"):
        apart = np.load(spread / shard / "imagined.npy").astype(int) - np.load(out / shard / "imagined.npy")
        assert np.abs(apart).max() <= 1, "rounding alone depends on the number of threads"


def test_what_goes_to_others_in_a_container_keeps_its_true_goal(tmp_path: Path, world_model: Path):
    data, goal = demonstrations(tmp_path / "data", 1), np.full((2, 96, 96, 3), 9, np.uint8)
    np.save(data / "shard00000" / "goal.npy", goal)
    for kept in (True, False):
        np.save(data / "shard00000" / "crowded.npy", np.array([False, kept]))
        out = write_imagined(data, tmp_path / str(kept), world_model)
        grasped, placed = np.load(out / "shard00000" / "imagined.npy")
        assert (placed == 9).all() == kept
        assert not (grasped == 9).all()


def test_which_goals_are_crowded_follows_from_the_skills_of_older_shards(tmp_path: Path):
    texts = np.array(
        [
            "grasp the blue mug", "place the blue mug in the tray", "place the red cube in the tray",
            "place the blue mug in the tray", "place the blue mug in the tray",
            "place the blue mug in the left drawer", "place the red cube in the tray",
            "place the blue mug on the red cube", "place the blue can on the red cube",
        ]
    )  # fmt: skip
    np.save(tmp_path / "episode.npy", np.array([0, 0, 0, 1, 1, 2, 2, 3, 3], np.int32))
    assert crowded(tmp_path, texts).tolist() == [False, True, True, *[False] * 6]
    (tmp_path / "episode.npy").unlink()
    assert not crowded(tmp_path, texts).any()


def test_marks_of_another_number_of_segments_are_refused(tmp_path: Path):
    np.save(tmp_path / "crowded.npy", np.array([True]))
    with pytest.raises(ConfigError, match=r"crowded\.npy: shape \(1,\) for 2 segments"):
        crowded(tmp_path, np.array(["grasp the blue mug", "place the blue mug in the tray"]))


def test_goals_of_another_world_model_are_not_mixed(tmp_path: Path, world_model: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "meta.json").write_text('{"kind": "imagined goals", "world_model": "0"}')
    with pytest.raises(ConfigError, match="holds other goals"):
        write_imagined(demonstrations(tmp_path / "data", 1), tmp_path / "out", world_model)


def test_no_demonstrations_is_said(tmp_path: Path, world_model: Path):
    with pytest.raises(ConfigError, match="no shards"):
        write_imagined(tmp_path, tmp_path / "out", world_model)


def test_other_demonstrations_have_another_digest(tmp_path: Path):
    here, there = demonstrations(tmp_path / "a"), demonstrations(tmp_path / "b")
    for folder in (here, there):
        for shard in folder.glob("shard*"):
            np.save(shard / "ee.npy", np.zeros((12, 4, 4), np.float32))
    assert data_digest(here) == data_digest(there)
    np.save(there / "shard00001" / "ee.npy", np.ones((12, 4, 4), np.float32))
    assert data_digest(here) != data_digest(there)


def test_a_world_model_that_cannot_be_opened_ends_all_workers(tmp_path: Path):
    """Python's own pool would start new workers for ever."""
    data = demonstrations(tmp_path / "data")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "model.safetensors").write_text("torn")
    with pytest.raises(VistaError, match="torn"):
        write_imagined(data, tmp_path / "out", tmp_path / "torn", workers=2)
