"""The switcher: when a subgoal is reached, is failing, or has taken too long; and how it is fitted."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.conformance.implementations import observation
from tests.mocks import mock_spec
from vista.errors import ConfigError, InvalidValueError
from vista.switcher import CalibratedSwitcher, SwitcherConfig
from vista.switcher.calibrate import choose_threshold, evaluate, fit_switcher, probabilities
from vista.switcher.calibrated import FEATURES, Fingers, features, goal_distance
from vista.types import ActionChunk, ActionSpace, Cause, Progress, State, Subgoal, Subtask

SECOND = 1_000_000_000


def at(seconds: float, seed: int = 0):
    return observation(mock_spec(), stamp_ns=SECOND + round(seconds * SECOND), seed=seed)


def chunk(reached: float | None = 0.1, progress: float | None = 0.2, move: float = 0.05, grip: float = 1.0):
    actions = np.zeros((4, 7))
    actions[:, 0], actions[:, 6] = np.linspace(0, move, 4), grip
    return ActionChunk(actions, 0.1, ActionSpace.EE_DELTA, SECOND, progress, reached)


def goal(seed: int | None = 1) -> Subgoal:
    images = {} if seed is None else {"front": at(0, seed).images["front"]}
    return Subgoal(Subtask("grasp the blue mug"), images, 1.0, 0, SECOND)


def started(**config: object) -> CalibratedSwitcher:
    switcher = CalibratedSwitcher(SwitcherConfig(**config))  # type: ignore[arg-type]
    switcher.reset(goal(), SECOND)
    return switcher


# --- judging ---


def test_reached_above_the_threshold_and_not_below():
    switcher = started(threshold=0.7)
    below = switcher.judge(at(0.1), chunk(reached=0.65))
    assert (below.state, below.cause) == (State.RUNNING, Cause.NONE)
    above = switcher.judge(at(0.2), chunk(reached=0.75))
    assert (above.state, above.cause) == (State.REACHED, Cause.REACHED)
    assert above.fraction == 1.0
    assert "0.75" in above.reason


def test_the_answer_must_stand_for_patience_judgements_in_a_row():
    switcher = started(patience=3)
    said = [0.9, 0.9, 0.1, 0.9, 0.9, 0.9]
    states = [switcher.judge(at(0.1 * i), chunk(reached=r)).state for i, r in enumerate(said)]
    assert states == [State.RUNNING] * 5 + [State.REACHED]


def test_a_new_subgoal_forgets_the_old_one():
    switcher = started(patience=2, timeout_s=5.0)
    switcher.judge(at(4.0), chunk(reached=0.9))
    switcher.reset(goal(), SECOND + 4 * SECOND)
    assert switcher.judge(at(4.1), chunk(reached=0.9)).state is State.RUNNING
    assert switcher.judge(at(8.0), chunk()).state is State.RUNNING
    assert switcher.judge(at(9.1), chunk()).state is State.TIMED_OUT


def test_too_long_is_timed_out_even_while_it_goes_on():
    switcher = started(timeout_s=5.0, stall_s=99.0)
    for t in np.arange(0, 5.0, 0.5):
        assert switcher.judge(at(t), chunk(progress=t / 10)).state is State.RUNNING
    late = switcher.judge(at(5.1), chunk(progress=0.6))
    assert (late.state, late.cause) == (State.TIMED_OUT, Cause.OUT_OF_TIME)
    assert "5 s" in late.reason
    assert late.fraction == pytest.approx(0.6)


def test_no_progress_is_failing_and_progress_is_not():
    switcher = started(timeout_s=99.0, stall_s=2.0, min_gain=0.05)
    for t in np.arange(0, 6.0, 0.5):
        assert switcher.judge(at(t), chunk(progress=0.12 * t)).state is State.RUNNING
    for t in np.arange(6.0, 7.5, 0.5):
        assert switcher.judge(at(t), chunk(progress=0.66)).state is State.RUNNING
    stuck = switcher.judge(at(8.0), chunk(progress=0.67))
    assert (stuck.state, stuck.cause) == (State.FAILED, Cause.NO_PROGRESS)
    assert "no progress beyond 0.66" in stuck.reason


def test_reached_wins_over_late_and_stuck():
    switcher = started(timeout_s=1.0, stall_s=1.0)
    assert switcher.judge(at(9.0), chunk(reached=0.9)).state is State.REACHED


def test_a_policy_that_says_nothing_of_itself_is_judged_all_the_same():
    switcher = started()
    first = switcher.judge(at(0.1), chunk(reached=None, progress=None))
    assert isinstance(first, Progress)
    assert first.state is State.RUNNING
    assert switcher.judge(at(60.0), chunk(reached=None, progress=None)).state is not State.RUNNING


def test_judging_before_a_reset_is_refused():
    with pytest.raises(InvalidValueError, match="before reset"):
        CalibratedSwitcher().judge(at(0), chunk())


# --- cues ---


def test_cues_say_what_their_names_say():
    obs = dataclasses.replace(at(0), gripper=0.4)
    cue = dict(zip(FEATURES, features(obs, chunk(0.9, 0.3, 0.1, 0.0), goal(), True), strict=True))
    assert cue["reached_logit"] == pytest.approx(np.log(9))
    assert cue["progress"] == pytest.approx(0.3)
    assert cue["motion"] == pytest.approx(1.0)
    assert cue["opening_now"] == pytest.approx(0.4)
    assert cue["opening_next"] == 0.0
    assert cue["goal_distance"] > 0
    assert cue["acted"] == 1.0
    assert cue["told_open"] == obs.gripper_command
    assert cue["height"] == pytest.approx(10 * obs.ee_pose.position[2])


def test_fingers_have_acted_once_they_were_told_something_else():
    fingers = Fingers()
    said = [fingers.look(dataclasses.replace(at(0), gripper_command=c)) for c in (1.0, 0.9, 0.0, 1.0)]
    assert said == [False, False, True, True]


def test_a_subtask_that_needs_the_fingers_is_not_reached_before_they_acted():
    switcher = CalibratedSwitcher(SwitcherConfig((*([0.0] * 8), 9.0), -4.0))
    for _ in range(2):  # a new subtask counts anew
        switcher.reset(goal(), SECOND)
        held = dataclasses.replace(at(0.1), gripper_command=0.0)
        assert switcher.judge(held, chunk()).state is State.RUNNING
        let_go = dataclasses.replace(at(0.2), gripper_command=1.0)
        assert switcher.judge(let_go, chunk()).state is State.REACHED


@pytest.mark.parametrize("reached", [0.0, 1.0, None])
def test_certainty_gives_finite_cues(reached):
    assert np.isfinite(features(at(0), chunk(reached), goal(), False)).all()


def test_the_goal_is_near_when_it_is_seen_whatever_its_size():
    from vista.learning.images import resize

    obs = at(0)
    front = obs.images["front"]
    assert goal_distance(obs, dataclasses.replace(goal(), images={"front": front})) == 0.0
    small = dataclasses.replace(goal(), images={"front": resize(front, 24)})
    assert goal_distance(obs, small) == pytest.approx(0.0, abs=0.005)
    assert goal_distance(obs, goal(seed=5)) > 0.05
    inverse = dataclasses.replace(goal(), images={"front": 255 - front})
    assert goal_distance(obs, inverse) <= 1.0


def test_a_goal_in_words_or_of_another_camera_has_no_distance():
    assert goal_distance(at(0), goal(None)) == 0.0
    other = dataclasses.replace(goal(), images={"ceiling": at(0).images["front"]})
    assert goal_distance(at(0), other) == 0.0


# --- files ---


def test_a_saved_switcher_judges_alike(tmp_path: Path):
    config = SwitcherConfig((0.5, -1.0, 0.25, 0.0, 1e-9, 3.0, 0.0, -2.0, 4.0), -0.7, 0.8, 2, 3.0, 0.01, 9.0)
    CalibratedSwitcher(config).save_pretrained(tmp_path / "switcher")
    assert CalibratedSwitcher.from_pretrained(tmp_path / "switcher").config == config


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "{}", '{"weights": [1, 2]}', '{"weights": [1,0,0,0,0,0,0,0,0], "patience": 0}',
        '{"weights": [1,0,0,0,0,0,0,0,NaN]}', '{"weights": [1,0,0,0,0,0,0,0,0], "mood": 1}',
        '{"weights": [1,0,0,0,0,0,0,0,0], "threshold": 1.5}', '{"weights": [1,0,0,0,0,0,0,0,"a"]}',
        '{"weights": [1,0,0,0,0,0,0,0,0], "bias": Infinity}',
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_and_named(tmp_path: Path, text: str):
    (tmp_path / "switcher.json").write_text(text)
    with pytest.raises(ConfigError, match=r"switcher\.json"):
        CalibratedSwitcher.from_pretrained(tmp_path)


def test_a_folder_without_a_switcher_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"switcher\.json"):
        CalibratedSwitcher.from_pretrained(tmp_path)


# --- fitting ---


def synthetic(n: int = 900, noise: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cues of which "reached" and "motion" tell the truth, the rest nothing; a fifth is done."""
    rng = np.random.default_rng(seed)
    done = rng.random(n) < 0.2
    cues = rng.normal(0, 1, (n, 9)) * [2, 0.3, 0.5, 1, 0.4, 0.5, 0.5, 1, 1]
    cues[:, 0] += np.where(done, 3.0, -3.0) / noise
    cues[:, 2] += np.where(done, 0.2, 1.2) / noise
    return cues, done


