"""The world model imagines by seed, starts from what is seen, and says how sure it is."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny
from tests.conformance.implementations import observation
from vista.errors import ConfigError, ImaginationError, InvalidValueError, ModelMismatchError
from vista.learning.images import resize
from vista.learning.tensors import to_tensor
from vista.learning.training import TrainConfig
from vista.perception import DetectorBase
from vista.perception.grounding import Grounder
from vista.types import Detection, Subtask
from vista.world_model import GoalVerifier, ImageWorldModel
from vista.world_model.imagine import only_at, places
from vista.world_model.pipeline import GoalImagePipeline, make_scheduler
from vista.world_model.priors import grasp_prior
from vista.world_model.train import (
    Pairs,
    WorldModelTraining,
    begin_with,
    cells,
    hint,
    make_batch,
    train_world_model,
)
from vista.world_model.unet import GoalUNet, GoalUNetOutput
from vista.world_model.verify import confidence

GRASP = Subtask.said("grasp the blue mug")


@pytest.fixture(scope="module")
def obs():
    return observation(tiny.panda())


def current(obs) -> np.ndarray:
    return resize(obs.images["front"], tiny.SIZE)


class Knows(GoalUNet):
    """A network that knows the goal image and says at every step how it differs from the current one."""

    goal: torch.Tensor

    def forward(self, noisy, current, sigma, tokens, mask):
        out = super().forward(noisy, current, sigma, tokens, mask)
        return GoalUNetOutput(self.goal - current, out.heat)


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("changes", [True, False])
def test_the_flow_ends_at_what_the_network_says_and_the_noise_is_gone(obs, steps, changes):
    wanted = current(observation(tiny.panda(), seed=8)) if changes else current(obs)
    net = Knows(image_size=tiny.SIZE, channels=8, deep_channels=16, depth=1).eval()
    net.goal = to_tensor(wanted[None])
    model = ImageWorldModel(GoalImagePipeline(net, make_scheduler()), steps=steps, text=tiny.text_encoder())
    goal = model.imagine(obs, GRASP, 3)
    assert np.abs(goal.images["front"].astype(int) - wanted).max() <= 1


def test_the_same_seed_gives_the_same_image_and_another_seed_another(obs):
    model = tiny.world_model()
    first, other, again = (model.imagine(obs, GRASP, seed) for seed in (4, 5, 4))
    assert np.array_equal(first.images["front"], again.images["front"])
    assert first.score == again.score
    assert not np.array_equal(first.images["front"], other.images["front"])
    assert (first.seed, other.seed) == (4, 5)


def test_image_and_sentence_both_matter(obs):
    model = tiny.world_model()
    plain = model.imagine(obs, GRASP, 0).images["front"]
    assert not np.array_equal(plain, current(obs))
    assert not np.array_equal(
        plain, model.imagine(obs, Subtask("place the red cube in the tray"), 0).images["front"]
    )
    assert not np.array_equal(
        plain, model.imagine(observation(tiny.panda(), seed=9), GRASP, 0).images["front"]
    )


def test_more_steps_give_another_image_of_the_same_form(obs):
    one, four = (tiny.world_model(steps=n).imagine(obs, GRASP, 0) for n in (1, 4))
    assert four.images["front"].shape == (tiny.SIZE, tiny.SIZE, 3)
    assert four.images["front"].dtype == np.uint8
    assert not np.array_equal(one.images["front"], four.images["front"])
    # The place is told by the first step.
    assert four.score == one.score


def test_candidates_are_of_places_that_are_apart_and_likely():
    heat = np.zeros((12, 12), np.float32)
    heat[3, 4], heat[3, 5], heat[9, 9], heat[0, 11], heat[11, 0] = 0.5, 0.2, 0.2, 0.08, 0.02
    assert places(heat, 1) == [(3, 4)]
    assert places(heat, 4) == [(3, 4), (9, 9), (0, 11)]
    assert places(np.zeros((4, 4), np.float32), 3) == [(0, 0)]
    prior = only_at((0, 11), 12)
    assert (prior == 0).nonzero().tolist() == [[0, 10], [0, 11], [1, 10], [1, 11]]


class Undecided(GoalUNet):
    """A network that takes the gripper to one of two places and paints what it is told to be there."""

    def forward(self, noisy, current, sigma, tokens, mask, prior=None, object_prior=None):
        heat = torch.full((len(current), 8, 8), -20.0)
        heat[:, 1, 1], heat[:, 6, 6] = 0.5, 0.0
        heat = heat if prior is None else heat + prior
        bright = torch.nn.functional.interpolate(
            heat.flatten(1).softmax(-1).view(-1, 1, 8, 8), scale_factor=4.0
        )
        return GoalUNetOutput((bright * 2 - 1).expand(-1, 3, -1, -1) - current, heat)


class Prefers:
    """A verifier to which an image is as good as it is bright at ``at``; ``seen``: how many it was shown."""

    def __init__(self, at: tuple[int, int]) -> None:
        self.at, self.seen = at, list[int]()

    def scores(self, obs, subtask, images, heat):
        self.seen.append(len(images))
        return [float(image[self.at].mean()) / 255 for image in images]


@pytest.mark.parametrize("at", [(5, 5), (26, 26)])
def test_each_candidate_shows_one_place_and_the_verifier_chooses(obs, at):
    net = Undecided(image_size=tiny.SIZE, channels=8, deep_channels=16, depth=1).eval()
    pipeline, verifier = GoalImagePipeline(net, make_scheduler()), Prefers(at)
    model = ImageWorldModel(pipeline, candidates=3, text=tiny.text_encoder(), verifier=verifier)
    goal = model.imagine(obs, GRASP, 2)
    assert verifier.seen == [2]
    other = (26, 26) if at == (5, 5) else (5, 5)
    assert goal.images["front"][at].min() > 240
    assert goal.images["front"][other].max() < 20
    assert goal.seed == 6 + (at == (26, 26))
    assert goal.score == pytest.approx(1.0, abs=0.05)


def test_without_a_verifier_the_likeliest_place_is_kept_and_its_score_is_its_mass(obs):
    net = Undecided(image_size=tiny.SIZE, channels=8, deep_channels=16, depth=1).eval()
    goal = ImageWorldModel(
        GoalImagePipeline(net, make_scheduler()), candidates=3, text=tiny.text_encoder()
    ).imagine(obs, GRASP)
    assert goal.images["front"][5, 5].min() > 240
    assert goal.score == pytest.approx(1 / (1 + np.exp(-0.5)), abs=0.01)


def test_the_subgoal_says_what_it_is_of(obs):
    goal = tiny.world_model().imagine(obs, GRASP, 0)
    assert goal.subtask is GRASP
    assert goal.source_stamp_ns == obs.stamp_ns
    assert set(goal.images) == {"front"}
    assert 0 <= goal.score <= 1


class Sees(DetectorBase):
    """A detector that saw the thing in one cell of a 24 x 24 grid; ``asked``: what for."""

    def __init__(self, row: int, column: int) -> None:
        self.map = np.zeros((24, 24), np.float32)
        self.map[row, column] = 0.9
        self.asked: list[str] = []

    def detect(self, obs):
        return []

    def evidence(self, obs, label, above_m=None):
        self.asked.append(label if above_m is None else f"{label} + {above_m}")
        return self.map


def test_a_second_opinion_draws_the_gripper_to_where_the_thing_was_seen(obs):
    prior = grasp_prior(Sees(12, 6).map, 24)
    likely = np.argwhere(prior > 2 * np.log(0.5))
    assert likely.min(0).tolist() == [10, 5]  # a cell higher up, and one around
    assert likely.max(0).tolist() == [13, 7]
    assert prior.min() == pytest.approx(2 * np.log(0.02), abs=1e-4)
    # The tiny network's grid has 8 x 8 cells: what was seen in row 12 of 24 is in row 4 there.
    pipeline = tiny.pipeline()
    tokens, mask = tiny.text_encoder().encode([GRASP.text])
    image = to_tensor(current(obs)[None])
    free = pipeline(image, tokens, mask).heat[0].numpy()
    for row, column in ((12, 6), (18, 21)):
        drawn = torch.from_numpy(grasp_prior(Sees(row, column).map, 8))
        heat = pipeline(image, tokens, mask, prior=drawn).heat[0].numpy()
        at = np.unravel_index(heat.argmax(), heat.shape)
        assert abs(at[0] - row // 3) <= 2
        assert abs(at[1] - column // 3) <= 1
        wanted = free * np.exp(drawn.numpy())
        np.testing.assert_allclose(heat, wanted / wanted.sum(), atol=1e-5)


class Told:
    """A world model that is told where ``detector`` sees the thing and the place of a skill, as by the
    loop."""

    def __init__(self, detector: DetectorBase) -> None:
        self._model = ImageWorldModel(tiny.pipeline(), text=tiny.text_encoder())
        self._grounder = Grounder(detector)

    def imagine(self, obs, subtask):
        grounding = None if subtask.skill is None else self._grounder.ground(obs, subtask.skill)
        return self._model.imagine(obs, subtask, 0, grounding)


def test_the_detector_is_asked_for_what_the_hand_goes_to_and_changes_the_image(obs):
    detector = Sees(12, 6)
    plain = tiny.world_model()
    told = Told(detector)
    place = Subtask.said("place the blue mug in the tray")
    assert np.array_equal(told.imagine(obs, place).images["front"], plain.imagine(obs, place).images["front"])
    assert detector.asked == []
    assert (told.imagine(obs, GRASP).images["front"] != plain.imagine(obs, GRASP).images["front"]).any()
    assert detector.asked == ["blue mug"]
    on = Subtask.said("place the blue mug on the red cube")
    assert (told.imagine(obs, on).images["front"] != plain.imagine(obs, on).images["front"]).any()
    assert detector.asked == ["blue mug", "red cube + 0.07", "red cube + 0.2"]


class Blind(DetectorBase):
    """A detector without maps of an image."""

    def detect(self, obs):
        return []


@pytest.mark.parametrize("subtask", [GRASP, Subtask.said("place the blue mug on the red cube")])
def test_a_detector_without_maps_changes_no_image(obs, subtask):
    told = Told(Blind())
    plain = tiny.world_model().imagine(obs, subtask)
    np.testing.assert_array_equal(told.imagine(obs, subtask).images["front"], plain.images["front"])
    heat = np.stack([peak(2, 2, 0.5), peak(5, 5)])
    assert GoalVerifier(Blind()).scores(obs, subtask, np.stack([picture()] * 2), heat) == [0.5, 1.0]


def test_of_a_sentence_that_is_no_skill_nothing_is_asked(obs):
    detector, heat = Sees(12, 6), np.stack([peak(2, 2, 0.5)])
    sentence = Subtask.said("tidy up, please")
    told = Told(detector)
    plain = tiny.world_model().imagine(obs, sentence)
    np.testing.assert_array_equal(told.imagine(obs, sentence).images["front"], plain.images["front"])
    assert GoalVerifier(detector).scores(obs, sentence, picture()[None], heat) == [0.5]
    assert detector.asked == []


class Shows(DetectorBase):
    """Sees the blue mug as brightly as an image's red is in a cell, the red cube as its green."""

    def detect(self, obs):
        box = np.array([0.75, 0.75, 0.875, 0.875], np.float32)
        cube = Detection("red cube", 0.9, box, np.zeros(3), 0.01, "front")
        mug = Detection("blue mug", 0.9, box, np.zeros(3), 0.01, "front")
        return [cube, mug]

    def evidence(self, obs, label, above_m=None):
        channel = {"blue mug": 0, "red cube": 1}[label]
        small = obs.images["front"][2::4, 2::4, channel]
        return small.astype(np.float32) / 255


