"""Cell ``taught`` of suite ``memory``: which of the things that were taught by pictures is this one, and how
long a question by picture takes.

Each thing of a folder of one's own objects is taught by 12 pictures of it alone on a table, under changing
light, table and place. Then all of them stand on one table, and the crop of each is asked for. The crops
(52 px of an image of 256 px) are cut where the simulator says that the thing is: what is measured is the
likeness, not a detector. ``colours``: the things as they are; ``one colour``: all of them grey.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from robomemory import EfficientNetPictures, HashingEmbedder, HistogramPictures, Note, RoboMemory
from robomemory.embed.pictures import Image, PictureEmbedder, encode
from robomemory.errors import InvalidNoteError
from robomemory.notes import Picture
from vista.learning.splits import load_splits
from vista.robot.contract import load_robot
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.results import wilson
from vista_bench.suites.base import AnySuite, BenchSettings, Cell, seeds_of
from vista_sim.objects.object_file import load_objects
from vista_sim.objects.specs import ObjectSpec
from vista_sim.render import Camera
from vista_sim.scenes.scene import (
    OBJECT_RADIUS,
    Placed,
    Scene,
    place,
    sample_surroundings,
)
from vista_sim.scenes.table import DEFAULT_ROBOT, table_of
from vista_sim.sight import CAMERA, project
from vista_sim.world import World

PICTURES = 12  # that each thing is taught by
SIDE, CROP = 256, 52  # of the image and of what is cut out of it [px]
GREY = (0.55, 0.55, 0.55)
NEIGHBOURS = (1, 3)  # exemplars of a name that count
OBJECTS = "examples/objects"
ENCODERS: dict[str, Callable[[], PictureEmbedder]] = {
    "histogram": HistogramPictures,
    "efficientnet": functools.partial(EfficientNetPictures, colour=False),
    "efficientnet and colours": EfficientNetPictures,
}
DIM = 276  # of the vectors that are searched, as those of the last one
SIZES = (10_000, 100_000)
ASKED = 200  # questions whose time is taken


class TaughtCell(AnySuite):
    name = "memory"
    cells = ("taught",)
    methods = (*ENCODERS, "search")
    default_cells = cells
    default_methods = methods
    default_episodes = 30

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """Nothing is resumed: it takes about two minutes."""
        self.check(settings)
        count = settings.episodes or self.default_episodes
        methods = tuple(dict.fromkeys(settings.methods or self.methods))
        encoders = {method: ENCODERS[method]() for method in methods if method in ENCODERS}
        sizes = (settings.records or SIZES) if "search" in methods else ()
        progress.start((2 * count if encoders else 0) + len(sizes), 0)
        found: list[Cell] = []
        if encoders:
            own = load_objects(settings.objects or OBJECTS)
            for cell, specs in (("colours", own), ("one colour", _grey(own))):
                found += _known(cell, specs, encoders, settings, count, progress)
        for size in sizes:
            found.append(_searched(size))
            progress.step(EpisodeJob("taught", "search", size), True)
        return found


def _grey(specs: Mapping[str, ObjectSpec]) -> dict[str, ObjectSpec]:
    return {label: replace(spec, rgb=GREY) for label, spec in specs.items()}


def _known(
    look: str,
    specs: Mapping[str, ObjectSpec],
    encoders: Mapping[str, PictureEmbedder],
    settings: BenchSettings,
    count: int,
    progress: BenchProgress,
) -> list[Cell]:
    """A row for each encoder and number of neighbours: the share of crops that are called by their name."""
    seeds = seeds_of(settings, PICTURES * len(specs) + count)
    alone = {label: [seeds.pop(0) for _ in range(PICTURES)] for label in specs}
    taught = {
        label: [crop for seed in mine for _, crop in crops({label: specs[label]}, seed)]
        for label, mine in alone.items()
    }
    right: dict[tuple[str, int], list[bool]] = {(m, k): [] for m in encoders for k in NEIGHBOURS}
    memories = {}
    for method, encoder in encoders.items():
        memories[method] = RoboMemory(":memory:", embedder=HashingEmbedder(), pictures=encoder)
        for label, pictures in taught.items():
            memories[method].teach(label, pictures)
    try:
        for seed in seeds:
            for label, crop in crops(specs, seed):
                for (method, k), told in right.items():
                    told.append(memories[method].know(crop, k)[0].name == label)
            progress.step(EpisodeJob("taught", look, seed), True)
    finally:
        for memory in memories.values():
            memory.close()
    return [
        {
            "cell": "taught", "method": method, "n": len(told), "success_rate": float(np.mean(told)),
            "interval": list(wilson(sum(told), len(told))), "look": look, "neighbours": k,
            "pictures": PICTURES,
        }
        for (method, k), told in right.items()
    ]  # fmt: skip


def crops(specs: Mapping[str, ObjectSpec], seed: int) -> Iterator[tuple[str, Image]]:
    """(label, crop u8 (CROP, CROP, 3)) of each of ``specs`` on the table of ``seed``."""
    rng = np.random.default_rng(seed)
    scene = sample_surroundings(rng, seed, load_splits().demo_patterns)
    table = table_of()
    spots = place(rng, [OBJECT_RADIUS] * len(specs), table.x, table.y)
    placed = [
        Placed(spec, x, y, float(rng.uniform(-np.pi, np.pi)))
        for spec, (x, y) in zip(specs.values(), spots, strict=True)
    ]
    image, centres = _seen(replace(scene, objects=tuple(placed)))
    for label, (x, y) in zip(specs, centres, strict=True):
        left, top = (min(max(round(v * SIDE) - CROP // 2, 0), SIDE - CROP) for v in (x, y))
        yield label, np.ascontiguousarray(image[top : top + CROP, left : left + CROP])


def _seen(scene: Scene) -> tuple[Image, np.ndarray]:
    """The image of the front camera, and where the things are in it, as fractions (n, 2)."""
    world = World(scene, load_robot(DEFAULT_ROBOT))
    camera = Camera(world.model)
    try:
        image = camera.render(world.data, CAMERA, SIDE, SIDE)
    finally:
        camera.close()
    centres = np.stack([world.object_pose(i)[:3, 3] for i in range(len(scene.objects))])
    return image, project(world, centres)


def _searched(size: int) -> Cell:
    """The time of a question by picture among ``size`` pictures, their vectors (DIM,) drawn at random."""
    rng = np.random.default_rng(0)
    data = encode("picture", rng.integers(0, 256, (8, 8, 3), np.uint8).astype(np.uint8), InvalidNoteError)
    vectors = rng.standard_normal((size, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = [Picture(data, tuple(map(float, v)), "random") for v in rng.standard_normal((ASKED, DIM))]
    with RoboMemory(":memory:", embedder=HashingEmbedder(16)) as memory:
        for start in range(0, size, 2_000):
            notes = [
                Note("episodic", f"try {i}", i + 1, picture=Picture(data, tuple(map(float, v)), "random"))
                for i, v in enumerate(vectors[start : start + 2_000], start)
            ]
            memory.remember(notes)
        began = time.perf_counter()
        memory.alike(asked[0])
        loading_s = time.perf_counter() - began
        spent, right = [], 0
        for picture in asked:
            began = time.perf_counter()
            (best, *_) = memory.alike(picture)
            spent.append(time.perf_counter() - began)
            right += (
                best.record.text == f"try {int(np.argmax(vectors @ np.asarray(picture.vector, np.float32)))}"
            )
    p50, p95 = (round(float(v) * 1e3, 2) for v in np.percentile(spent, (50, 95)))
    return {
        "cell": "taught", "method": "search", "n": ASKED, "success_rate": right / ASKED,
        "interval": list(wilson(right, ASKED)), "records": size, "p50_ms": p50, "p95_ms": p95,
        "loading_s": round(loading_s, 2),
    }  # fmt: skip
