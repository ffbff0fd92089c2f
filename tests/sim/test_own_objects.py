"""Objects and scenes come from files and work in every task."""

import io
from pathlib import Path

import numpy as np
import pytest
import trimesh
import yaml

from vista.errors import ConfigError, InvalidValueError
from vista_sim.measure import solve
from vista_sim.objects.object_file import load_object, load_objects
from vista_sim.render import Camera
from vista_sim.scenes.scene_file import load_scene
from vista_sim.scenes.task_scenes import scene_task
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
    "": "objects: None, expected a list",
    "objects: [{label: red cube}]\nobjects: []": "line 2: the key 'objects' stands twice",
    "{objects: [{label: no}]}": r"objects\[0\].label: False, expected text; write it in quotes",
    "{objects: [{label: 7}]}": r"objects\[0\].label: 7, expected text; write it in quotes",
    "{objects: [{label: [red, cube]}]}": r"objects\[0\].label: \['red', 'cube'\], expected text",
    '{objects: [{label: "red cube\\e[31m"}]}': r"holds \\x1b, which cannot be shown",
    '{objects: [{label: "red cube\\ud800"}]}': r"holds \\ud800, which cannot be shown",
    "{objects: [{label: red cube, x: 1e308, y: 0}]}": "x: 1e\\+308, expected a number from 0.3 to 0.72",
    "{objects: [{label: red cube, x: .nan, y: 0}]}": "x: nan, expected a number",
    "{objects: [{label: red cube, x: .inf, y: 0}]}": "x: inf, expected a number",
    "{objects: [{label: red cube, x: true, y: 0}]}": "x: True, expected a number",
    "{objects: [{label: red cube, yaw_deg: 1e9}]}": "yaw_deg: 1000000000.0, expected a number from -360",
    "{drawers: [1], objects: [{label: red cube}]}": r"drawers: \[1\], expected one of 0, 1, 3",
    "{drawers: 3.0, objects: [{label: red cube}]}": "drawers: 3.0, expected one of",
    "{drawers: true, objects: [{label: red cube}]}": "drawers: True, expected one of",
    "{seed: 1.5, objects: [{label: red cube}]}": "seed: 1.5, expected a whole number from 0",
    "{seed: -1, objects: [{label: red cube}]}": "seed: -1, expected a whole number",
    "{seed: true, objects: [{label: red cube}]}": "seed: True, expected a whole number",
    "{objects_from: [a], objects: [{label: red cube}]}": "objects_from: .*expected the name of a file",
    "{objects_from: " + "箱" * 100 + ", objects: [{label: red cube}]}": ".*file name too long",
    "{tray: {at: 3}, objects: [{label: red cube}]}": "tray.at: 3, expected 2 numbers",
    "{table: {colour: no}, objects: [{label: red cube}]}": "table.colour: False, expected 3 numbers",
    "{camera_shift: [0, 0, 1e308], objects: [{label: red cube}]}": "camera_shift: 1e\\+308, expected",
    "{instruction: yes, objects: [{label: red cube}]}": "instruction: True, expected text",
    "{objects: [" + "{label: red cube}, " * 500 + "]}": "objects: 500 of them, expected at most 32",
    "&a {objects: [*a]}": "an alias that holds itself",
    "objects: " + "[" * 3000: "nested too deeply",
    "objects: !!python/object:os.system {}": "ConstructorError in line 1",
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
    "": "`shape` is missing",
    "{shape: thing, primitive: [box], size: [0.02]}": r"unknown primitive \['box'\]",
    "{shape: thing, primitive: box, size: [1e308, 0.02, 0.02]}": "size: 1e\\+308, expected a number from",
    "{shape: thing, primitive: box, size: [.nan, 0.02, 0.02]}": "numbers > 0",
    "{shape: thing, primitive: box, size: [true, 0.02, 0.02]}": "size: True, expected a number",
    "{shape: thing, primitive: box, size: ['1', 0.02, 0.02]}": "size: '1', expected a number",
    "{shape: thing, primitive: sphere, size: [1.0e-9]}": "size: 1e-09, expected a number from 0.002",
    "{shape: thing, primitive: sphere, size: [20]}": "size: 20, expected a number from .* m; .*not in mm",
    "{shape: thing, primitive: sphere, size: [.inf]}": "size: inf, expected a number from",
    "{shape: thing, primitive: sphere, size: [0.02], density: 0}": "density: 0, expected a number from 10",
    "{shape: thing, primitive: sphere, size: [0.02], rgb: [255, 128, 0]}": "rgb: 255, expected .* 0 to 1",
    "shape: thing\nprimitive: sphere\nsize: [0.02]\nsize: [0.01]": "line 4: the key 'size' stands twice",
    "{Shape: thing, primitive: sphere, size: [0.02]}": "unknown key 'Shape'; known: colour, shape",
    "{shape: thing, mesh: thing.dae}": "expected a name that ends with .obj, .stl, .ply, .glb",
    "{shape: thing, primitive: sphere, size: 0.02}": "size: 0.02, sphere takes 1 numbers",
    "{shape: thing, primitive: sphere, size: [0.02], density: 1e308}": "density: 1e\\+308, expected",
    "{shape: thing, primitive: sphere, size: [0.02], density: -1}": "density: -1, expected",
    "{shape: thing, primitive: sphere, size: [0.02], rgb: [1, 1]}": "rgb: .*expected 3 numbers",
    "{shape: thing, primitive: sphere, size: [0.02], rgb: [2, 0, 0]}": "rgb: 2, expected a number",
    "{shape: thing, primitive: sphere, size: [0.02], grasp: high}": "grasp: 'high', expected a mapping",
    "{shape: thing, primitive: sphere, size: [0.02], grasp: {above: .inf}}": "grasp.above: inf, expected",
    "{shape: thing, primitive: sphere, size: [0.02], grasp: {half_width: 0}}": "grasp.half_width: 0",
    "{shape: thing, primitive: sphere, size: [0.02], symmetry: 3}": "unknown key 'symmetry'; known: colour",
    "{shape: thing, colour: no, primitive: sphere, size: [0.02]}": "colour: False, expected text",
    "{shape: 3, primitive: sphere, size: [0.02]}": "shape: 3, expected text; write it in quotes",
    "{shape: tray, primitive: sphere, size: [0.02]}": "'tray' means a place",
    "{shape: thing, mesh: [a]}": "mesh: .*expected the name of a file",
    "{shape: thing, mesh: " + "箱" * 100 + ".obj}": "file name too long",
    "{shape: thing, mesh: gone.obj, size: [1]}": "size: stands beside `mesh`",
    "{shape: thing, mesh: bad.yaml}": "expected a name that ends with .obj, .stl, .ply, .glb",
}
TRIANGLE = "v 0 0 0\nv 0.02 0.01 0.03\nv 0.01 0.02 0.01\nf 1 2 3\n"
MESHES = {
    "a.obj": (b"v 0 0", "line 1: 'v 0 0', expected v x y z"),
    "b.obj": (b"v 0 0 x", "line 1: 'v 0 0 x', expected v x y z"),
    "c.obj": (b"v 0 0 nan\nv 1 1 1", "a vertex that is not finite"),
    "d.obj": (PYRAMID.replace("0.03", "1e308").encode(), "mm, expected 1 to 500 mm to each side"),
    "e.obj": (PYRAMID.replace("0.0", "20.").encode(), "mm, expected 1 to 500 mm to each side"),
    "f.obj": (b"", "holds no vertices"),
    "g.obj": (TRIANGLE.encode(), "mesh file .*g.obj: "),
    "h.stl": (b"solid thing\nfacet normal 0 0 1\n" * 9, "cannot be read as STL: |holds no vertices"),
    "i.stl": (b"\0" * 80 + b"\xff\xff\xff\x7f" + b"\0" * 50, "134 bytes, expected an STL, whole"),
    "j.stl": (b"\0" * 10, "10 bytes, expected an STL, whole"),
    "l.obj": (b"v 0 0 0\nv 0.02 0 0.02\nv 0 0.02 0.02\nv 0.02 0.02 0.04\nf 1 2 3\nf 2 3 4\n", "flat"),
    "m.ply": (b"no ply at all", "cannot be read as PLY: "),
    "n.glb": (b"glTF\x02\0\0\0", "cannot be read as GLB: "),
    "o.ply": (b"", "cannot be read as PLY: "),
    **{
        f"p.{kind}": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS")
        for kind in ("obj", "stl", "ply", "glb")
    },
    "q.obj": (PYRAMID.replace("0.0", "20.").encode(), "is it in mm?"),
    "r.obj": (PYRAMID.encode() + b"f 1 2 3\n" * 200_000, "200,012 faces, expected at most 200,000"),
    "k.stl": (b"\0" * 80 + b"\x01\0\0\0" + b"\0" * 50, "0 x 0 x 0 mm"),
}