def picture(**cells: tuple[int, int]) -> np.ndarray:
    """32 x 32 black, ``mug``, ``ghost`` and ``cube`` lit in a cell (row, column) of 8 x 8."""
    image = np.zeros((32, 32, 3), np.uint8)
    for name, (row, column) in cells.items():
        image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4, 1 if name == "cube" else 0] = 255
    return image


def peak(row: int, column: int, mass: float = 1.0) -> np.ndarray:
    heat = np.zeros((8, 8), np.float32)
    heat[row, column] = mass
    return heat


def test_a_grasp_of_the_thing_itself_is_right_and_one_elsewhere_is_not(obs):
    seen = dataclasses.replace(obs, images={"front": picture(mug=(2, 2), cube=(6, 6))})
    images = np.stack([picture(cube=(6, 6))] * 2)
    heat = np.stack([peak(1, 2), peak(6, 1, 0.5)])
    right, wrong = GoalVerifier(Shows()).verify(seen, GRASP, images, heat)
    assert right.right == pytest.approx(1.0)
    assert wrong.right < 0.05
    assert (right.arm, wrong.arm) == (1.0, 0.5)
    assert right.kept == wrong.kept == pytest.approx(1.0)
    scores = GoalVerifier(Shows()).scores(seen, GRASP, images, heat)
    assert scores == [pytest.approx(right.score), pytest.approx(wrong.score)]


