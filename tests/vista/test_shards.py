"""Data are made once, whole shards or none, and broken ones are named before anybody trains on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vista.errors import ConfigError, InvalidValueError
from vista.learning.shards import (
    Arrays,
    check_finite,
    check_frames,
    check_indices,
    check_lengths,
    generate,
    load_arrays,
    shard_folders,
    write_shard,
)


class Maker:
    """Squares the seeds; ``asked`` keeps what it was called with; ``fails_at``: a seed it breaks off at."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.asked: list[list[int]] = []
        self.fails_at = fails_at

    def __call__(self, seeds: Sequence[int]) -> Arrays:
        if self.fails_at in seeds:
            raise KeyboardInterrupt
        self.asked.append(list(seeds))
        return {"square": np.array(seeds) ** 2}


def make(folder: Path, maker: Maker, seeds: Sequence[int] = range(10, 20), kind: str = "squares") -> Path:
    return generate(folder, maker, list(seeds), kind=kind, shard_size=4, workers=1)


def test_every_seed_is_made_once_in_order(tmp_path: Path):
    maker = Maker()
    folder = make(tmp_path / "data", maker)
    shards = shard_folders(folder)
    assert [s.name for s in shards] == ["shard00000", "shard00001", "shard00002"]
    joined = np.concatenate([np.load(s / "square.npy") for s in shards])
    assert joined.tolist() == [s**2 for s in range(10, 20)]
    assert shard_folders(folder, 2) == shards[:2]


def test_what_is_there_is_kept_and_what_is_missing_is_made(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "data", Maker(fails_at=15))
    assert len(shard_folders(tmp_path / "data")) == 1
    again = Maker()
    make(tmp_path / "data", again)
    assert again.asked == [[14, 15, 16, 17], [18, 19]]
    idle = Maker()
    make(tmp_path / "data", idle)
    assert idle.asked == []


def test_other_data_are_not_mixed_in(tmp_path: Path):
    make(tmp_path / "data", Maker())
    for seeds, kind in ((range(11, 20), "squares"), (range(10, 20), "cubes")):
        with pytest.raises(ConfigError, match="holds other data"):
            make(tmp_path / "data", Maker(), seeds, kind)


def test_a_shard_is_whole_or_not_there(tmp_path: Path):
    class Full:
        def __array__(self, *_: object, **__: object) -> np.ndarray:
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write_shard(tmp_path / "shard00000", {"a": np.zeros(3), "b": Full()})  # type: ignore[dict-item]
    assert not (tmp_path / "shard00000").exists()
    with pytest.raises(ConfigError, match="no shards"):
        shard_folders(tmp_path)
    write_shard(tmp_path / "shard00000", {"a": np.ones(3)})
    assert [p.name for p in shard_folders(tmp_path)] == ["shard00000"]
    assert np.load(tmp_path / "shard00000" / "a.npy").tolist() == [1, 1, 1]


def test_an_empty_folder_says_what_to_do(tmp_path: Path):
    with pytest.raises(ConfigError, match="generate the data first"):
        shard_folders(tmp_path)


def test_arrays_that_are_missing_or_torn_are_named(tmp_path: Path):
    shard = tmp_path / "shard00000"
    write_shard(shard, {"a": np.arange(9), "b": np.array(["x", "y"])})
    assert load_arrays(shard, ["a", "b"])["b"].tolist() == ["x", "y"]
    with pytest.raises(ConfigError, match=r"shard00000: lacks c\.npy"):
        load_arrays(shard, ["a", "c"])
    whole = (shard / "a.npy").read_bytes()
    for torn in (b"", whole[:40], whole[:-3], b"not an array at all"):
        (shard / "a.npy").write_bytes(torn)
        with pytest.raises(ConfigError, match=r"shard00000/a\.npy"):
            load_arrays(shard, ["a"])


def test_objects_are_never_unpickled(tmp_path: Path):
    (tmp_path / "shard00000").mkdir()
    np.save(tmp_path / "shard00000" / "a.npy", np.array([{"code": 1}], object), allow_pickle=True)
    with pytest.raises(ConfigError, match=r"a\.npy"):
        load_arrays(tmp_path / "shard00000", ["a"])


def test_checks_name_file_and_row():
    shard = Path("shard00007")
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    good = {"image": frames, "ee": np.zeros((3, 4, 4)), "segment": np.array([0, 1, 1]), "goal": frames[:2]}
    check_frames(shard, good, ("image", "goal"), 8)
    check_lengths(shard, good, ("image", "ee", "segment"))
    check_finite(shard, good, ("ee",))
    check_indices(shard, good, ("segment",), "goal")

    for bad in (frames[:, 1:], frames.astype(np.float32), frames[..., 0], frames[..., :2]):
        with pytest.raises(ConfigError, match=r"shard00007/image\.npy: frames"):
            check_frames(shard, {"image": bad}, ("image",), 8)
    with pytest.raises(ConfigError, match=r"shard00007/ee\.npy: 2 rows, image\.npy has 3"):
        check_lengths(shard, {**good, "ee": np.zeros((2, 4, 4))}, ("image", "ee"))
    for value in (np.nan, np.inf):
        broken = np.zeros((3, 4, 4))
        broken[2, 1, 1] = value
        with pytest.raises(InvalidValueError, match=r"shard00007/ee\.npy: not finite at row 2"):
            check_finite(shard, {"ee": broken}, ("ee",))
    for index in (2, -1):
        with pytest.raises(
            InvalidValueError, match=rf"segment\.npy: row 1 points at {index}, goal\.npy has 2"
        ):
            check_indices(shard, {**good, "segment": np.array([0, index, 1])}, ("segment",), "goal")


def test_indices_and_numbers_of_another_kind_are_named():
    shard = Path("shard00007")
    for odd in (np.array(["a", "b"]), np.array([None, 1], object), np.zeros(2, complex)):
        with pytest.raises(InvalidValueError, match=r"ee\.npy: holds .*, expected numbers"):
            check_finite(shard, {"ee": odd}, ("ee",))
    for odd in (np.array([0.5, np.nan]), np.array(["0", "1"])):
        with pytest.raises(InvalidValueError, match=r"segment\.npy: holds .*, expected whole numbers"):
            check_indices(shard, {"segment": odd, "goal": np.zeros(3)}, ("segment",), "goal")


def test_files_that_are_no_arrays_with_rows_are_named(tmp_path: Path):
    shard = tmp_path / "shard00000"
    shard.mkdir()
    np.save(shard / "scalar.npy", np.array(5.0))
    with (shard / "archive.npy").open("wb") as file:
        np.savez(file, a=np.zeros(3))
    huge = b"\x93NUMPY\x01\x00"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }\n"
    (shard / "huge.npy").write_bytes(huge + len(header).to_bytes(2, "little") + header)
    (shard / "sentence.npy").write_bytes(huge + (5).to_bytes(2, "little") + b"{'a':")
    for key in ("scalar", "archive", "huge", "sentence"):
        with pytest.raises(ConfigError, match=rf"{key}\.npy: not a whole array"):
            load_arrays(shard, [key])


@pytest.mark.parametrize("meta", [b"", b"{", b"[]", b"\xff", b"version https://git-lfs.github.com/spec/v1\n"])
def test_a_torn_description_of_the_data_is_named(tmp_path: Path, meta: bytes):
    make(tmp_path / "data", Maker())
    (tmp_path / "data" / "meta.json").write_bytes(meta)
    with pytest.raises(ConfigError, match=r"meta\.json"):
        make(tmp_path / "data", Maker())
