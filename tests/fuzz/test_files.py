"""Files that people write: whatever stands in them, they are read whole or refused in one sentence."""

from __future__ import annotations

import copy
import math
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st

from tests.fuzz.fuzzing import counts, explore
from tests.fuzz.hostile import TEXTS, scalars, texts, trees
from vista.errors import VistaError
from vista.files.resources import resource_path
from vista.files.settings import from_options, read_options
from vista.guard import load_limits
from vista.guard.limits import GuardLimits
from vista.learning.recipes import load_recipe
from vista.learning.splits import load_splits
from vista.robot.contract import load_robot
from vista_sim.model.mjcf import build_model
from vista_sim.objects.object_file import load_object, load_objects
from vista_sim.scenes.scene_file import load_scene

Source = str | bytes | object
EXAMPLES = Path(__file__).parents[2] / "examples"
BROKEN: tuple[str | bytes, ...] = (
    b"", b"\xff\xfe\x00", b"\xef\xbb\xbfshape: tin", b"\x00", "a: [", "a:\t1\n\tb: 2", "- a\n- b",
    "just words", "a: 1\na: 2", "&a [*a, *a]", "a: &a [1]\nb: *a", "<<: {a: 1}", "!!int many", "a: 'b",
    "!!python/object:os.system {}", "!!bool maybe", "!!timestamp x", "d: 2024-99-99", "? [a, b]\n: 1",
    "? {a: b}\n: 1", "[" * 3000, "{a: " * 2000, "a: 0x" + "f" * 5000, "x: " + "9" * 5000, "seed: 1:60",
    "!!binary x", "%YAML 9.9\n---\na: 1", "--- 1\n--- 2", "a" * 300_000, "seed: 1e3", "...", "key: >\n\n",
    "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]\n" for i in range(12)),
)  # fmt: skip


def read_or_refused(read: Any, *arguments: object) -> Any:
    """What ``read`` gives, None where it refuses; the refusal is one short line."""
    try:
        return read(*arguments)
    except VistaError as error:
        said = str(error)
        assert said.strip(), "an error without words"
        assert len(said) < 3000, f"{len(said)} characters"
        return None


def written(path: Path, source: Source) -> Path:
    if isinstance(source, bytes):
        path.write_bytes(source)
    elif isinstance(source, str):
        path.write_bytes(source.encode("utf-8", "surrogatepass"))
    else:
        path.write_bytes(yaml.safe_dump(source, allow_unicode=True).encode("utf-8", "surrogatepass"))
    return path