def test_what_vanishes_and_what_appears_twice_speaks_against_an_image(obs):
    seen = dataclasses.replace(obs, images={"front": picture(mug=(2, 2), cube=(6, 6))})
    on = Subtask.said("place the blue mug on the red cube")
    good, gone, twice = (
        picture(mug=(5, 6), cube=(6, 6)), picture(mug=(5, 6)), picture(mug=(5, 6), ghost=(5, 1), cube=(6, 6))
    )  # fmt: skip
    found = GoalVerifier(Shows()).verify(seen, on, np.stack([good, gone, twice]), np.stack([peak(3, 6)] * 3))
    assert [v.right > 0.9 for v in found] == [True, True, False]
    assert [v.kept > 0.9 for v in found] == [True, False, True]
    assert found[2].right == pytest.approx(0.5, abs=0.02)


def test_images_that_show_nothing_of_it_are_refused_by_name(obs):
    seen = dataclasses.replace(obs, images={"front": picture(mug=(2, 2))})
    strict = GoalVerifier(Shows(), refuse_below=0.5)
    with pytest.raises(ImaginationError, match=r"shows the blue mug: at best 0\.02, expected 0\.50"):
        strict.scores(seen, GRASP, picture()[None], peak(7, 7)[None])
    assert strict.scores(seen, GRASP, picture()[None], peak(2, 2)[None])[0] > 0.5


