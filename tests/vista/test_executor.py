"""The executor: its labels say where the hand shall go, its data are whole, and its weights are its own."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny
from tests.conformance.implementations import observation
from vista.errors import ConfigError, InvalidValueError, ModelMismatchError, UnknownNameError
from vista.executor.demonstrations import Demonstrations
from vista.executor.features import MEASURED_HAND
from vista.executor.flow import ChunkFlow
from vista.executor.policy import GoalVLAPolicy
from vista.executor.train import (
    DELAY_ROWS,
    ExecutorTraining,
    augment,
    make_batch,
    seen_rows,
    train_executor,
)
from vista.learning.shards import write_shard
from vista.learning.tensors import to_tensor
from vista.learning.training import TrainConfig
from vista.robot.kinematics import delta_to_matrix
from vista.skill import Skill, unnamed_text
from vista.types import ActionSpace, Subgoal, Subtask

ROWS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.demonstrations(tmp_path_factory.mktemp("demonstrations"), rows=ROWS)


@pytest.fixture(scope="module")
def data(folder: Path) -> Demonstrations:
    return Demonstrations(folder, tiny.executor_config())


def recorded(folder: Path, key: str) -> np.ndarray:
    """The rows of all shards as they were recorded."""
    return np.concatenate([np.load(s / f"{key}.npy") for s in sorted(folder.glob("shard*"))])


# --- images of the past ---


def test_images_are_older_than_the_pose_in_the_share_that_was_asked_for_and_never_of_another_subtask(data):
    rows = np.tile(np.arange(len(data)), 200)
    seen = seen_rows(data, rows, 0.5, np.random.default_rng(0))
    delay = rows - seen
    assert set(delay) == set(range(DELAY_ROWS + 1))
    assert (data.segment[seen] == data.segment[rows]).all()
    late_enough = rows - data.begin[rows] >= DELAY_ROWS
    assert (delay[late_enough] > 0).mean() == pytest.approx(0.5, abs=0.05)
    assert (seen_rows(data, rows, 0.0, np.random.default_rng(0)) == rows).all()


def test_a_late_sample_has_the_pose_of_now_and_the_fingers_of_its_images(data, monkeypatch):
    monkeypatch.setattr("vista.executor.train.seen_rows", lambda data, rows, *_: data.begin[rows])
    monkeypatch.setattr(data, "proprio", np.arange(len(data) * 12, dtype=np.float32).reshape(-1, 12))
    state = make_batch(data, ExecutorTraining(batch=16), np.random.default_rng(0))["proprio"].numpy().round()
    row = (state[:, 0] / 12).astype(int)
    begin = data.begin[row]
    assert (row > begin).any()
    np.testing.assert_array_equal(state[:, MEASURED_HAND], data.proprio[begin][:, MEASURED_HAND])
    np.testing.assert_array_equal(state[:, -1], data.proprio[row][:, -1])


# --- labels ---


def test_following_a_chunk_from_the_measured_pose_leads_to_the_recorded_targets(folder, data):
    ee, target = recorded(folder, "ee").astype(float), recorded(folder, "target").astype(float)
    for row in range(len(data)):
        end = row // ROWS * ROWS + ROWS - 1
        for t in range(4):
            reached = ee[row] @ delta_to_matrix(data.delta[row, t].astype(float))
            np.testing.assert_allclose(reached, target[min(row + t, end)], atol=1e-5)


def test_rows_after_the_milestone_repeat_the_last_one(folder, data):
    command = recorded(folder, "gripper")[:, 3] > 0.5
    for end in range(ROWS - 1, len(data), ROWS):
        for steps_left in range(3):
            row = end - steps_left
            for t in range(steps_left + 1, 4):
                np.testing.assert_array_equal(data.delta[row, t], data.delta[row, steps_left])
                assert data.gripper[row, t] == command[end]


def test_without_padding_a_chunk_goes_on_into_the_next_subtask_and_ends_with_the_episode(folder):
    data = Demonstrations(folder, tiny.executor_config(), padding=False)
    ee, target = recorded(folder, "ee").astype(float), recorded(folder, "target").astype(float)
    for row in range(len(data)):
        end = row // (2 * ROWS) * 2 * ROWS + 2 * ROWS - 1
        for t in range(4):
            reached = ee[row] @ delta_to_matrix(data.delta[row, t].astype(float))
            np.testing.assert_allclose(reached, target[min(row + t, end)], atol=1e-5)


def test_without_offset_every_true_goal_is_the_milestones_own(data):
    for share, alone in ((0.0, True), (1.0, False)):
        training = ExecutorTraining(batch=32, augment_colour=False, offset=share)
        rng = np.random.default_rng(0)
        goals = make_batch(data, training, rng)["goal"]
        own = to_tensor(data.goal)
        sharp = [any(torch.allclose(g, o, atol=1e-5) for o in own) for g in goals]
        assert any(sharp) is alone


def test_gripper_rows_are_the_clean_commands(folder, data):
    command = recorded(folder, "gripper")[:, 3] > 0.5
    for row in range(0, len(data), ROWS):
        assert data.gripper[row].astype(bool).tolist() == command[row : row + 4].tolist()


def test_progress_rises_to_one_when_the_subtask_is_done(data):
    for begin in range(0, len(data), ROWS):
        progress = data.progress[begin : begin + ROWS]
        assert progress[0] == 0.0
        assert (np.diff(progress) >= 0).all()
        assert progress[ROWS - 2 :].tolist() == [1.0, 1.0]
        assert (progress[: ROWS - 2] < 1).all()
        assert data.reached[begin : begin + ROWS].tolist() == [0] * (ROWS - 2) + [1, 1]


def test_the_milestones_pose_is_the_last_target(folder, data):
    ee, target = recorded(folder, "ee").astype(float), recorded(folder, "target").astype(float)
    for row in (0, 3, ROWS, 2 * ROWS + 1):
        end = row // ROWS * ROWS + ROWS - 1
        local = np.linalg.inv(ee[row]) @ target[end]
        np.testing.assert_allclose(data.goal_pose[row, :3], local[:3, 3], atol=1e-6)


def test_shards_do_not_mix(folder, data):
    """The goal and the sentence of a row are those of its own segment, in the second shard too."""
    goals, texts = recorded(folder, "goal"), recorded(folder, "text")
    assert len(data) == 4 * ROWS
    for segment in range(4):
        row = segment * ROWS
        assert np.array_equal(data.goal[data.segment[row]], goals[segment])
        text = data.text[data.text_index[data.segment[row]]]
        tokens, mask = tiny.text_encoder().encode([str(texts[segment])])
        assert torch.allclose(text, tokens[0][mask[0]].mean(0), atol=1e-6)


def test_told_the_whole_instruction_an_episode_is_one_segment_and_only_its_end_is_done(folder, data):
    whole = Demonstrations(folder, tiny.executor_config(goal_image=False, told="instruction"))
    assert len(whole) == len(data) == 4 * ROWS
    assert whole.segment.tolist() == np.repeat([0, 1], 2 * ROWS).tolist()
    assert whole.reached[: 2 * ROWS].tolist() == [0] * (2 * ROWS - 2) + [1, 1]
    np.testing.assert_array_equal(whole.goal[0], recorded(folder, "goal")[1])
    # Across the grasp's end the chunk goes on with what was recorded after it.
    ee, target = recorded(folder, "ee").astype(float), recorded(folder, "target").astype(float)
    reached = ee[ROWS - 1] @ delta_to_matrix(whole.delta[ROWS - 1, 2].astype(float))
    np.testing.assert_allclose(reached, target[ROWS + 1], atol=1e-5)
    tokens, mask = tiny.text_encoder().encode(["put the blue mug in the tray"])
    assert torch.allclose(whole.text[whole.text_index[0]], tokens[0][mask[0]].mean(0), atol=1e-6)


def test_episodes_that_are_no_grasp_and_place_are_refused_by_name(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    shard = min(copy.glob("shard*"))
    np.save(shard / "text.npy", np.array(["grasp the blue mug", "place the red cube in the tray"]))
    with pytest.raises(ConfigError, match=shard.name):
        Demonstrations(copy, tiny.executor_config(goal_image=False, told="instruction"))


def test_told_nothing_the_sentence_makes_no_difference():
    subgoals = [
        Subgoal(Subtask(text), {"front": observation(tiny.panda()).images["front"]}, 1.0, 0, 1)
        for text in ("grasp the blue mug", "grasp the red cube")
    ]
    for told, alike in (("none", True), ("subtask", False)):
        policy = tiny.policy(told=told)
        one, other = (policy.predict_chunk(observation(tiny.panda()), s).actions for s in subgoals)
        assert np.array_equal(one, other) is alike


# --- batches ---


def test_batches_come_from_the_generator_alone(data):
    training = ExecutorTraining(batch=8)
    first, again = (make_batch(data, training, np.random.default_rng((3, 7))) for _ in range(2))
    other = make_batch(data, training, np.random.default_rng((3, 8)))
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first["front"], other["front"])


def test_training_sees_the_pixels_that_run_time_sees(folder):
    front = recorded(folder, "front")[:5]
    images, _ = augment([front], front, np.random.default_rng(0), colour=False)
    assert torch.allclose(images[0], to_tensor(front), atol=1e-5)


def test_colours_change_alike_in_image_and_goal(folder):
    front = recorded(folder, "front")[:12]
    (image, again), goal = augment([front, front], front, np.random.default_rng(0), colour=True)
    assert torch.equal(image, again)
    sharp = [i for i in range(12) if torch.equal(image[i], goal[i])]
    assert 0 < len(sharp) < 12
    assert not torch.allclose(image, to_tensor(front), atol=0.05)


def test_imagined_goals_are_used_where_there_are_some(folder, tmp_path):
    dream = np.full((2, 2, tiny.SIZE, tiny.SIZE, 3), 77, np.uint8)
    for shard in sorted(folder.glob("shard*")):
        write_shard(tmp_path / shard.name, {"imagined": dream})
    data = Demonstrations(folder, tiny.executor_config(), tmp_path)
    for share, wanted in ((0.0, 0.0), (1.0, 1.0)):
        training = ExecutorTraining(batch=16, augment_colour=False, imagined=share)
        goal = make_batch(data, training, np.random.default_rng(0))["goal"]
        dreamt = [(g[:, 8:-8, 8:-8] - (77 / 127.5 - 1)).abs().max() < 1e-4 for g in goal]
        assert np.mean(dreamt) == wanted


# --- broken data ---


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.mark.parametrize(
    "key", ["front", "wrist", "ee", "target", "gripper", "done", "segment", "goal", "text"]
)
def test_a_missing_array_is_named(copy, key):
    tiny.spoil(copy / "shard00001", key, "missing")
    with pytest.raises(ConfigError, match=rf"shard00001: lacks {key}\.npy"):
        Demonstrations(copy, tiny.executor_config())


@pytest.mark.parametrize(
    ("key", "how"),
    [
        ("front", "size"), ("wrist", "size"), ("goal", "size"), ("target", "torn"), ("front", "short"),
        ("wrist", "short"), ("ee", "short"), ("done", "short"), ("segment", "short"), ("text", "short"),
    ],
)  # fmt: skip
def test_mixed_sizes_and_torn_files_are_named(copy, key, how):
    tiny.spoil(copy / "shard00001", key, how)
    with pytest.raises(ConfigError, match=r"shard00001/\w+\.npy"):
        Demonstrations(copy, tiny.executor_config())


@pytest.mark.parametrize("key", ["ee", "target", "gripper"])
def test_what_is_not_finite_is_named_with_its_row(copy, key):
    tiny.spoil(copy / "shard00001", key, "nan")
    with pytest.raises(InvalidValueError, match=rf"shard00001/{key}\.npy: not finite at row 1"):
        Demonstrations(copy, tiny.executor_config())


def test_a_segment_without_a_goal_is_named(copy):
    tiny.spoil(copy / "shard00001", "segment", "index")
    with pytest.raises(InvalidValueError, match=r"segment\.npy: row 1 points at 99"):
        Demonstrations(copy, tiny.executor_config())


def test_frames_of_another_size_than_the_networks_are_refused(folder):
    with pytest.raises(ConfigError, match=r"front\.npy.*\(32, 32, 3\).*\(96, 96, 3\)"):
        Demonstrations(folder, tiny.executor_config(image_size=96))


def test_imagined_goals_must_match_the_demonstrations(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"lacks imagined\.npy"):
        Demonstrations(folder, tiny.executor_config(), tmp_path)
    few = np.zeros((1, 2, tiny.SIZE, tiny.SIZE, 3), np.uint8)
    for shard in sorted(folder.glob("shard*")):
        write_shard(tmp_path / shard.name, {"imagined": few})
    with pytest.raises(ConfigError, match=r"imagined\.npy"):
        Demonstrations(folder, tiny.executor_config(), tmp_path)


# --- the policy ---


def goal_for(obs, text="grasp the blue mug", seed=1):
    return Subgoal(Subtask(text), {"front": observation(tiny.panda(), seed=seed).images["front"]}, 1.0, 0, 0)


def test_a_chunk_has_the_form_that_the_robot_takes():
    obs = observation(tiny.panda())
    chunk = tiny.policy().predict_chunk(obs, goal_for(obs))
    assert chunk.actions.shape == (4, 7)
    assert chunk.space is ActionSpace.EE_DELTA
    assert chunk.dt_s == 0.1
    assert chunk.start_stamp_ns == obs.stamp_ns
    assert set(np.unique(chunk.actions[:, 6])) <= {0.0, 1.0}
    assert 0 <= chunk.progress <= 1
    assert 0 <= chunk.reached <= 1


def test_goal_image_sentence_images_and_hand_all_matter():
    policy, obs = tiny.policy(), observation(tiny.panda())
    plain = policy.predict_chunk(obs, goal_for(obs)).actions

    def differs(obs, goal):
        return not np.allclose(policy.predict_chunk(obs, goal).actions, plain, atol=1e-7)

    assert not differs(obs, goal_for(obs))
    assert differs(obs, goal_for(obs, seed=2))
    assert differs(obs, goal_for(obs, "place the red cube in the tray"))
    for camera in ("front", "wrist"):
        seen = {**obs.images, camera: observation(tiny.panda(), seed=5).images[camera]}
        assert differs(dataclasses.replace(obs, images=seen), goal_for(obs)), camera
    assert differs(dataclasses.replace(obs, gripper_command=0.0), goal_for(obs))
    assert differs(dataclasses.replace(obs, gripper_vel=-1.0), goal_for(obs))


def test_the_cameras_size_does_not_matter():
    """A stored frame and the camera's own image give the same plan."""
    from vista.learning.images import resize

    policy, obs = tiny.policy(), observation(tiny.panda())
    goal = goal_for(obs)
    small = dataclasses.replace(obs, images={k: resize(v, tiny.SIZE) for k, v in obs.images.items()})
    stored = dataclasses.replace(goal, images={"front": resize(goal.images["front"], tiny.SIZE)})
    a, b = policy.predict_chunk(obs, goal), policy.predict_chunk(small, stored)
    np.testing.assert_allclose(a.actions, b.actions, atol=1e-7)


