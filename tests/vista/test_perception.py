"""The detector: what it says lies in the image and where its ray meets the table."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import mocks, tiny
from tests.conformance.implementations import observation
from vista.errors import ConfigError, InvalidValueError, ModelMismatchError
from vista.learning.splits import load_splits
from vista.perception.detector import SceneDetector
from vista.perception.geometry import cell_points, image_points, table_points
from vista.perception.network import SceneDetectorConfig, SceneDetectorNet
from vista.perception.train import SeenObjects, begin_with, loss, make_batch
from vista.robot.kinematics import pose_to_matrix
from vista.types import ObjectKind

GRID = tiny.SIZE // 4


def fit(detector: SceneDetector, obs, label: str) -> float:
    """How well the best thing that is seen fits ``label``."""
    found = detector.find(obs, label)
    return 0.0 if found is None else found.score


def targets(folder: Path, config: SceneDetectorConfig) -> SeenObjects:
    return SeenObjects(folder, config, tiny.panda().cameras[config.camera])


def project(points: np.ndarray) -> np.ndarray:
    """Image fractions (N, 2) of points (N, 3) in the base frame, seen by the arm's own front camera."""
    return image_points(tiny.panda().cameras["front"], points)


def test_points_are_seen_where_the_lens_formula_says():
    camera = tiny.panda().cameras["front"]
    inverse = np.linalg.inv(pose_to_matrix(camera.pose))
    points = np.array([[0.5, 0.1, 0.2], [0.4, -0.2, 0.0]])
    pixels = (points @ inverse[:3, :3].T + inverse[:3, 3]) @ camera.K.T
    wanted = pixels[:, :2] / pixels[:, 2:] / [camera.width, camera.height]
    np.testing.assert_allclose(image_points(camera, points), wanted, atol=1e-9)
    behind = camera.pose.position - np.linalg.inv(inverse)[:3, 2]
    assert np.abs(image_points(camera, (behind + np.array([0.0, 0.1, 0.0]))[None])).max() > 10


def test_a_point_on_the_table_is_found_again_from_its_pixel():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform([0.3, -0.3], [0.7, 0.3], (40, 2)), np.zeros((40, 1))], 1)
    camera = tiny.panda().cameras["front"]
    np.testing.assert_allclose(table_points(camera, project(points)), points, atol=1e-9)


def test_at_another_height_too():
    points = np.array([[0.5, 0.1, 0.04], [0.4, -0.2, 0.04]])
    camera = tiny.panda().cameras["front"]
    np.testing.assert_allclose(table_points(camera, project(points), 0.04), points, atol=1e-9)


def test_cells_go_row_by_row_from_the_top_left():
    camera = tiny.panda().cameras["front"]
    cells = cell_points(camera, 4)
    assert cells.shape == (4, 4, 3)
    np.testing.assert_allclose(cells[1, 2], table_points(camera, np.array([[2.5 / 4, 1.5 / 4]]))[0])
    # The camera looks back at the arm: the top of the image is near the base, its right is the arm's left.
    assert cells[0, 0, 0] < cells[3, 0, 0]
    assert abs(cells[0, 0, 1] - cells[0, 3, 1]) > 0.3


def test_a_ray_that_never_meets_the_table_gives_a_point_far_away_and_no_nan():
    camera = tiny.panda().cameras["front"]
    level = dataclasses.replace(camera, pose=mocks.Pose(np.zeros(3) + 0.5, [0.5, -0.5, 0.5, -0.5]))
    points = table_points(level, np.array([[0.5, 0.0], [0.5, 0.5]]))
    assert np.isfinite(points).all()


# --- what it says ---


def fixed(row: int, column: int, shape: int, colour: int, *, size: float = 0.2) -> SceneDetector:
    """A detector whose network always sees one thing in one cell, and a fainter one beside it."""

    class Stub(SceneDetectorNet):
        def forward(self, image):
            out = super().forward(image)
            for each in (out.centre, out.shape, out.colour, out.box, out.place):
                each.zero_()
            out.centre.fill_(-9.0)
            out.centre[:, row, column] = 4.0
            out.centre[:, row, column + 1] = 3.0
            out.shape[..., shape] = 9.0
            out.colour[..., colour] = 9.0
            out.box[..., 0], out.box[..., 2:] = 0.25, size
            out.place[..., 0] = 0.5
            return out

    return SceneDetector(Stub(tiny.detector_net().config), tiny.panda())


