"""A scene from a YAML file: keys that are left out are drawn from its ``seed``; an error names the key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.files.yaml_file import LONGEST_NAME, Reader, open_yaml, user_path
from vista.values import shown
from vista_sim.model import cabinet
from vista_sim.model.textures import PATTERNS
from vista_sim.objects.object_file import load_objects
from vista_sim.objects.specs import COLOURS, ObjectSpec, sample_object
from vista_sim.scenes.cabinet_scenes import FRONT_YAW, arrange, fits_drawer, front_of, put_in_drawer
from vista_sim.scenes.scene import (
    OBJECT_RADIUS,
    RGB,
    TRAY_RADIUS,
    Placed,
    Scene,
    sample_surroundings,
)
from vista_sim.scenes.table import MOST_OBJECTS, Table, table_of

KEYS = ("seed", "objects_from", "table", "tray", "light", "camera_shift", "drawers", "objects", "instruction")
LONGEST_SENTENCE = 500
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Reader(Reader):
    """Values of one scene file, each checked; an error names the file and the key. ``table``: of the arm."""

    table: Table = field(default_factory=table_of)

    def colour(self, value: object, key: str) -> RGB:
        if isinstance(value, str):
            if value not in COLOURS:
                known = ", ".join(COLOURS)
                raise self.fail(key, f"unknown colour {shown(value)}; known: {known}, or [r, g, b]")
            return COLOURS[value]
        r, g, b = self.numbers(value, key, 3, 0, 1)
        return r, g, b


def load_scene(
    path: str | Path, library: Mapping[str, ObjectSpec] | None = None, table: Table | None = None
) -> Scene:
    """The scene of a YAML file.

    Keys, all optional but ``objects``: ``seed`` of everything left out; ``objects_from`` (a folder of one's
    own objects beside the file); ``table: {pattern, colour, colour2}``; ``tray: {at: [x, y], colour}`` or
    ``false``; ``light: {position, diffuse, ambient}``; ``camera_shift`` [m]; ``drawers`` (0, 1 or 3);
    ``objects``, a list of ``{label, x, y, yaw_deg}`` or ``{label, drawer}``; ``instruction``, whose words
    choose the objects of a task.

    Args:
        library: A user's own objects by label, besides those of ``objects_from``.
        table: Of the arm; None: of the one that is simulated by default.

    Raises:
        ConfigError: the file can't be read, or a key is unknown or holds a wrong value; both are named.
    """
    path = user_path(path, "scene")
    opened, entries = open_yaml(path, "scene")
    read = _Reader(opened.where, opened.lines, table or table_of())
    data = read.mapping(entries, "file", KEYS)
    known = dict(library or {})
    if "objects_from" in data:
        named = user_path(read.file_name(data["objects_from"], "objects_from"), "objects_from")
        try:
            known |= load_objects(path.parent / named)
        except ConfigError as error:
            raise read.fail("objects_from", str(error)) from error
    seed = read.whole(data.get("seed", 0), "seed", 0, 2**31)
    rng = np.random.default_rng(seed)
    scene = _surroundings(read, data, sample_surroundings(rng, seed, PATTERNS))
    drawers = data.get("drawers", 0)
    if type(drawers) is not int or drawers not in cabinet.DRAWER_NAMES:
        counts = ", ".join(map(str, cabinet.DRAWER_NAMES))
        raise read.fail("drawers", f"{shown(drawers)}, expected one of {counts}")
    return _fill(read, replace(scene, drawers=drawers), data, known, rng)


def _surroundings(read: _Reader, data: Mapping[str, object], scene: Scene) -> Scene:
    changes: dict[str, Any] = {}
    table = read.mapping(data.get("table"), "table", ("pattern", "colour", "colour2"))
    light = read.mapping(data.get("light"), "light", ("position", "diffuse", "ambient"))
    if "pattern" in table:
        changes["pattern"] = read.word(table["pattern"], "table.pattern", PATTERNS)
    for key, name in (("colour", "table_rgb"), ("colour2", "table_rgb2")):
        if key in table:
            changes[name] = read.colour(table[key], f"table.{key}")
    if "position" in light:
        changes["light_pos"] = read.numbers(light["position"], "light.position", 3, -5, 5)
    for key, name in (("diffuse", "light_diffuse"), ("ambient", "ambient")):
        if key in light:
            changes[name] = read.number(light[key], f"light.{key}", 0, 1)
    if "camera_shift" in data:
        changes["camera_shift"] = read.numbers(data["camera_shift"], "camera_shift", 3, -0.1, 0.1)
    return replace(scene, **changes)


def _spec(
    read: _Reader, key: str, label: str, known: Mapping[str, ObjectSpec], rng: np.random.Generator
) -> ObjectSpec:
    if label in known:
        return known[label]
    try:
        return sample_object(label, rng)
    except UnknownNameError as error:
        own = f"; own objects: {', '.join(known)}" if known else ""
        raise read.fail(key, f"{error}{own}") from error


def _fill(
    read: _Reader,
    scene: Scene,
    data: Mapping[str, object],
    known: Mapping[str, ObjectSpec],
    rng: np.random.Generator,
) -> Scene:
    """Tray and objects: those with a place there, the others wherever there is room."""
    try:
        x_range = front_of(read.table) if scene.drawers else read.table.x
    except InvalidValueError as error:
        raise read.fail("drawers", str(error)) from error

    def somewhere() -> Point:
        return float(rng.uniform(*x_range)), float(rng.uniform(*read.table.y))

    names = cabinet.DRAWER_NAMES[scene.drawers]
    entries = data.get("objects")
    if not isinstance(entries, list) or not entries:
        raise read.fail("objects", f"{shown(entries)}, expected a list of at least one {{label: ...}}")
    if len(entries) > MOST_OBJECTS:
        raise read.fail("objects", f"{len(entries)} of them, expected at most {MOST_OBJECTS}")
    places: list[Point | None] = []
    radii: list[float] = []
    tray = data.get("tray", {})
    if tray is not False:
        tray = read.mapping(None if tray is True else tray, "tray", ("at", "colour"))
        if "colour" in tray:
            scene = replace(scene, tray_rgb=read.colour(tray["colour"], "tray.colour"))
        places.append(_tray_at(read, tray["at"]) if "at" in tray else None)
        radii.append(TRAY_RADIUS)
    fixed: list[tuple[ObjectSpec, float | None, int | None]] = []
    for i, entry in enumerate(entries):
        key = f"objects[{i}]"
        item = read.mapping(entry, key, ("label", "x", "y", "yaw_deg", "drawer"))
        if "label" not in item:
            raise read.fail(key, "`label` is missing")
        label = read.text(item["label"], f"{key}.label", 2 * LONGEST_NAME + 1)
        spec = _spec(read, f"{key}.label", label, known, rng)
        if any(spec.label == other.label for other, _, _ in fixed):
            raise read.fail(f"{key}.label", f"a second {spec.label!r}; words could not tell them apart")
        yaw = (
            np.deg2rad(read.number(item["yaw_deg"], f"{key}.yaw_deg", -360, 360))
            if "yaw_deg" in item
            else None
        )
        if "drawer" in item:
            drawer = names.index(read.word(item["drawer"], f"{key}.drawer", names))
            if not fits_drawer(spec):
                tall, free = 2000 * spec.half_height, 1000 * cabinet.HIDDEN_HEIGHT
                raise read.fail(
                    f"{key}.drawer", f"{spec.label}: {tall:.0f} mm tall, a drawer holds {free:.0f} mm"
                )
            fixed.append((spec, yaw, drawer))
            continue
        if ("x" in item) != ("y" in item):
            raise read.fail(key, "one of `x` and `y` is missing")
        places.append(_at(read, key, item["x"], item["y"]) if "x" in item else None)
        radii.append(OBJECT_RADIUS)
        fixed.append((spec, yaw, None))
    centres = _places(read, places, radii, rng, somewhere)
    if tray is not False:
        scene = replace(scene, tray=centres.pop(0))
    objects = []
    for spec, yaw, shut_in in fixed:
        turn = FRONT_YAW if scene.drawers else np.pi
        angle = float(rng.uniform(-turn, turn)) if yaw is None else float(yaw)
        if shut_in is not None:
            hidden = put_in_drawer(spec, scene.drawers, shut_in, rng)
            objects.append(hidden if yaw is None else replace(hidden, yaw=angle))
        else:
            x, y = centres.pop(0)
            objects.append(Placed(spec, x, y, angle))
    return _instructed(read, replace(scene, objects=tuple(objects)), data)


def _tray_at(read: _Reader, at: object) -> Point:
    x, y = read.numbers(at, "tray.at", 2, -1, 1)
    return _at(read, "tray.at", x, y)


def _at(read: _Reader, key: str, x: object, y: object) -> Point:
    return read.number(x, f"{key} x", *read.table.limit_x), read.number(y, f"{key} y", *read.table.limit_y)


def _places(
    read: _Reader,
    places: list[Point | None],
    radii: list[float],
    rng: np.random.Generator,
    draw: Callable[[], Point],
) -> list[Point]:
    # The given places first, so that the drawn ones keep away from them; given ones may be closer together.
    order = sorted(range(len(places)), key=lambda i: places[i] is None)
    given = [p for p in places if p is not None]
    for i, a in enumerate(given):
        for b in given[:i]:
            if np.hypot(a[0] - b[0], a[1] - b[1]) < 0.05:
                raise read.fail("objects", f"two things within 50 mm of each other, at {b} and {a}")
    try:
        drawn = arrange(rng, [radii[i] for i in order], [draw] * (len(order) - len(given)), given)
    except InvalidValueError as error:
        raise read.fail("objects", str(error)) from error
    out: list[Point] = [(0.0, 0.0)] * len(places)
    for i, place in zip(order, drawn, strict=True):
        out[i] = place
    return out


def _instructed(read: _Reader, scene: Scene, data: Mapping[str, object]) -> Scene:
    given = data.get("instruction", "")
    text = read.text(given, "instruction", LONGEST_SENTENCE) if given != "" else ""
    if text and not scene.named(text):
        labels = ", ".join(p.spec.label for p in scene.objects)
        raise read.fail("instruction", f"{text!r} names none of the objects: {labels}")
    return replace(scene, instruction=text)