@pytest.mark.parametrize(("told", "alike"), [("subtask", False), ("unnamed", True), ("none", True)])
def test_an_executor_that_is_told_no_names_goes_by_the_goal_image_whatever_the_thing_is_called(told, alike):
    obs, policy = observation(tiny.panda()), tiny.policy(told=told)
    goal = goal_for(obs)
    plans = [
        policy.predict_chunk(obs, dataclasses.replace(goal, subtask=Subtask.said(text))).actions
        for text in ("grasp the blue mug", "grasp the red cube", "open the left drawer")
    ]
    assert np.array_equal(plans[0], plans[1]) is alike
    assert np.array_equal(plans[0], plans[2]) is (told == "none")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("grasp the blue mug", "grasp"),
        ("Place the blue mug in the tray", "place in the tray"),
        ("place the blue mug on the red cube", "place on"),
        ("open the left drawer", "open the left drawer"),
    ],
)
def test_a_sentence_without_the_names_of_things(text, left):
    assert unnamed_text(Skill.parse(text)) == left


@pytest.mark.parametrize("camera", ["front", "wrist"])
def test_a_missing_camera_is_named(camera):
    obs = observation(tiny.panda())
    images = {k: v for k, v in obs.images.items() if k != camera}
    with pytest.raises(ModelMismatchError, match="front, wrist") as caught:
        tiny.policy().predict_chunk(dataclasses.replace(obs, images=images), goal_for(obs))
    assert f"has {next(iter(images))}" in str(caught.value)