def test_a_peak_becomes_one_named_thing_at_its_place():
    splits = load_splits()
    (seen,) = fixed(2, 3, splits.shapes.index("mug"), splits.colours.index("blue")).detect(
        observation(tiny.panda())
    )
    assert seen.label == "blue mug"
    assert seen.score > 0.9
    assert seen.camera == "front"
    u, v = (3 + 0.75) / GRID, 2.5 / GRID
    np.testing.assert_allclose(seen.box, [u - 0.1, v - 0.1, u + 0.1, v + 0.1], atol=1e-6)
    cell = cell_points(tiny.panda().cameras["front"], GRID)[2, 3]
    np.testing.assert_allclose(seen.position, cell + np.array([0.05, 0, 0]), atol=1e-6)


def test_the_tray_has_no_colour_and_is_a_container():
    detector, obs = fixed(2, 3, len(load_splits().shapes), 0), observation(tiny.panda())
    assert [(d.label, d.kind) for d in detector.detect(obs)] == [("tray", ObjectKind.CONTAINER)]
    assert detector.find(obs, "tray").kind is ObjectKind.CONTAINER
    thing = fixed(2, 3, 0, 0)
    assert [d.kind for d in thing.detect(obs)] == [ObjectKind.THING]


def test_it_says_which_names_it_knows_and_that_it_may_overlook_things():
    detector = tiny.detector()
    splits = load_splits()
    things = {f"{colour} {shape}" for colour in splits.colours for shape in splits.shapes}
    assert detector.labels == things | {"tray"}
    assert detector.exhaustive is False


@pytest.mark.parametrize("size", [-0.5, 0.0, 5.0])
def test_every_box_lies_in_the_image_and_has_a_size(size: float):
    for row, column in ((0, 0), (GRID - 1, GRID - 2)):
        (seen,) = fixed(row, column, 0, 0, size=size).detect(observation(tiny.panda()))
        x0, y0, x1, y1 = seen.box
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1


def test_the_score_of_a_find_tells_what_is_there_from_what_is_not():
    splits, obs = load_splits(), observation(tiny.panda())
    detector = fixed(2, 3, splits.shapes.index("mug"), splits.colours.index("blue"))
    assert fit(detector, obs, "blue mug") > 0.9
    for other in ("red mug", "blue cube"):
        assert fit(detector, obs, other) < 0.05
    assert fit(detector, obs, "mug") > 0.9
    assert fit(detector, obs, "tray") < 0.05
    for unknown in ("blue teapot", "mauve mug", "blue red mug", "blue", ""):
        assert fit(detector, obs, unknown) == 0.0


def test_what_is_above_a_thing_is_seen_higher_in_the_image():
    detector = fixed(5, 4, 0, 0)
    obs = observation(tiny.panda())
    label = f"{detector._config.colours[0]} {detector._config.shapes[0]}"
    at, above = detector.evidence(obs, label), detector.evidence(obs, label, 0.2)
    assert above.max() == at.max()
    row, column = np.unravel_index(int(above.argmax()), above.shape)
    point = detector.find(obs, label).position
    cell = project(np.array([[point[0], point[1], 0.2]]))[0] * GRID
    assert (row, column) == (int(cell[1]), int(cell[0]))
    assert row < 5
    assert not detector.evidence(obs, "unknown thing", 0.2).any()


def test_one_look_at_an_image_answers_every_question_and_the_next_image_is_looked_at():
    from vista_bench.suites.latency import anew

    detector, looks = tiny.detector(), list[int]()
    detector._model.register_forward_hook(lambda *_: looks.append(1))
    obs = observation(tiny.panda())
    label = f"{detector._config.colours[0]} {detector._config.shapes[0]}"
    first, found = detector.evidence(obs, label), detector.detect(obs)
    assert len(looks) == 1
    again = anew(obs)
    assert [d.label for d in detector.detect(again)] == [d.label for d in found]
    np.testing.assert_array_equal(detector.evidence(again, label), first)
    assert len(looks) == 2
    detector.detect(observation(tiny.panda(), seed=5))
    assert len(looks) == 3


def test_the_best_comes_first_and_the_threshold_cuts():
    obs = observation(tiny.panda())
    scores = [d.score for d in tiny.detector(0.05).detect(obs)]
    assert len(scores) > 1
    assert scores == sorted(scores, reverse=True)
    assert tiny.detector(1.0).detect(obs) == []