def test_a_fit_finds_what_tells_the_truth():
    config = fit_switcher(*synthetic(), SwitcherConfig(patience=3, timeout_s=7.0))
    weight = dict(zip(FEATURES, config.weights, strict=True))
    assert weight["reached_logit"] > 0.5
    assert weight["motion"] < -0.5
    assert (config.patience, config.timeout_s) == (3, 7.0)
    quality = evaluate(*synthetic(seed=1), config)
    assert quality.precision > 0.93
    assert quality.recall > 0.85
    assert quality.judgements == 900
    assert quality.done == int(synthetic(seed=1)[1].sum())


@pytest.mark.parametrize("noise", [1.0, 3.0])
def test_the_threshold_would_rather_wait_than_be_wrong(noise: float):
    cues, done = synthetic(3000, noise)
    config = fit_switcher(cues, done)
    quality = evaluate(cues, done, config)
    assert quality.precision >= quality.recall > 0.1


def test_a_fit_beats_the_executors_own_word():
    """Where the policy is biased to say "reached" too early."""
    cues, done = synthetic()
    cues[:, 0] += 4.0
    fitted = evaluate(cues, done, fit_switcher(cues, done))
    naive = evaluate(cues, done, SwitcherConfig())
    assert naive.precision < 0.7
    assert fitted.precision > 0.93