def test_a_missing_goal_image_is_named_and_the_baseline_needs_none():
    obs = observation(tiny.panda())
    words = Subgoal(Subtask.said("grasp the blue mug"), {}, 1.0, 0, 0)
    with pytest.raises(ModelMismatchError, match=r"goal image of 'front'.*has none"):
        tiny.policy().predict_chunk(obs, words)
    baseline = tiny.policy(goal_image=False)
    plan = baseline.predict_chunk(obs, words).actions
    assert np.array_equal(plan, baseline.predict_chunk(obs, goal_for(obs)).actions)


# --- the flow ---


def test_a_flow_learns_two_answers_and_gives_either_where_a_regression_gives_their_mean():
    """To the left and to the right of an obstacle are both right; straight through it is not."""
    torch.manual_seed(0)
    flow = ChunkFlow(4, 3, 7, 64)
    features, generator = torch.zeros(256, 4), torch.Generator().manual_seed(0)
    side = torch.where(torch.arange(256) % 2 == 0, 1.0, -1.0)
    delta = (side[:, None, None] * flow.units(features)).expand(256, 3, 6)
    optimizer = torch.optim.Adam(flow.parameters(), 3e-3)
    for _ in range(400):
        noise = torch.randn(256, 3, 7, generator=generator)
        time = torch.rand(256, generator=generator)
        value = flow.loss(features, delta, torch.ones(256, 3), noise, time)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    with torch.no_grad():
        made, gripper = flow.sample(features, torch.randn(256, 3, 7, generator=generator), 16)
    unitless = (made / flow.units(features)).mean((1, 2))
    assert (gripper > 0).all()
    assert ((unitless.abs() - 1).abs() < 0.35).float().mean() > 0.9
    assert 0.3 < (unitless > 0).float().mean() < 0.7