def test_a_missing_camera_is_named():
    obs = observation(tiny.panda())
    blind = dataclasses.replace(obs, images={"wrist": obs.images["wrist"]})
    with pytest.raises(ModelMismatchError, match=r"camera 'front'; the observation has wrist"):
        tiny.detector().detect(blind)


def test_a_robot_without_its_camera_is_refused():
    spec = dataclasses.replace(tiny.panda(), cameras={})
    with pytest.raises(ModelMismatchError, match=r"'front'; robot panda has none"):
        SceneDetector(tiny.detector_net(), spec)


# --- weights ---


def test_what_was_saved_in_half_precision_sees_alike(tmp_path: Path):
    net = tiny.detector_net()
    torch.nn.init.constant_(net.out.bias[:1], 3.0)
    net.to(torch.bfloat16).save_pretrained(tmp_path)
    obs = observation(tiny.panda())
    wanted = {d.label: d for d in SceneDetector(net, tiny.panda(), 0.05).detect(obs)}
    loaded = SceneDetector.from_pretrained(tmp_path, tiny.panda())
    assert len(wanted) > 1
    for label, seen in wanted.items():
        assert fit(loaded, obs, label) >= seen.score - 1e-4


def test_a_folder_without_a_model_or_with_another_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="no model in"):
        SceneDetector.from_pretrained(tmp_path, tiny.panda())
    tiny.executor().save_pretrained(tmp_path)
    with pytest.raises(ModelMismatchError, match="does not hold a SceneDetectorNet"):
        SceneDetector.from_pretrained(tmp_path, tiny.panda())


def test_weights_of_other_words_are_refused(tmp_path: Path):
    tiny.detector_net().save_pretrained(tmp_path)
    SceneDetectorConfig(image_size=tiny.SIZE, shapes=("cube",), colours=("red",), channels=8).save_pretrained(
        tmp_path
    )
    with pytest.raises(ModelMismatchError, match="does not hold"):
        SceneDetector.from_pretrained(tmp_path, tiny.panda())


# --- training ---


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return tiny.pairs(tmp_path / "pairs")


def test_targets_lie_where_the_boxes_are(pairs: Path):
    data = targets(pairs, tiny.detector_net().config)
    assert len(data) == 4
    row, column = int(0.4 * GRID), int(0.4 * GRID)
    assert data.centre[0, row, column] == 1.0
    assert (data.centre[0] == 1.0).sum() == 2
    thing = data.things[0, 0]
    assert thing[:4].tolist() == [row, column, 8, 2]
    assert thing[4:8] == pytest.approx(
        [0.4 * GRID - column - 0.5, 0.4 * GRID - row - 0.5, 0.2, 0.2], abs=1e-5
    )
    table = cell_points(tiny.panda().cameras["front"], GRID)
    np.testing.assert_allclose(table[row, column] + thing[8:11] * 0.1, [0.45, 0.05, 0.02], atol=1e-6)
    assert data.things[0, :, 11].tolist() == [1, 1, 0, 0, 0, 0]


def test_recoloured_images_ask_for_no_colour_and_leave_the_data_alone(pairs: Path):
    seen = targets(pairs, tiny.detector_net().config)
    before = seen.image.copy(), seen.things.copy()
    batch = make_batch(seen, np.random.default_rng(0), size=96)
    asked = (batch["things"][..., 3] >= 0).any(1)
    assert 0.5 < asked.float().mean() < 0.85
    np.testing.assert_array_equal(seen.image, before[0])
    np.testing.assert_array_equal(seen.things, before[1])


def test_a_few_steps_lower_the_loss(pairs: Path):
    net = tiny.detector_net()
    data = targets(pairs, net.config)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
    batch = make_batch(data, np.random.default_rng(0), 4)
    values = []
    for _ in range(25):
        value, parts = loss(net, batch)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.5 * values[0]
    assert set(parts) == {"centre", "shape", "colour", "box", "place"}


@pytest.mark.parametrize(
    ("key", "how", "said"),
    [
        ("seen", "missing", r"lacks seen\.npy"),
        ("image", "size", r"image\.npy: frames"),
        ("box", "nan", r"box\.npy: not finite at row 1"),
        ("seen", "index", r"seen\.npy: row 1 points at 99"),
        ("label", "short", r"label\.npy: 1 rows"),
    ],
)
def test_broken_data_are_named(pairs: Path, key: str, how: str, said: str):
    tiny.spoil(pairs / "shard00001", key, how)
    with pytest.raises((ConfigError, InvalidValueError), match=rf"shard00001.*{said}"):
        targets(pairs, tiny.detector_net().config)


