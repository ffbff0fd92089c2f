"""What is trained on and what is measured on do not overlap."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.files.resources import resource_path
from vista.learning.splits import load_splits


def test_novel_objects_were_never_demonstrated():
    splits = load_splits()
    assert len(splits.demo_objects) == 5
    assert len(splits.novel_objects) == len(set(splits.novel_objects)) == 21
    assert not set(splits.demo_objects) & set(splits.novel_objects)
    assert not set(splits.demo_patterns) & set(splits.novel_patterns)


def test_the_world_model_has_seen_both_but_not_what_is_held_out():
    splits = load_splits()
    seen = set(splits.world_objects)
    assert set(splits.demo_objects) | set(splits.novel_objects) <= seen
    assert not seen & set(splits.heldout_combinations)
    assert not {label.split()[1] for label in seen} & set(splits.heldout_shapes)
    assert not set(splits.world_patterns) & set(splits.heldout_patterns)
    assert set(splits.demo_patterns) | set(splits.novel_patterns) <= set(splits.world_patterns)


def test_every_single_word_of_a_held_out_combination_is_known_from_others():
    splits = load_splits()
    words = {word for label in splits.world_objects for word in label.split()}
    assert {word for label in splits.heldout_combinations for word in label.split()} <= words


def test_what_is_held_out_exists():
    splits = load_splits()
    assert set(splits.heldout_shapes) <= set(splits.shapes)
    assert set(splits.heldout_patterns) <= set(splits.patterns)


def test_no_seed_is_in_two_ranges():
    ranges = load_splits().seeds
    assert {"live", "tuning", "bench", "expert", "demonstrations", "world_model", "imagined"} <= set(ranges)
    for (one, a), (other, b) in combinations(ranges.items(), 2):
        assert a[1] <= b[0] or b[1] <= a[0], f"{one} and {other} overlap"
    assert all(first < end for first, end in ranges.values())


def test_seeds_are_counted_within_their_range():
    splits = load_splits()
    first, end = splits.seeds["bench"]
    assert splits.seed("bench", 0) == first
    assert splits.seed("bench", end - first - 1) == end - 1
    for index in (-1, end - first):
        with pytest.raises(InvalidValueError, match=f"seed {index}"):
            splits.seed("bench", index)
    with pytest.raises(UnknownNameError, match="tuning"):
        splits.seed("training", 0)


@pytest.fixture
def data() -> Any:
    return yaml.safe_load(resource_path("config/splits.yaml").read_text())


def refused(tmp_path: Path, data: object, said: str) -> None:
    path = tmp_path / "splits.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data))
    with pytest.raises(ConfigError, match=said) as caught:
        load_splits(path)
    assert "splits.yaml" in str(caught.value)


def test_a_broken_file_is_refused_and_named(tmp_path: Path, data: Any):
    refused(tmp_path, "", "malformed")
    refused(tmp_path, "a: [", "cannot be read")
    refused(tmp_path, {**data, "seeds": {"live": [0]}}, "malformed")
    refused(tmp_path, {**data, "seeds": {"live": ["a", "b"]}}, "malformed")
    refused(tmp_path, {k: v for k, v in data.items() if k != "novel"}, "novel")


def test_what_would_be_read_as_something_else_is_refused(tmp_path: Path, data: Any):
    refused(tmp_path, {**data, "shapes": "cube"}, "shapes: 'cube', expected a list of texts")
    refused(tmp_path, {**data, "colours": [False]}, r"colours\[0\]: False, expected text; write it in quotes")
    refused(tmp_path, {**data, "patterns": ["a", "a"]}, "'a' stands twice")
    refused(tmp_path, {**data, "shape": []}, "unknown key 'shape'")
    for ends in ([5, 5], [9, 5], [-1, 5], [0, 1.5], [True, 5], [0, 2**70], [0, float("nan")]):
        refused(tmp_path, {**data, "seeds": {"live": ends}}, "seeds.live: .*expected a whole number")
    refused(tmp_path, {**data, "seeds": {}}, "seeds: none")


def test_an_index_that_is_none_is_refused():
    for index in (True, 1.5, "1", None, 10**30):
        with pytest.raises(InvalidValueError, match="seed of range 'live'"):
            load_splits().seed("live", index)  # type: ignore[arg-type]


@pytest.mark.parametrize("section", ["demonstrations", "novel"])
def test_an_object_that_cannot_be_made_is_refused(tmp_path: Path, data: Any, section: str):
    data[section]["objects"].append("blue teapot")
    path = tmp_path / f"{section}.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match="blue teapot"):
        load_splits(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load_splits(tmp_path / "none.yaml")