def test_a_sampled_chunk_is_the_same_again_for_the_same_moment_and_another_for_the_next():
    obs, policy = observation(tiny.panda()), tiny.policy(chunk_head="flow")
    goal = goal_for(obs)
    first, again = (policy.predict_chunk(obs, goal).actions for _ in range(2))
    np.testing.assert_array_equal(first, again)
    later = dataclasses.replace(obs, stamp_ns=obs.stamp_ns + 100_000_000)
    assert not np.array_equal(policy.predict_chunk(later, goal).actions, first)


def test_an_unknown_head_is_refused_by_name():
    with pytest.raises(UnknownNameError, match=r"'diffusion'.*l1, flow"):
        tiny.executor_config(chunk_head="diffusion")


# --- weights ---


def test_what_was_saved_in_half_precision_plans_alike(tmp_path):
    model = tiny.executor()
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    loaded = GoalVLAPolicy.from_pretrained(tmp_path, tiny.text_encoder())
    obs = observation(tiny.panda())
    wanted = GoalVLAPolicy(model, tiny.text_encoder()).predict_chunk(obs, goal_for(obs))
    got = loaded.predict_chunk(obs, goal_for(obs))
    np.testing.assert_allclose(got.actions, wanted.actions, atol=1e-6)
    assert got.reached == pytest.approx(wanted.reached, abs=1e-6)