def test_confidence_is_the_mass_around_the_peak():
    heat = np.zeros((8, 8), np.float32)
    heat[3, 4] = 1.0
    assert confidence(heat) == 1.0
    heat[3, 4] = heat[0, 0] = 0.5
    assert confidence(heat) == 0.5
    heat[:] = 1 / 64
    assert confidence(heat) == pytest.approx(4 / 64)
    heat[:] = 0
    heat[0, 0], heat[7, 7] = 0.6, 0.4
    assert confidence(heat) == pytest.approx(0.6)


def test_a_missing_camera_is_named(obs):
    blind = dataclasses.replace(obs, images={"wrist": obs.images["wrist"]})
    with pytest.raises(ModelMismatchError, match=r"camera 'front'; the observation has wrist"):
        tiny.world_model().imagine(blind, GRASP)


@pytest.mark.parametrize("bad", [{"steps": 0}, {"candidates": 0}, {"steps": -1}])
def test_no_steps_or_candidates_are_refused(bad):
    with pytest.raises(InvalidValueError, match="expected at least 1"):
        tiny.world_model(**bad)


# --- weights ---


def test_what_was_saved_in_half_precision_imagines_alike(obs, tmp_path):
    net = tiny.unet()
    GoalImagePipeline(net.to(torch.bfloat16), make_scheduler()).save_pretrained(tmp_path)
    loaded = ImageWorldModel.from_pretrained(tmp_path, text=tiny.text_encoder(), steps=2)
    rounded = GoalImagePipeline(net.float(), make_scheduler())
    wanted = ImageWorldModel(rounded, steps=2, text=tiny.text_encoder()).imagine(obs, GRASP, 1)
    got = loaded.imagine(obs, GRASP, 1)
    assert np.abs(got.images["front"].astype(int) - wanted.images["front"]).max() <= 1
    assert got.score == pytest.approx(wanted.score, abs=1e-5)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    tiny.pipeline().save_pretrained(folder)
    return folder


