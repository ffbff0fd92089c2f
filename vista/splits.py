"""What may be seen by whom: ``config/splits.yaml`` as a value (design: fixed before the first training)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.resources import resource_path


@dataclass(frozen=True, slots=True)
class Splits:
    """Labels are "<colour> <shape>". ``seeds`` maps a range's name to (first, end), end excluded."""

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
        if name not in self.seeds:
            raise UnknownNameError("seed range", name, self.seeds)
        first, end = self.seeds[name]
        if not 0 <= index < end - first:
            raise InvalidValueError(f"seed {index} of range {name!r}: allowed 0 to {end - first - 1}")
        return first + index


@cache
def load_splits(path: Path | None = None) -> Splits:
    """Read ``config/splits.yaml`` (or ``path``).

    Raises:
        ConfigError: a missing key, or a label outside shapes x colours.
    """
    path = path or resource_path("config/splits.yaml")
    try:
        data = yaml.safe_load(Path(path).read_text())
        splits = Splits(
            tuple(data["shapes"]),
            tuple(data["colours"]),
            tuple(data["patterns"]),
            tuple(data["demonstrations"]["objects"]),
            tuple(data["demonstrations"]["patterns"]),
            tuple(data["novel"]["objects"]),
            tuple(data["novel"]["patterns"]),
            tuple(data["heldout"]["shapes"]),
            tuple(data["heldout"]["combinations"]),
            tuple(data["heldout"]["patterns"]),
            {k: (int(v[0]), int(v[1])) for k, v in data["seeds"].items()},
        )
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ConfigError(f"{path}: missing or malformed entry {error}") from error
    for label in (*splits.demo_objects, *splits.novel_objects, *splits.heldout_combinations):
        colour, _, shape = label.partition(" ")
        if colour not in splits.colours or shape not in splits.shapes:
            raise ConfigError(f"{path}: {label!r} is not a known colour and shape")
    return splits