def test_cues_of_other_units_give_the_same_judgements():
    cues, done = synthetic()
    scale = np.array([1, 1000, 1e-3, 1, 10, 0.1, 2, 100, 1])
    plain = probabilities(cues, fit_switcher(cues, done))
    scaled = probabilities(cues * scale, fit_switcher(cues * scale, done))
    np.testing.assert_allclose(plain, scaled, atol=1e-3)


def test_separable_and_constant_cues_stay_finite():
    cues, done = synthetic()
    cues[:, 1], cues[:, 0] = 0.5, np.where(done, 9.0, -9.0)
    config = fit_switcher(cues, done)
    assert np.isfinite([*config.weights, config.bias]).all()
    quality = evaluate(cues, done, config)
    assert (quality.precision, quality.recall) == (1.0, 1.0)


def test_a_threshold_lies_inside_even_for_certain_answers():
    done = np.array([True, False] * 10)
    assert 0 < choose_threshold(np.where(done, 1.0, 0.0), done) < 1
    assert 0 < choose_threshold(np.full(20, 0.5), done) < 1


def test_a_fitted_switcher_can_be_saved_and_used(tmp_path: Path):
    config = fit_switcher(*synthetic())
    CalibratedSwitcher(config).save_pretrained(tmp_path)
    loaded = CalibratedSwitcher.from_pretrained(tmp_path)
    loaded.reset(goal(), SECOND)
    assert loaded.judge(at(0.1), chunk(reached=0.001)).state is State.RUNNING
    assert loaded.judge(at(0.2), chunk(reached=0.9999, move=0.0)).state is State.REACHED


def test_what_cannot_be_fitted_is_refused():
    cues, done = synthetic(50)
    for truth in (np.zeros(50, bool), np.ones(50, bool)):
        with pytest.raises(InvalidValueError, match="some of both"):
            fit_switcher(cues, truth)
    with pytest.raises(InvalidValueError, match=r"\(50, 5\)"):
        fit_switcher(cues[:, :5], done)
    with pytest.raises(InvalidValueError, match=r"\(49,\)"):
        evaluate(cues, done[1:], SwitcherConfig())
    cues[7, 2] = np.nan
    with pytest.raises(InvalidValueError, match="row 7"):
        fit_switcher(cues, done)


def test_quality_counts_what_it_says():
    cues = np.zeros((8, 9))
    cues[:, 0] = [5, 5, 5, -5, -5, -5, -5, -5]
    done = np.array([1, 1, 0, 1, 0, 0, 0, 0], bool)
    quality = evaluate(cues, done, SwitcherConfig())
    assert quality.precision == pytest.approx(2 / 3)
    assert quality.recall == pytest.approx(2 / 3)
    assert "3 of them done" in str(quality)
    assert evaluate(cues - 9, done, SwitcherConfig()).precision == 1.0