def entries(shipped: Any, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The path of every entry of a tree."""
    children = shipped.items() if isinstance(shipped, dict) else (
        enumerate(shipped) if isinstance(shipped, list) else ()
    )  # fmt: skip
    return [way for key, value in children for way in [(*path, key), *entries(value, (*path, key))]]


@st.composite
def changed(draw: st.DrawFn, shipped: Any) -> Source:
    """``shipped`` with up to three entries removed, renamed, doubled or replaced, or as torn text."""
    tree = copy.deepcopy(shipped)
    for _ in range(draw(st.integers(0, 3))):
        ways = entries(tree)
        if not ways:
            break
        *way, last = draw(st.sampled_from(ways))
        place = tree
        for step in way:
            place = place[step]
        kind = draw(st.sampled_from(("replace", "replace", "remove", "rename", "wrap")))
        if kind == "replace":
            place[last] = draw(st.one_of(scalars, trees))
        elif kind == "wrap":
            place[last] = draw(st.sampled_from(([place[last]], {"a": place[last]}, str(place[last]))))
        elif isinstance(place, list) or kind == "remove":
            del place[last]
        else:
            place[draw(texts)] = place.pop(last)
    if draw(st.integers(0, 9)):
        return tree
    text = yaml.safe_dump(tree, allow_unicode=True)
    cut = draw(st.integers(0, len(text)))
    return text[:cut] + draw(st.sampled_from(TEXTS)) + text[cut:] if draw(st.booleans()) else text[:cut]


# By number: what is printed of a strategy should not hold them all.
broken = st.integers(0, len(BROKEN) - 1).map(lambda number: BROKEN[number])


def source_of(*shipped: Any) -> st.SearchStrategy[Source]:
    ours = [changed(each) for each in shipped]
    return st.one_of(*ours, *ours, *ours, broken, trees, st.binary(max_size=60))


def shipped(*files: Path) -> list[Any]:
    return [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]


# --- objects and scenes ------------------------------------------------------------------------------

CUBE = """v -0.02 -0.02 -0.02
v 0.02 -0.02 -0.02
v 0.02 0.02 -0.02
v -0.02 0.02 -0.02
v -0.02 -0.02 0.02
v 0.02 -0.02 0.02
v 0.02 0.02 0.02
v -0.02 0.02 0.02
f 1 3 2
f 1 4 3
f 5 6 7
f 5 7 8
f 1 2 6
f 1 6 5
f 2 3 7
f 2 7 6
f 3 4 8
f 3 8 7
f 4 1 5
f 4 5 8
"""


def stl(points: list[tuple[float, ...]]) -> bytes:
    """A binary STL of triangles between neighbours in ``points``."""
    facets = [struct.pack("<12fH", 0, 0, 1, *a, *b, *c, 0)
              for a, b, c in zip(points, points[1:], points[2:], strict=False)]  # fmt: skip
    return b"\0" * 80 + struct.pack("<I", len(facets)) + b"".join(facets)


coordinates = st.floats(-0.0625, 0.0625, width=32)
points = st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=3, max_size=12)
numbers = st.sampled_from(
    ("nan", "1e308", "-0.02", "0", "inf", "x", "", "0.02 0.02", "1e-30", "99999999999999999999")
)


@st.composite
def meshes(draw: st.DrawFn) -> tuple[str, bytes]:
    """The ending and the bytes of a mesh, torn or odd."""
    kind = draw(st.sampled_from(("obj", "torn obj", "odd obj", "stl", "torn stl", "bytes")))
    if kind == "obj":
        return ".obj", CUBE.encode()
    if kind == "torn obj":
        return ".obj", CUBE[: draw(st.integers(0, len(CUBE)))].encode()
    if kind == "odd obj":
        words = CUBE.split(" ")
        words[draw(st.integers(1, len(words) - 1))] = draw(numbers)
        return ".obj", " ".join(words).encode()
    if kind == "bytes":
        return draw(st.sampled_from((".obj", ".stl", ".STL", ".dae", ""))), draw(st.binary(max_size=300))
    raw = stl(draw(points))
    return ".stl", raw if kind == "stl" else raw[: draw(st.integers(0, len(raw)))]


OBJECTS = shipped(*sorted((EXAMPLES / "objects").glob("*.yaml")))
OBJECTS += [{"shape": "stone", "mesh": "house.obj", "hull": "house.obj", "rgb": [0.4, 0.4, 0.4],
             "grasp": {"symmetry_deg": 90, "above": 0.0, "half_width": 0.02}}]  # fmt: skip
SCENES = shipped(*sorted((EXAMPLES / "scenes").glob("*.yaml")))
SCENES += [{"seed": 3, "table": {"pattern": "dots", "colour": "red", "colour2": [0, 0, 1]},
            "light": {"position": [0.5, 0, 1.5], "diffuse": 0.5, "ambient": 0.3},
            "camera_shift": [0, 0, 0.01],
            "tray": {"at": [0.5, 0.1], "colour": "white"}, "drawers": 1, "objects_from": "own",
            "objects": [{"label": "grey stone", "x": 0.6, "y": -0.1, "yaw_deg": 20},
                        {"label": "red cube", "drawer": "drawer"}],
            "instruction": "put the grey stone in the tray"}]  # fmt: skip

files = st.tuples(source_of(*OBJECTS), meshes(), source_of(*SCENES))


@counts(150, 1_500)
def test_objects_and_scenes(count: int) -> None:
    robot = load_robot("panda")

    def check(given: tuple[Source, tuple[str, bytes], Source]) -> None:
        thing, (ending, mesh), scene = given
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "own").mkdir()
            (folder / "house.obj").write_text(CUBE)
            written(folder / f"torn{ending}", mesh)
            read_or_refused(load_object, written(folder / "odd.yaml", thing))
            torn = {"shape": "relic", "mesh": f"torn{ending}"}
            relic = read_or_refused(load_object, written(folder / "torn.yaml", torn))
            (folder / "own" / "house.obj").write_text(CUBE)
            written(folder / "own" / "stone.yaml", {"colour": "grey", "shape": "stone", "mesh": "house.obj"})
            own = load_objects(folder / "own")
            assert list(own) == ["grey stone"]
            if relic is not None:
                own[relic.label] = relic
                scene = {"objects": [{"label": relic.label}]}
            made = read_or_refused(load_scene, written(folder / "scene.yaml", scene), own)
            if made is not None:
                assert all(math.isfinite(v) for p in made.objects for v in (p.x, p.y, p.z, p.yaw))
                model = build_model(made, robot)
                assert np.isfinite(model.body_mass).all()

    explore("object and scene files", files, check, count)


# --- contracts, limits, splits, settings, recipes ----------------------------------------------------

RECIPES = ("detector", "executor", "planner", "world_model")
SETTINGS = {"type": "GuardLimits", "max_speed_m_s": 1.0, "dt_tolerance": 0.02}
CONFIGS = {
    "contract": source_of(*shipped(resource_path("config/robots/panda.yaml"))),
    "limits": source_of(*shipped(resource_path("config/guard/default.yaml"))),
    "splits": source_of(*shipped(resource_path("config/splits.yaml"))),
    "settings": source_of(SETTINGS),
    "recipe": source_of(*shipped(*(resource_path(f"config/models/{name}.yaml") for name in RECIPES))),
}
configs = st.one_of(*(st.tuples(st.just(kind), source) for kind, source in CONFIGS.items()))


def settings(path: Path) -> GuardLimits:
    kind, options = read_options(path)
    return from_options(GuardLimits, options, kind)


@counts(60, 1_500)
def test_contracts_and_settings(count: int, monkeypatch: Any) -> None:
    def check(given: tuple[str, Source]) -> None:
        kind, source = given
        with tempfile.TemporaryDirectory() as name:
            path = written(Path(name) / "given.yaml", source)
            if kind == "contract":
                spec = read_or_refused(load_robot, path)
                assert spec is None or np.isfinite([*spec.joint_lower, *spec.home, spec.control_hz]).all()
            elif kind in ("limits", "settings"):
                limits = read_or_refused(load_limits if kind == "limits" else settings, path)
                assert limits is None or 0 < limits.max_speed_m_s < math.inf
            elif kind == "splits":
                splits = read_or_refused(load_splits, path)
                assert splits is None or all(0 <= a < b for a, b in splits.seeds.values())
            else:
                monkeypatch.setattr("vista.learning.recipes.resource_path", lambda _: Path(name))
                read_or_refused(load_recipe, "given")

    explore("contract and settings files", configs, check, count)
