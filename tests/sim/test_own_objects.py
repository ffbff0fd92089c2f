"""Objects and scenes come from files and work in every task."""

from pathlib import Path

import numpy as np
import pytest

from vista.errors import ConfigError, InvalidValueError
from vista_sim.measure import solve
from vista_sim.objects import load_object, load_objects
from vista_sim.render import Camera
from vista_sim.scene import load_scene
from vista_sim.tasks import TASKS, Choice, make_task
from vista_sim.world import SUBSTEPS, World

EXAMPLES = Path(__file__).parents[2] / "examples"

PYRAMID = """\
v -0.02 -0.02 0
v 0.02 -0.02 0
v 0.02 0.02 0
v -0.02 0.02 0
v -0.012 -0.012 0.03
v 0.012 -0.012 0.03
v 0.012 0.012 0.03
v -0.012 0.012 0.03
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


def written(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture
def library(tmp_path):
    written(tmp_path, "stone.obj", PYRAMID)
    written(tmp_path, "stone.yaml", "colour: grey\nshape: stone\nmesh: stone.obj\nrgb: [0.4, 0.4, 0.42]\n")
    written(tmp_path, "tin.yaml", "colour: red\nshape: tin\nprimitive: cylinder\nsize: [0.02, 0.025]\n")
    return load_objects(tmp_path)


def test_a_mesh_is_centred_and_measured(library):
    stone = library["grey stone"]
    assert stone.half_height == pytest.approx(0.015)
    assert stone.half_width == pytest.approx(0.02)
    assert stone.rgb == (0.4, 0.4, 0.42)


def test_a_mesh_rests_on_its_foot_and_is_seen(library, kinematics, choice):
    own = Choice(("grey stone", "red tin"), choice.patterns, distractors=1, library=library)
    task = make_task("pick_place", 10_000, own, "grey stone")
    world = World(task.scene, kinematics.spec, kinematics)
    index = world.index("grey stone")
    world.step(5 * SUBSTEPS)
    pose = world.object_pose(index)
    assert pose[2, 3] == pytest.approx(0.015, abs=2e-3)
    assert pose[2, 2] > 0.99
    camera = Camera(world.model)
    seen = camera.render(world.data, "front")
    world.set_object(index, (0.0, 0.0, -0.5), 0.0)
    world.step(1)
    gone = camera.render(world.data, "front")
    camera.close()
    assert (np.abs(seen.astype(int) - gone).max(axis=2) > 25).sum() > 40


@pytest.mark.parametrize("name", TASKS)
def test_own_objects_work_in_every_task(library, choice, name):
    own = Choice((*library, *choice.labels), choice.patterns, library=library)
    task = make_task(name, 10_001, own, "grey stone")
    assert "grey stone" in task.instruction
    assert solve(task).success


@pytest.mark.parametrize("path", sorted((EXAMPLES / "scenes").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_example_scenes_can_be_solved(path, choice):
    scene = load_scene(path)
    task = make_task("pick_place", 0, Choice(choice.labels, choice.patterns, fixed=scene))
    if scene.instruction:
        assert task.instruction == scene.instruction
    assert solve(task).success


@pytest.mark.parametrize("name", TASKS)
def test_one_scene_can_serve_every_task(choice, name):
    scene = load_scene(EXAMPLES / "scenes" / "workshop.yaml")
    assert solve(make_task(name, 1, Choice(choice.labels, choice.patterns, fixed=scene))).success


def test_the_example_objects_load():
    assert set(load_objects(EXAMPLES / "objects")) == {
        "green block",
        "orange puck",
        "purple house",
        "white egg",
    }


def test_a_scene_holds_what_the_file_says(tmp_path, library):
    path = written(
        tmp_path,
        "scene.yaml",
        "seed: 4\ntable: {pattern: dots, colour: [0.1, 0.2, 0.3]}\nlight: {ambient: 0.4}\n"
        "tray: {at: [0.5, 0.1], colour: white}\ninstruction: put the grey stone in the tray\n"
        "objects:\n- {label: grey stone, x: 0.5, y: -0.1, yaw_deg: 90}\n- {label: blue ball}\n",
    )
    scene = load_scene(path, library)
    assert (scene.pattern, scene.table_rgb, scene.ambient) == ("dots", (0.1, 0.2, 0.3), 0.4)
    assert (scene.tray, scene.tray_rgb) == ((0.5, 0.1), (0.92, 0.92, 0.92))
    stone = scene.find("grey stone")
    assert (stone.x, stone.y, stone.yaw) == (0.5, -0.1, pytest.approx(np.pi / 2))
    assert scene == load_scene(path, library)
    assert make_task("pick_place", 9, Choice((), (), fixed=scene)).instruction == scene.instruction


BAD_SCENES = {
    "objects: [": "ParserError",
    "seed: 1": "objects: None, expected a list",
    "objects: []": "expected a list of at least one",
    "colour: red": "unknown key 'colour'; known: seed",
    "objects: [{label: red moon}]": r"objects\[0\].label: unknown shape 'moon'; known: cube",
    "objects: [{x: 0.5}]": r"objects\[0\]: `label` is missing",
    "objects: [{label: red cube, x: 0.5}]": r"objects\[0\]: one of `x` and `y` is missing",
    "objects: [{label: red cube, x: 5, y: 0}]": r"objects\[0\] x: 5, expected a number from 0.3 to 0.72",
    "objects: [{label: red cube, x: here, y: 0}]": "'here', expected a number",
    "objects: [{label: red cube}, {label: red cube}]": "a second 'red cube'",
    "objects: [{label: red cube, x: .5, y: 0}, {label: red ball, x: .5, y: 0.01}]": "within 50 mm",
    "objects: [{label: red cube, drawer: left drawer}]": "unknown 'left drawer'; known: none",
    "{drawers: 3, objects: [{label: red can, drawer: left drawer}]}": "mm tall, a drawer holds 64 mm",
    "{drawers: 2, objects: [{label: red cube}]}": "drawers: 2, expected one of 0, 1, 3",
    "{table: {pattern: tartan}, objects: [{label: red cube}]}": "table.pattern: unknown 'tartan'",
    "{table: blue, objects: [{label: red cube}]}": "table: 'blue', expected a mapping",
    "{table: {colour: mauve}, objects: [{label: red cube}]}": "unknown colour 'mauve'",
    "{tray: {at: [1]}, objects: [{label: red cube}]}": "tray.at: .*expected 2 numbers",
    "{light: {ambient: 7}, objects: [{label: red cube}]}": "light.ambient: 7, expected a number from 0 to 1",
    "{instruction: dance, objects: [{label: red cube}]}": "'dance' names none of the objects: red cube",
    "- red cube": "expected a mapping with seed",
}


@pytest.mark.parametrize("text", BAD_SCENES)
def test_a_bad_scene_names_file_and_key(tmp_path, text):
    path = written(tmp_path, "bad.yaml", text)
    with pytest.raises(ConfigError, match=f"(?s)bad.yaml.*{BAD_SCENES[text]}"):
        load_scene(path)


def test_a_missing_scene_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.yaml"):
        load_scene(tmp_path / "nothing.yaml")


BAD_OBJECTS = {
    "shape: [": "ParserError",
    "colour: red": "shape",
    "{shape: thing}": "primitive",
    "{shape: thing, primitive: torus, size: [1]}": "unknown primitive.*'torus'; known: box",
    "{shape: thing, primitive: box, size: [0.02]}": "box takes 3 numbers",
    "{shape: thing, primitive: sphere, size: [-0.02]}": "numbers > 0",
    "{shape: thing, primitive: sphere, size: [0.05]}": "100 mm across the grasp",
    "{shape: thing, mesh: gone.obj}": "gone.obj does not exist",
    "just words": "AttributeError|TypeError|mapping",
}


@pytest.mark.parametrize("text", BAD_OBJECTS)
def test_a_bad_object_names_the_file(tmp_path, text):
    path = written(tmp_path, "bad.yaml", text)
    with pytest.raises(ValueError, match=BAD_OBJECTS[text]) as caught:
        load_object(path)
    assert "bad.yaml" in str(caught.value)


def test_an_empty_or_missing_folder_is_named(tmp_path):
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(ConfigError, match=r"no \*.yaml files there"):
            load_objects(folder)


def test_a_scene_without_what_a_task_needs_says_so(choice, tmp_path):
    path = written(tmp_path, "bare.yaml", "{tray: false, objects: [{label: red cube}, {label: blue ball}]}")
    bare = Choice(choice.labels, choice.patterns, fixed=load_scene(path))
    for name, word in (("pick_place", "tray"), ("drawer", "drawers: 1"), ("search", "drawer")):
        with pytest.raises(InvalidValueError, match=word):
            make_task(name, 0, bare)
