"""Which part is trained and tested on which data: ``config/splits.yaml``, fixed before the first training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.files.resources import resource_path
from vista.files.yaml_file import Reader, read_yaml, user_path
from vista.messages.plain_text import plain
from vista.values import shown, whole

KEYS = ("shapes", "colours", "patterns", "demonstrations", "heldout", "novel", "solids", "seeds")
HELD_OUT = ("shapes", "combinations", "patterns")
MOST_SEED = 2**62


@dataclass(frozen=True, slots=True)
class Splits:
    """Labels are "<colour> <shape>". ``training_solids`` and ``evaluation_solids`` are families of solids.
    ``seeds`` maps a range's name to (first, end), end excluded."""

    shapes: tuple[str, ...]
    colours: tuple[str, ...]
    patterns: tuple[str, ...]
    demo_objects: tuple[str, ...]
    demo_patterns: tuple[str, ...]
    novel_objects: tuple[str, ...]
    novel_patterns: tuple[str, ...]
    heldout_shapes: tuple[str, ...]
    heldout_combinations: tuple[str, ...]
    heldout_patterns: tuple[str, ...]
    training_solids: tuple[str, ...]
    evaluation_solids: tuple[str, ...]
    seeds: dict[str, tuple[int, int]]

    @property
    def world_objects(self) -> tuple[str, ...]:
        """Labels that the world model, the detector and the planner head may be trained on."""
        return tuple(
            label
            for shape in self.shapes
            for colour in self.colours
            if shape not in self.heldout_shapes
            and (label := f"{colour} {shape}") not in self.heldout_combinations
        )

    @property
    def world_patterns(self) -> tuple[str, ...]:
        """Table patterns that the world model may be trained on."""
        return tuple(p for p in self.patterns if p not in self.heldout_patterns)

    def seed(self, name: str, index: int) -> int:
        """The ``index``-th seed of the range ``name``; outside of it raises InvalidValueError."""
        if not isinstance(name, str) or name not in self.seeds:
            raise UnknownNameError("seed range", str(name), self.seeds)
        first, end = self.seeds[name]
        index = whole(f"seed of range {name!r}", index)
        if not 0 <= index < end - first:
            raise InvalidValueError(f"seed {index} of range {name!r}: allowed 0 to {end - first - 1}")
        return first + index


@cache
def load_splits(path: Path | None = None) -> Splits:
    """Read ``config/splits.yaml`` (or ``path``).

    Raises:
        ConfigError: the file can't be read, a key is missing, unknown or holds a wrong value, or a label is
            outside shapes x colours.
    """
    file = resource_path("config/splits.yaml") if path is None else user_path(path, "splits")
    raw = read_yaml(file, "splits")
    read = Reader(f"splits {plain(str(file))}: missing or malformed entry")
    data = read.mapping(raw, "file", KEYS, required=KEYS)
    demos, novel = (
        read.mapping(data[key], key, ("objects", "patterns"), required=("objects", "patterns"))
        for key in ("demonstrations", "novel")
    )
    families = ("training", "evaluation")
    solids = read.mapping(data["solids"], "solids", families, required=families)
    heldout = read.mapping(data["heldout"], "heldout", HELD_OUT, required=HELD_OUT)
    splits = Splits(
        read.texts(data["shapes"], "shapes"),
        read.texts(data["colours"], "colours"),
        read.texts(data["patterns"], "patterns"),
        read.texts(demos["objects"], "demonstrations.objects"),
        read.texts(demos["patterns"], "demonstrations.patterns"),
        read.texts(novel["objects"], "novel.objects"),
        read.texts(novel["patterns"], "novel.patterns"),
        read.texts(heldout["shapes"], "heldout.shapes", empty=True),
        read.texts(heldout["combinations"], "heldout.combinations", empty=True),
        read.texts(heldout["patterns"], "heldout.patterns", empty=True),
        read.texts(solids["training"], "solids.training"),
        read.texts(solids["evaluation"], "solids.evaluation"),
        _seeds(read, data["seeds"]),
    )
    for label in (*splits.demo_objects, *splits.novel_objects, *splits.heldout_combinations):
        colour, _, shape = label.partition(" ")
        if colour not in splits.colours or shape not in splits.shapes:
            raise ConfigError(f"{plain(str(file))}: {label!r} is not a known colour and shape")
    return splits


def _seeds(read: Reader, value: object) -> dict[str, tuple[int, int]]:
    out = {}
    for name, ends in read.mapping(value, "seeds").items():
        key = f"seeds.{read.text(name, 'seeds')}"
        if not isinstance(ends, list) or len(ends) != 2:
            raise read.fail(key, f"{shown(ends)}, expected the first seed and the one after the last")
        first = read.whole(ends[0], key, 0, MOST_SEED)
        out[name] = first, read.whole(ends[1], key, first + 1, MOST_SEED)
    if not out:
        raise read.fail("seeds", "none, expected at least one range")
    return out