def broken(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "broken"))


def test_a_folder_without_a_pipeline_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no pipeline in"):
        ImageWorldModel.from_pretrained(tmp_path)


@pytest.mark.parametrize("change", [{"channels": 16}, {"depth": 2}, {"text_dim": 128}])
def test_weights_of_another_configuration_are_refused(saved, tmp_path, change):
    folder = broken(saved, tmp_path)
    path = folder / "unet" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ModelMismatchError, match="does not hold a GoalUNet"):
        GoalImagePipeline.load(folder)


def test_torn_weights_and_missing_parts_are_refused(saved, tmp_path):
    folder = broken(saved, tmp_path)
    (weights,) = (folder / "unet").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-50])
    with pytest.raises(ModelMismatchError, match="does not hold a GoalUNet"):
        GoalImagePipeline.load(folder)
    shutil.rmtree(folder / "unet")
    with pytest.raises(ConfigError, match="no model in"):
        GoalImagePipeline.load(folder)


def test_a_missing_scheduler_is_refused(saved, tmp_path):
    folder = broken(saved, tmp_path)
    shutil.rmtree(folder / "scheduler")
    with pytest.raises(ModelMismatchError, match="scheduler"):
        GoalImagePipeline.load(folder)


# --- data ---


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return tiny.pairs(tmp_path / "pairs")


def test_a_batch_lies_between_start_and_goal(pairs):
    data = Pairs(pairs, tiny.SIZE)
    assert len(data) == 4
    training = WorldModelTraining(batch=16, at_start=1.0)
    start = make_batch(data, training, 0.0, np.random.default_rng(0))
    assert torch.equal(start["noisy"], start["current"])
    assert (start["sigma"] == 1).all()
    between = make_batch(data, WorldModelTraining(batch=16, at_start=0.0), 0.0, np.random.default_rng(0))
    level = between["sigma"][:, None, None, None]
    mixed = level * between["current"] + (1 - level) * between["goal"]
    assert torch.allclose(between["noisy"], mixed, atol=1e-6)
    assert (between["sigma"] < 1).all()


def test_source_goal_sentence_and_hand_belong_together(pairs):
    data = Pairs(pairs, tiny.SIZE)
    image = np.load(pairs / "shard00001" / "image.npy")
    hand = np.load(pairs / "shard00001" / "hand.npy")
    assert np.array_equal(data.image[data.source[3]], image[2])
    assert np.array_equal(data.image[data.goal[3]], image[3])
    np.testing.assert_array_equal(data.hand[3], hand[1])
    batch = make_batch(data, WorldModelTraining(batch=32), 0.1, np.random.default_rng(1))
    side = tiny.SIZE // 4
    expected = {int(y * side) * side + int(x * side) for x, y in data.hand}
    assert set(batch["cell"].tolist()) == expected


def test_the_object_is_looked_for_where_there_is_one_and_hints_know_its_cell():
    points = np.array([[0.4, 0.6], [-1.0, -1.0], [0.99, 0.0], [1.2, 0.5]], np.float32)
    number = cells(points, 8)
    assert number.tolist() == [4 * 8 + 3, -1, 7, -1]
    told = hint(number, torch.tensor([True, True, False, True]), 8)
    assert told.shape == (4, 8, 8)
    assert (told[0] > 0).nonzero().tolist() == [[r, c] for r in (3, 4, 5) for c in (2, 3, 4)]
    assert not told[1:].any()