# --- more words than before ---

KNOWN = SceneDetectorConfig(shapes=("cube", "tray"), colours=("red", "blue"), channels=16)
WIDER = SceneDetectorConfig(shapes=("cube", "ball", "tray", "drawer"), colours=("red", "blue"), channels=16)


@pytest.fixture
def known(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    SceneDetectorNet(KNOWN).save_pretrained(tmp_path / "known")
    return tmp_path / "known"


def test_a_detector_with_more_words_begins_with_what_one_with_fewer_knows(known: Path):
    before = SceneDetectorNet.from_pretrained(known).eval()
    after = begin_with(known, WIDER).eval()
    image = torch.rand(2, 3, 96, 96) * 2 - 1
    with torch.inference_mode():
        was, now = before(image), after(image)
    for name in ("centre", "colour", "box", "place"):
        torch.testing.assert_close(getattr(now, name), getattr(was, name))
    torch.testing.assert_close(now.shape[..., [0, 2]], was.shape)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (SceneDetectorConfig(shapes=("cube", "tray"), colours=("red",), channels=16), "colours"),
        (SceneDetectorConfig(shapes=("cube",), colours=("red", "blue"), channels=16), "knows a tray"),
    ],
)
def test_a_detector_of_other_words_is_refused(known: Path, config: SceneDetectorConfig, message: str):
    with pytest.raises(ModelMismatchError, match=message):
        begin_with(known, config)


# --- what lies in a drawer ---


@pytest.mark.parametrize(("handle", "found"), [(True, True), (False, False)])
def test_what_lies_beside_a_handle_is_found_by_its_name(handle: bool, found: bool):
    """Its own peak is the weaker one of two neighbours: it is seen no more, but found."""
    config = SceneDetectorConfig(shapes=("cube", "tray", "drawer"), colours=("red",), channels=8)

    class Stub(SceneDetectorNet):
        def forward(self, image):
            out = super().forward(image)
            for each in (out.centre, out.shape, out.colour, out.box, out.place):
                each.zero_()
            out.centre.fill_(-9.0)
            out.centre[:, 5, 5], out.centre[:, 5, 6] = 4.0, 1.0
            out.shape[:, 5, 5, 2 if handle else 1] = 9.0
            out.shape[:, 5, 6, 0] = 9.0
            return out

    detector, obs = SceneDetector(Stub(config), tiny.panda()), observation(tiny.panda())
    seen = [(d.label, d.kind) for d in detector.detect(obs)]
    assert seen == [("drawer", ObjectKind.HANDLE) if handle else ("tray", ObjectKind.CONTAINER)]
    assert (fit(detector, obs, "red cube") > 0.5) == found


def test_a_configuration_names_its_containers_and_handles():
    """In one of other words: a bin is a container, a knob a handle, and a tray a thing with a colour."""
    config = SceneDetectorConfig(
        image_size=tiny.SIZE, shapes=("tray", "bin", "knob"), colours=("red",), channels=8,
        containers=("bin",), handles=("knob",),
    )  # fmt: skip
    detector = SceneDetector(SceneDetectorNet(config), tiny.panda(), 0.0)
    assert detector.labels == {"red tray", "bin", "knob"}
    kinds = {d.label: d.kind for d in detector.detect(observation(tiny.panda()))}
    wanted = {"red tray": ObjectKind.THING, "bin": ObjectKind.CONTAINER, "knob": ObjectKind.HANDLE}
    assert kinds
    assert kinds.items() <= wanted.items()
    found = detector.find(observation(tiny.panda()), "knob")
    assert found is None or found.kind is ObjectKind.HANDLE


def test_the_words_of_a_configuration_come_back_from_its_file(tmp_path: Path):
    config = SceneDetectorConfig(shapes=("cube", "bin"), colours=("red",), channels=8, containers=("bin",))
    SceneDetectorNet(config).save_pretrained(tmp_path)
    kept = SceneDetectorNet.from_pretrained(tmp_path).config
    assert (kept.containers, kept.handles) == (["bin"], ["drawer"])