@pytest.mark.parametrize("kind", ["ply", "glb", "stl", "stl_ascii"])
def test_every_kind_of_mesh_gives_the_same_thing(tmp_path, kinematics, choice, kind):
    """A GLB has y up, by its standard."""
    mesh = trimesh.load_mesh(io.BytesIO(PYRAMID.encode()), file_type="obj", process=False)
    if kind == "glb":
        mesh.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, [1, 0, 0]))
    made = []
    for name, ending in (("a", "obj"), ("b", kind)):
        mesh_file = tmp_path / f"{name}.{ending[:3]}"
        raw = PYRAMID if ending == "obj" else mesh.export(file_type=ending)
        mesh_file.write_bytes(raw.encode() if isinstance(raw, str) else raw)
        own = load_object(
            written(tmp_path, f"{name}.yaml", f"{{shape: stone{name}, mesh: {mesh_file.name}}}")
        )
        only = Choice((own.label,), choice.patterns, 0, {own.label: own})
        task = make_task("pick_place", 0, only, own.label)
        body = World(task.scene, kinematics.spec, kinematics).model.body("object0")
        made.append([own.half_height, own.half_width, float(body.mass[0]), *sorted(body.inertia)])
    assert made[0] == pytest.approx(made[1], rel=1e-4)


@pytest.mark.parametrize("name", MESHES)
def test_a_mesh_that_is_torn_or_hostile_is_named_when_it_is_read(tmp_path, name):
    raw, said = MESHES[name]
    (tmp_path / name).write_bytes(raw)
    path = written(tmp_path, "thing.yaml", f"{{shape: thing, mesh: {name}}}")
    with pytest.raises(ConfigError, match=f"thing.yaml: line 1: mesh: .*{said}") as caught:
        load_object(path)
    assert "\n" not in str(caught.value)