def test_a_folder_without_a_model_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ConfigError, match="no model in"):
            GoalVLAPolicy.from_pretrained(folder)


def test_weights_of_another_network_are_refused(tmp_path):
    tiny.planner_net().save_pretrained(tmp_path)
    with pytest.raises(ModelMismatchError, match="does not hold a GoalVLA"):
        GoalVLAPolicy.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        {"hidden": 64},
        {"goal_image": False},
        {"cameras": ("front",)},
        {"chunk": 8},
        {"cameras": ("a", "b", "c")},
    ],
)
def test_weights_of_another_configuration_are_refused(tmp_path, other):
    tiny.executor().save_pretrained(tmp_path)
    tiny.executor_config(**other).save_pretrained(tmp_path)
    with pytest.raises(ModelMismatchError, match="does not hold a GoalVLA"):
        GoalVLAPolicy.from_pretrained(tmp_path)


def test_torn_weights_are_refused(tmp_path):
    tiny.executor().save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelMismatchError, match="does not hold a GoalVLA"):
        GoalVLAPolicy.from_pretrained(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"model_type": "goal_vla", "channels": "wide"}'])
def test_a_broken_configuration_is_refused(tmp_path, text):
    tiny.executor().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelMismatchError, match="does not hold a GoalVLA"):
        GoalVLAPolicy.from_pretrained(tmp_path)


def test_training_ends_in_a_folder_that_loads(tmp_path):
    data = tiny.demonstrations(tmp_path / "data", shards=1, size=96)
    config = TrainConfig(2, warmup=1, precision="bf16", save_every=1)
    out, kept = tmp_path / "out", tmp_path / "kept"
    training = ExecutorTraining(batch=2)
    assert train_executor(data, out, kept, config, training=training)
    obs = observation(tiny.panda())
    first = GoalVLAPolicy.from_pretrained(out, tiny.text_encoder()).predict_chunk(obs, goal_for(obs))
    assert first.actions.shape == (8, 7)
    assert train_executor(data, tmp_path / "tuned", tmp_path / "more", config, training=training, start=out)
