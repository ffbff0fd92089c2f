"""Values of the library: whatever they are made of, they hold what they promise, or are refused by name."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.conformance.implementations import observation
from tests.fuzz.fuzzing import counts, explore
from tests.fuzz.hostile import FLOATS, floats, scalars, texts, trees
from tests.mocks import mock_spec
from vista import types as words
from vista.errors import InvalidValueError
from vista.guard import GuardLimits, SafetyGuard
from vista.skill import Skill
from vista.types import ActionChunk, ActionSpace, Decision, RobotSpec

SPEC = mock_spec()
OBS = observation(SPEC)
POSE = OBS.ee_pose
IMAGE = np.zeros((4, 5, 3), np.uint8)
CHUNK = ActionChunk(np.zeros((2, 7), np.float32), 0.1, ActionSpace.EE_DELTA, 0)
SUBTASK = words.Subtask(Skill.parse("place the blue mug in the tray"), 1, "it is seen")
RESULT = words.SubtaskResult(SUBTASK, 0.0, 2.0, words.State.REACHED, "", 0.5, words.Cause.REACHED)

arrays = st.builds(
    lambda shape, kind, fill: np.full(shape, fill).astype(kind),
    st.lists(st.integers(0, 8), max_size=3).map(tuple),
    st.sampled_from((np.float64, np.float32, np.int64, np.uint8, np.bool_, np.complex64, object, "U3")),
    st.sampled_from((0, 1, -1, 3, 200)),
)
numbers = st.lists(st.sampled_from(FLOATS), max_size=8)
vectors = st.one_of(
    numbers.map(np.array),
    numbers,
    st.lists(numbers, max_size=3),
    st.sampled_from(
        ("123", b"123", [10**400] * 3, ["1", "2", "3"], [True] * 3, [None] * 3, range(3), {1, 2, 3})
    ),
)
things = st.one_of(
    scalars, trees, arrays, vectors, st.sampled_from((POSE, IMAGE, CHUNK, RESULT, SPEC, OBS, dict))
)

# What each field usually holds; a draw replaces some of them by anything else.
USUAL: dict[type, dict[str, Any]] = {
    words.Pose: {"position": np.zeros(3), "quat_wxyz": np.array([1.0, 0, 0, 0]), "frame": "base"},
    words.CameraSpec: {"name": "front", "width": 4, "height": 4, "K": np.eye(3), "pose": POSE},
    words.RobotSpec: {field.name: getattr(SPEC, field.name) for field in fields(SPEC) if field.init},
    words.Observation: {field.name: getattr(OBS, field.name) for field in fields(OBS)},
    words.Detection: {"label": "mug", "score": 0.5, "box": np.zeros(4), "position": np.zeros(3),
                      "sigma_m": 0.01, "camera": "front", "kind": words.ObjectKind.THING},
    Skill: {field.name: getattr(SUBTASK.skill, field.name) for field in fields(Skill)},
    words.Place: {"name": "left drawer", "half_size_m": (0.06, 0.07), "drawer": True, "position": (0.2, 0.1),
                  "handle_m": 0.07, "cabinet": "three"},
    words.JointSpec: {"name": "elbow", "lower": -1.0, "upper": 2.0, "velocity": 2.0, "continuous": False,
                      "wire": "left_elbow", "sign": -1, "offset_rad": 0.5, "degrees": True},
    words.GripperSpec: {"joint": "finger", "open": 0.04, "closed": 0.0, "width_m": 0.08, "wire": "",
                        "command": words.CommandChannel()},
    words.EndEffector: {"site": "ee", "body": "", "position": np.zeros(3),
                        "quat_wxyz": np.array([1.0, 0, 0, 0])},
    words.Withdraw: {"height_m": 0.2, "carry_m": 0.1, "aside_m": 0.0},
    words.Tabletop: {"ready": (0.4, 0.0, 0.3), "things": ((0.3, -0.2), (0.6, 0.2)), "limits": None,
                     "starts": ((0.3, -0.2, 0.1), (0.6, 0.2, 0.3)), "most": 3},
    words.CommandChannel: {"kind": words.CommandKind.JOINT_TRAJECTORY, "topic": "arm", "velocities": True},
    words.StateChannel: {"topics": ("joint_states", "gripper/joint_states"), "max_clock_offset_s": 0.1},
    words.CameraChannel: {"image": "front", "info": "info", "transport": words.Transport.RAW, "width": 640,
                          "height": 480, "K": np.eye(3), "distortion": np.zeros(5)},
    words.Subtask: {"step": SUBTASK.skill, "index": 0, "why": ""},
    words.Digest: {"summary": "", "queries": ("where is the mug",), "missing": ()},
    words.Done: {"reason": ""},
    words.Impossible: {"reason": "no mug"},
    words.Subgoal: {"subtask": words.Subtask("a"), "images": {"front": IMAGE}, "score": 0.5, "seed": 1,
                    "source_stamp_ns": 5},
    words.ActionChunk: {"actions": np.zeros((2, 7)), "dt_s": 0.1, "space": ActionSpace.EE_DELTA,
                        "start_stamp_ns": 0, "progress": None, "reached": 0.5},
    words.Progress: {"state": words.State.RUNNING, "fraction": 0.5, "reason": "",
                     "cause": words.Cause.NONE, "steps": 3},
    words.Verdict: {"decision": Decision.CLIP, "rule": "jump", "reason": "", "chunk": CHUNK},
    words.SubtaskResult: {field.name: getattr(RESULT, field.name) for field in fields(RESULT)},
    words.EpisodeResult: {"instruction": "tidy up", "outcome": words.Outcome.FAILURE, "cause": "", "steps": 3,
                          "seconds": 2.5, "subtasks": (RESULT,), "timings": {"plan": (0.1, 0.2)},
                          "truth": None},
}  # fmt: skip


@st.composite
def made_of(draw: st.DrawFn) -> tuple[type, dict[str, Any]]:
    """A word, and what its fields are given."""
    kind = draw(st.sampled_from(list(USUAL)))
    given = dict(USUAL[kind])
    for name in draw(st.lists(st.sampled_from(sorted(given)), max_size=2, unique=True)):
        held = given[name]
        if isinstance(held, Mapping) and draw(st.booleans()):
            given[name] = dict(held) | {draw(texts): draw(things)}
        elif isinstance(held, np.ndarray) and held.dtype.kind == "f" and held.size and draw(st.booleans()):
            changed = np.array(held)
            changed[tuple(draw(st.integers(0, size - 1)) for size in held.shape)] = draw(floats)
            given[name] = changed
        else:
            given[name] = draw(things)
    return kind, given


def parts(value: object) -> list[object]:
    """``value`` and everything in it."""
    found = [value]
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            found += parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        found += [part for each in value.values() for part in parts(each)]
    elif isinstance(value, tuple | list):
        found += [part for each in value for part in parts(each)]
    return found


def check_locked(value: object) -> None:
    for part in parts(value):
        if isinstance(part, np.ndarray):
            assert not part.flags.writeable
        elif isinstance(part, Mapping):
            assert not hasattr(part, "__setitem__"), type(part)
        elif isinstance(part, float):
            assert math.isfinite(part), value


COPIES: tuple[Callable[[Any], Any], ...] = (
    copy.copy, copy.deepcopy, replace, lambda value: pickle.loads(pickle.dumps(value)),
    lambda value: pickle.loads(pickle.dumps(value, protocol=2)),
)  # fmt: skip


def check_value(given: tuple[type, dict[str, Any]]) -> None:
    kind, arguments = given
    try:
        value = kind(**arguments)
    except InvalidValueError as error:
        refusal = str(error)
        assert refusal.strip(), "an error without words"
        assert len(refusal) < 1500, refusal
        return
    check_locked(value)
    for copied in COPIES:
        again = copied(value)
        assert again == value
        assert hash(again) == hash(value)
        assert type(again) is kind
        check_locked(again)
    assert value != object()


# --- the guard ---------------------------------------------------------------------------------------

entries = st.one_of(
    st.sampled_from((0.0, 1e-6, -1e-6, 0.01, -0.01, 0.1, 0.19, 1.0, -1.0, 3.0, 7.0, 1e3, 3e38, -3e38, 1e-45)),
    st.floats(-0.25, 0.25, width=32),
)
limits = st.sampled_from((1e-6, 1e-3, 0.1, 1.0, 10.0, 1e4))


@st.composite
def cases(draw: st.DrawFn) -> tuple[ActionSpace, np.ndarray, dict[str, Any]]:
    """A space, rows of a chunk for it, and what else is odd."""
    space = draw(st.sampled_from(list(ActionSpace)))
    columns = draw(st.sampled_from((4, 4, 4, 7, 2))) if space is ActionSpace.JOINT_POSITION else 7
    rows = draw(st.lists(st.lists(entries, min_size=columns, max_size=columns), min_size=1, max_size=8))
    odd = {
        "dt_s": draw(st.sampled_from((0.1, 0.1, 0.1, 0.1019, 0.5, 1e-6))),
        "stamp": draw(st.sampled_from((0, 0, 0, 10**9, -(2**63), 2**63 - 1))),
        "speed": draw(limits), "turn": draw(limits), "scale": draw(limits),
        "joints": draw(st.sampled_from((0.0, 1.99, 2.5, -7.0, 3e38))),
        "position": draw(st.sampled_from(((0.5, 0, 0.3), (0.79, 0.39, 0.01), (-3.0, 0, 0), (1e6, 0, 0)))),
        "spoiled": draw(st.sampled_from((None, None, None, math.nan, math.inf))),
    }  # fmt: skip
    return space, np.array(rows, np.float32), odd


def check_guard(given: tuple[ActionSpace, np.ndarray, dict[str, Any]]) -> None:
    space, rows, odd = given
    spec: RobotSpec = replace(SPEC, action_space=space)
    pose = words.Pose(odd["position"], POSE.quat_wxyz)
    obs = replace(OBS, joint_pos=np.full(3, odd["joints"]), ee_pose=pose)
    bounds = GuardLimits(
        max_speed_m_s=odd["speed"], max_turn_rad_s=odd["turn"], joint_speed_scale=odd["scale"]
    )
    try:
        chunk = ActionChunk(
            rows, odd["dt_s"], space, obs.stamp_ns + min(odd["stamp"], 2**63 - 1 - obs.stamp_ns)
        )
    except InvalidValueError:
        return
    if odd["spoiled"] is not None:  # behind the chunk's own back
        spoiled = np.array(chunk.actions)
        spoiled[-1, 0] = odd["spoiled"]
        object.__setattr__(chunk, "actions", spoiled)
    verdict = SafetyGuard(spec, bounds).check(chunk, obs)
    if verdict.chunk is None:
        assert verdict.reason
        return
    sent = verdict.chunk.actions.astype(np.float64)
    assert odd["spoiled"] is None
    assert np.isfinite(sent).all()
    assert ((sent[:, -1] >= 0) & (sent[:, -1] <= 1)).all()
    assert len(sent) * chunk.dt_s <= bounds.max_chunk_s + chunk.dt_s
    if space is ActionSpace.JOINT_POSITION:
        before = np.vstack([obs.joint_pos.astype(np.float64), sent[:-1, :-1]])
        allowed = spec.joint_velocity * bounds.joint_speed_scale * chunk.dt_s
        assert (np.abs(sent[:, :-1] - before) <= allowed * (1 + 1e-4) + 1e-6).all()
    else:
        steps = np.diff(np.vstack([np.zeros(3), sent[:, :3]]), axis=0)
        assert (np.linalg.norm(steps, axis=1) <= bounds.max_speed_m_s * chunk.dt_s * (1 + 1e-4) + 1e-6).all()


@counts(100, 2_000)
def test_values(count: int) -> None:
    explore("values of the library", made_of(), check_value, count)


@counts(50, 1_000)
def test_the_guard_lets_nothing_wild_through(count: int) -> None:
    explore("values of the library", cases(), check_guard, count)