def test_meshes_of_one_length_are_told_apart(tmp_path, kinematics, choice):
    """MuJoCo keeps meshes by name and length: the second must not be the first again."""
    masses = []
    for number, text in enumerate((PYRAMID, PYRAMID.replace("0.03", "0.06"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        written(folder, "stone.obj", text)
        written(folder, "stone.yaml", "{colour: grey, shape: stone, mesh: stone.obj}")
        library = load_objects(folder)
        task = make_task("pick_place", 0, Choice(("grey stone",), choice.patterns, 0, library), "grey stone")
        world = World(task.scene, kinematics.spec, kinematics)
        masses.append(float(world.model.body("object0").mass[0]))
    assert masses[1] == pytest.approx(2 * masses[0], rel=1e-3)


def test_two_things_of_one_name_are_refused(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        written(tmp_path, name, "{colour: red, shape: tin, primitive: sphere, size: [0.02]}")
    with pytest.raises(ConfigError, match=r"b\.yaml: a second 'red tin', besides that of a\.yaml"):
        load_objects(tmp_path)


@pytest.mark.parametrize(
    "name", ["mug [/red]", r"$\frac$", "<mug>&amp;", "{0} %s", "箱" * 40, "синяя", "'; DROP"]
)
def test_a_name_is_data_in_scene_task_and_model(tmp_path, name, kinematics, choice):
    folder = tmp_path / "my [things] <&> 箱"
    folder.mkdir()
    written(folder, "stone & co.obj", PYRAMID)
    text = yaml.safe_dump({"colour": "blue", "shape": name, "mesh": "stone & co.obj"}, allow_unicode=True)
    written(folder, "thing.yaml", text)
    library = load_objects(folder)
    scene = load_scene(written(tmp_path, "scene.yaml", yaml.safe_dump(
        {"objects": [{"label": f"blue {name}"}], "objects_from": folder.name,
         "instruction": f"put the blue {name} in the tray"}, allow_unicode=True)))  # fmt: skip
    task = make_task("pick_place", 0, Choice((), (), fixed=scene), f"blue {name}")
    assert list(library) == [f"blue {name}"]
    assert f"blue {name}" in task.instruction
    world = World(task.scene, kinematics.spec, kinematics)
    world.step(SUBSTEPS)
    assert world.index(f"blue {name}") == 0


def test_letters_that_look_the_same_are_the_same(tmp_path):
    written(tmp_path, "a.yaml", "{shape: e\u0301tage\u0300re, primitive: sphere, size: [0.02]}")
    assert list(load_objects(tmp_path)) == ["\u00e9tag\u00e8re"]


@pytest.mark.parametrize("name", ["箱" * 100 + ".yaml", "a\0b.yaml", "\ud800.yaml", "..", ""])
def test_a_name_that_no_file_can_have_is_told_in_a_sentence(tmp_path, name):
    for read in (load_scene, load_object, load_objects, lambda p: scene_task("pick_place", 1, scene=p),
                 lambda p: scene_task("pick_place", 1, objects=p)):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            read(tmp_path / "none" / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="too long"):
        load_scene("箱" * 100 + ".yaml")


def test_a_mesh_that_is_gone_when_the_scene_is_built_is_named(library, kinematics, choice, tmp_path):
    task = make_task("pick_place", 0, Choice(("grey stone",), choice.patterns, 0, library), "grey stone")
    (tmp_path / "stone.obj").unlink()
    with pytest.raises(ConfigError, match=r"stone\.obj does not exist"):
        World(task.scene, kinematics.spec, kinematics)
    (tmp_path / "stone.obj").write_text(TRIANGLE)
    with pytest.raises(ConfigError, match="cannot be built: "):
        World(task.scene, kinematics.spec, kinematics)


def test_a_home_and_blanks_in_a_path_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "my things"
    folder.mkdir()
    written(folder, "red tin.yaml", "{colour: red, shape: tin, primitive: sphere, size: [0.02]}")
    written(tmp_path, "my scene.yaml", "{objects: [{label: red tin}], objects_from: '~/my things'}")
    assert list(load_objects("~/my things")) == ["red tin"]
    assert load_scene("~/my scene.yaml").objects[0].spec.label == "red tin"
    monkeypatch.chdir(tmp_path)
    assert load_scene("my scene.yaml").objects[0].spec.label == "red tin"


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
