"""What the episodes of suite ``open`` are about: things that no part was trained on, and what stands around
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from vista.errors import InvalidValueError
from vista.learning.splits import load_splits
from vista_sim.objects.object_file import load_objects
from vista_sim.objects.solids import sample_solid
from vista_sim.objects.specs import ObjectSpec, sample_object
from vista_sim.tasks import Choice, Task, make_task

DISTRACTORS = 3
OWN = Path("examples/objects")
SOLIDS_EACH = 5  # solids of a family in cell ``meshes``
SIZES = 10**6  # seeds from which the sizes of the things are drawn, the same in every episode of a cell


@dataclass(frozen=True, slots=True)
class OpenScene:
    """One episode: the ``task``, its ``group``, and the ``taught`` things {name: object}."""

    task: Task
    taught: Mapping[str, ObjectSpec]
    group: str


@cache
def shapes() -> Mapping[str, ObjectSpec]:
    """Two shapes that no part has seen, in nine colours."""
    splits = load_splits()
    colours = [colour for colour in splits.colours if colour != "black"]
    labels = [f"{colour} {shape}" for shape in splits.heldout_shapes for colour in colours]
    return {label: sample_object(label, np.random.default_rng(SIZES + i)) for i, label in enumerate(labels)}


@cache
def solids(split: str) -> Mapping[str, ObjectSpec]:
    """Forty solids: of the families for evaluation in the range "bench", else of those for training."""
    splits = load_splits()
    families = splits.evaluation_solids if split == "bench" else splits.training_solids
    found: dict[str, ObjectSpec] = {}
    for i, family in enumerate(families):
        for k in range(SOLIDS_EACH):
            colour = splits.colours[(2 * k + i) % len(splits.colours)]
            spec = sample_solid(colour, family, np.random.default_rng(SIZES + SOLIDS_EACH * i + k))
            found[spec.label] = spec
    return found


def of_one_colour(split: str, index: int) -> Mapping[str, ObjectSpec]:
    """Four solids of different families and one colour."""
    splits = load_splits()
    families = splits.evaluation_solids if split == "bench" else splits.training_solids
    rng = np.random.default_rng(SIZES + index)
    colour = splits.colours[index % len(splits.colours)]
    specs = [
        sample_solid(colour, str(family), rng) for family in rng.permutation(families)[: DISTRACTORS + 1]
    ]
    return {spec.label: spec for spec in specs}


def open_scene(cell: str, split: str, index: int, seed: int) -> OpenScene:
    """Episode ``index`` of ``cell``.

    Raises:
        InvalidValueError: no such cell.
    """
    splits = load_splits()
    patterns, around = splits.demo_patterns, splits.demo_objects
    if cell == "shapes":
        taught, patterns, around = shapes(), splits.novel_patterns, splits.world_objects
    elif cell == "meshes":
        taught = solids(split)
    elif cell == "same-colour":
        taught, around = of_one_colour(split, index), ()
    elif cell == "own":
        taught = load_objects(OWN)
    else:
        raise InvalidValueError(f"cell {cell!r}: no such cell")
    target = list(taught)[index % len(taught)]
    others = around or tuple(label for label in taught if label != target)
    choice = Choice((target, *others), patterns, distractors=DISTRACTORS)
    made = make_task("pick_place", seed, replace(choice, library=dict(taught)), target)
    return OpenScene(made, taught, target if cell == "own" else target.rpartition(" ")[2])