def test_pairs_say_where_the_object_is_in_the_goal(pairs):
    data = Pairs(pairs, tiny.SIZE)
    batch = make_batch(data, WorldModelTraining(batch=32, hinted=1.0), 0.1, np.random.default_rng(1))
    assert set(batch["object_cell"].tolist()) == {4 * 8 + 3, -1}
    hinted = batch["object_prior"].flatten(1).amax(1) > 0
    assert torch.equal(hinted, batch["object_cell"] >= 0)
    assert (batch["prior"].flatten(1).amax(1) > 0).all()
    free = make_batch(data, WorldModelTraining(batch=8, hinted=0.0), 0.1, np.random.default_rng(1))
    assert not free["prior"].any()


def test_a_network_that_learns_of_objects_later_begins_with_what_it_knew(saved, obs):
    old, new = GoalImagePipeline.load(saved).unet, begin_with(saved).eval()
    image = to_tensor(current(obs)[None])
    tokens, mask = tiny.text_encoder().encode([GRASP.text])
    sigma = torch.ones(1)
    before, after = old(image, image, sigma, tokens, mask), new(image, image, sigma, tokens, mask)
    assert before.object_heat is None
    assert after.object_heat.shape == (1, 8, 8)
    torch.testing.assert_close(before.change, after.change)
    torch.testing.assert_close(before.heat, after.heat)


def test_what_is_said_of_the_object_moves_its_heat_and_changes_what_is_painted(obs):
    torch.manual_seed(0)
    net = GoalUNet(image_size=tiny.SIZE, channels=8, deep_channels=16, depth=1, tells_object=True).eval()
    for layer in (net.out, net.tell_object):
        torch.nn.init.normal_(layer.weight, std=0.05)
    image = to_tensor(current(obs)[None])
    tokens, mask = tiny.text_encoder().encode([GRASP.text])
    prior = only_at((6, 1), 8)[None] * 5
    free = net(image, image, torch.ones(1), tokens, mask)
    told = net(image, image, torch.ones(1), tokens, mask, object_prior=prior)
    assert int(told.object_heat.argmax()) // 8 in (5, 6, 7)
    torch.testing.assert_close(free.heat, told.heat)
    assert not torch.allclose(free.change, told.change, atol=1e-4)


@pytest.mark.parametrize(
    ("key", "how", "said"),
    [
        ("image", "missing", r"lacks image\.npy"),
        ("image", "size", r"image\.npy: frames"),
        ("hand", "nan", r"hand\.npy: not finite at row 1"),
        ("object", "missing", r"lacks object\.npy"),
        ("object", "nan", r"object\.npy: not finite at row 1"),
        ("goal", "index", r"goal\.npy: row 1 points at 99"),
        ("text", "short", r"text\.npy: 1 rows"),
        ("source", "torn", r"source\.npy"),
    ],
)
def test_broken_pairs_are_named(pairs, key, how, said):
    tiny.spoil(pairs / "shard00001", key, how)
    with pytest.raises((ConfigError, InvalidValueError), match=rf"shard00001.*{said}"):
        Pairs(pairs, tiny.SIZE)


def test_training_fine_tunes_a_pipeline_and_saves_one(pairs, saved, tmp_path, obs):
    config = TrainConfig(2, warmup=1)
    training = WorldModelTraining(batch=2)
    done = train_world_model(
        pairs, tmp_path / "out", tmp_path / "kept", config, start=saved, training=training
    )
    assert done
    goal = ImageWorldModel.from_pretrained(tmp_path / "out", text=tiny.text_encoder()).imagine(obs, GRASP)
    assert goal.images["front"].shape == (tiny.SIZE, tiny.SIZE, 3)
    told = [path.read_text() for path in (tmp_path / "out").rglob("*.json")]
    assert not any(str(saved) in text for text in told)  # where it came from is nobody's business
