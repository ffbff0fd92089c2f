"""Whatever goes through a message comes back the same, also over the wire; what is malformed is named."""

from __future__ import annotations

import inspect
from array import array
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")

from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image, JointState

from robomemory import (
    Candidate,
    Confirmation,
    Failure,
    MemoryKind,
    MemoryRecord,
    Note,
    Picture,
    Recall,
    SceneFact,
    SceneGraph,
    SceneObject,
    StepDone,
)
from robomemory.timestamps import Moment
from tests.mocks import mock_spec
from vista.errors import InvalidValueError
from vista.events import Event, EventKind
from vista.skill import Relation, Skill, Verb
from vista.types import (
    ActionChunk,
    ActionSpace,
    Ask,
    Cause,
    Decision,
    Detection,
    EpisodeResult,
    Ground,
    GroundedBy,
    Grounding,
    ObjectKind,
    Observation,
    Option,
    Outcome,
    Pose,
    Progress,
    Question,
    Refusal,
    State,
    Subgoal,
    Subtask,
    SubtaskResult,
)
from vista_msgs import msg as m
from vista_msgs.srv import Find
from vista_ros import conversions as c

pytestmark = pytest.mark.ros

RNG = np.random.default_rng(0)
SPEC = mock_spec()
STAMP = 1_234_567_890_123_456_789


def picture(h: int = 6, w: int = 5) -> np.ndarray:
    return RNG.integers(0, 256, (h, w, 3), dtype=np.uint8)


DEPTH = RNG.random((4, 5), dtype=np.float32)
DEPTH[1, 2] = np.nan
POSE = Pose(np.array([0.1, -0.2, 0.3]), np.array([0.1, 0.7, -0.7, 0.1]) / 1.0, "base")
PLACE = Skill(Verb.PLACE, "blue mug", Relation.IN, "left drawer")
SUBTASK = Subtask(PLACE, 2, "the mug is in the hand")
RESULT = SubtaskResult(SUBTASK, 0.5, 2.25, State.TIMED_OUT, "nothing moved", 0.75, Cause.OUT_OF_TIME)
ASKED = Question(
    Ask.WHICH, "the mug", "Which mug: the blue one or the red one?",
    (Option("blue mug", "on the left", np.array([0.4, 0.1, 0.02]), 7), Option("red mug")),
)  # fmt: skip
SAID = SubtaskResult(Subtask("lift it"), 0.0, 1.0, State.FAILED, "the guard held", 0.0, Cause.STOPPED)
STEP = StepDone("place", "blue mug", "in", "left drawer", "failed", "not_held")
FAILURES = (
    Failure("grasp", "blue mug", "in left drawer", "not_held"),
    Failure("open", "left drawer", "", ""),
)
LESSON = Note(
    "semantic", "the blue mug is kept in the left drawer", STAMP, ("blue mug",), source="planner", run=4,
    triple=("blue mug", "is usually kept in the", "left drawer"),
)  # fmt: skip
METADATA = {"camera": "wrist", "count": 3, "grams": 250.5, "empty": False, "owner": None, "room": ""}
PICTURE = Picture(b"\x89PNG", (0.6, 0.8), "colours")
KNOWN = Confirmation(12, Moment(1, 900), Moment(3, 5), ("Kim", "detector"), 0.75)
RECALLED = Recall(
    MemoryRecord(
        17, MemoryKind.EPISODIC, STAMP, "put the mug away: failure", ("blue mug",), (0.1, 0.2, 0.3), None,
        0.5, "agent", 3, STEP, FAILURES, METADATA, "map",
    ),
    0.75, evidence=KNOWN,
)  # fmt: skip
CANDIDATE = Candidate(
    "mug", (0.1, 0.2, 0.3), STAMP, 2, "tray", ("mug in tray",), 1.5, 0.75, 100, STAMP, 12,
    ("Kim", "detector"), (9, 4),
)  # fmt: skip
THING = SceneObject("mug", (0.1, 0.2, 0.3), 1, 5, 0.9, 2)
FACT = SceneFact("mug", "in", "tray", 4, None, 0.8, 7, None, 9, 2, 0)
ENDED = SceneFact("mug", "on", "table", 1, 4, 0.8, 5, 7, 8, 1, 2)
GRID = RNG.random((6, 6), dtype=np.float32)
GROUND = Ground(
    "blue mug", GroundedBy.EXEMPLAR, 0.75, ObjectKind.THING, np.array([0.4, 0.1, 0.02]), 0.01, "front",
    np.array([0.1, 0.2, 0.3, 0.4], np.float32), GRID,
)  # fmt: skip
GROUNDING = Grounding(GROUND, replace(GROUND, name="tray", kind=ObjectKind.CONTAINER), GRID, GRID)
DETECTION = Detection("blue mug", 0.875, np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.5, 0.1, 0.02]), 0.01)

# One sample or more for every pair x_to_msg, x_from_msg of the module; the name is x.
SAMPLES: dict[str, list[Any]] = {
    "time": [0, STAMP],
    "image": [picture(), np.asfortranarray(picture()), picture()[::2, ::-1]],
    "compressed": [np.full((16, 8, 3), 128, np.uint8)],  # a JPEG keeps one colour as it is
    "depth": [DEPTH],
    "pose": [POSE],
    "joint_state": [
        c.JointReading(STAMP, np.array([0.1, 0.2, -1.5], np.float32), np.zeros(3, np.float32), 0.25, -1.0)
    ],
    "observation": [
        Observation(STAMP, {"front": picture(), "wrist": picture(3, 3)}, [0.1, 0.2], [0.3, 0.4], 0.5, POSE,
                    gripper_command=0.0, gripper_vel=-0.5, depth={"front": DEPTH}),
        Observation(0, {}, [], [], 1.0, POSE),
    ],
    "detection": [DETECTION, *(replace(DETECTION, kind=kind) for kind in ObjectKind),
                  *(replace(DETECTION, by=by) for by in GroundedBy)],
    "detections": [(), (DETECTION, DETECTION)],
    "sought": [DETECTION, None],
    "evidence": [GRID, None],
    "skill": [PLACE, replace(PLACE, at=(0.5, -0.1)), Skill(Verb.OPEN, "left drawer"),
              Skill(Verb.GRASP, "mug", Relation.ON, "blue plate")],
    "subtask": [SUBTASK, Subtask("push"), Subtask(Skill(Verb.GRASP, "blue mug"))],
    "subgoal": [
        Subgoal(SUBTASK, {"front": picture(), "wrist": picture()}, 0.9, 7, STAMP),
        Subgoal(SUBTASK, {}, 0.0, -1, 0),
        Subgoal(SUBTASK, {}, 0.0, -1, 0, GROUNDING),
    ],
    "ground": [GROUND, *(replace(GROUND, by=by) for by in GroundedBy), Ground("drawer", GroundedBy.CONTRACT)],
    "grounding": [GROUNDING, Grounding(), Grounding(GROUND), Grounding(place=GROUND, hand_end=GRID)],
    "chunk": [
        ActionChunk(RNG.random((t, 4), dtype=np.float32), dt, ActionSpace.JOINT_POSITION, STAMP)
        for t, dt in ((1, 0.1), (8, 0.05), (5, 1 / 3))
    ],
    "progress": [
        Progress(state, 0.5, "so it is", cause, 12) for state in State for cause in Cause
    ],
    "guard_report": [
        c.GuardReport(STAMP, decision, "workspace", "z below 0.01 m", cause)
        for decision in Decision for cause in ("", "operator")
    ],
    "subtask_result": [RESULT, SAID],
    "episode_result": [
        EpisodeResult("put it away", outcome, "done", 12, 3.5, (RESULT, SAID), {"imagine": (0.1, 0.2)},
                      question=ASKED if outcome is Outcome.QUESTION else None,
                      answer="in the tray" if outcome is Outcome.ANSWERED else "", refusal=refusal)
        for outcome in Outcome for refusal in (None, *Refusal)
    ],
    "question": [replace(ASKED, kind=kind) for kind in Ask] + [Question(Ask.MISSING, "it", "What is it?")],
    "option": list(ASKED.options),
    "note": [
        Note("semantic", "mugs are for drinking", STAMP),
        Note("spatial", "the mug is in the tray", 5, ("mug", "tray"), (0.1, 0.2, 0.3), ("mug", "in", "tray"),
             0.5, "agent"),
        LESSON,
        Note("temporal", "the mug did not fit", 5, ("mug",), source="agent", run=2, step=STEP),
        Note("episodic", "put the mug away: failure", 5, failures=FAILURES),
        Note("spatial", "a mug", 5, ("mug",), (0.1, 0.2, 0.3), metadata=METADATA, frame="map",
             picture=PICTURE),
    ],
    "metadata_value": list(METADATA.items()),
    "picture": [PICTURE, Picture(b"\0")],
    "confirmation": [KNOWN, Confirmation(1, Moment(0, 0), Moment(0, 0), (), 0.0)],
    "candidate": [CANDIDATE, replace(CANDIDATE, position=None, via="", facts=(), age_s=None, sources=())],
    "conditions": [
        c.Wanted("mug"),
        c.Wanted("mug", ("spatial", "episodic"), ((0.1, 0.2, 0.3), 0.5),
                     ((0.0, 0.0, 0.0), (1.0, 1.0, 2.0)), (5, STAMP), 0, "in", "Kim", METADATA, 7, 0.25),
    ],
    "step_done": [STEP, StepDone("grasp", "mug")],
    "failure": list(FAILURES),
    "scene_object": [THING, SceneObject("tray", None, 1, 2, 0.5)],
    "scene_fact": [FACT, ENDED],
    "scene_graph": [SceneGraph((THING,), (FACT,), (ENDED,)), SceneGraph((), ())],
    "event": [
        Event(EventKind.STAGE_ENDED, stage="imagine", seconds=0.25),
        Event(EventKind.IMAGINED, subtask=SUBTASK, subgoal=Subgoal(SUBTASK, {}, 0.5, 3, STAMP)),
        Event(EventKind.SUBTASK_ENDED, subtask=SUBTASK, progress=Progress(State.REACHED, 1.0, "there"),
              images={"front": picture(), "wrist": picture()}),
        Event(EventKind.DETECTED, detections=(DETECTION,)),
        Event(EventKind.RECALLED, recall=(RECALLED,)),
        Event(EventKind.PLANNED, subtask=SUBTASK),
        Event(EventKind.REJECTED, text="not yet", subtask=SUBTASK),
    ],
    "memory_item": [RECALLED, replace(RECALLED, evidence=None)],
}  # fmt: skip
NEED_SPEC = {"joint_state", "chunk"}


def same(a: object, b: object) -> bool:
    """Equality that looks into arrays, mappings and dataclasses; numbers of a finger joint may round."""
    if isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray)
        return a.dtype == b.dtype and a.shape == b.shape and np.allclose(a, b, rtol=1e-6, equal_nan=True)
    if is_dataclass(a):
        return type(a) is type(b) and all(
            same(getattr(a, f.name), getattr(b, f.name))
            for f in fields(a)
            if f.name != "at_s"  # when an event arrived is not part of the message
        )
    if hasattr(a, "items"):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == pytest.approx(b, rel=1e-6) if isinstance(a, float) else a == b


def functions(suffix: str) -> set[str]:
    found = inspect.getmembers(c, inspect.isfunction)
    return {name.removesuffix(suffix) for name, _ in found if name.endswith(suffix) and name[0] != "_"}


def test_every_pair_is_whole_and_has_a_sample():
    assert functions("_to_msg") == functions("_from_msg") == set(SAMPLES)


def test_every_message_of_the_library_is_spoken():
    """A message that no conversion makes would be unused, or built by hand in a node."""
    made = {type(to_msg(name, value)).__name__ for name, values in SAMPLES.items() for value in values}
    ours = {n for n, t in inspect.getmembers(m, inspect.isclass)}
    assert ours - made == set()


def to_msg(name: str, value: object) -> Any:
    extra = (SPEC,) if name in NEED_SPEC else ()
    return getattr(c, f"{name}_to_msg")(value, *extra)


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in SAMPLES.items() for v in values])
def test_round_trip_over_the_wire(name: str, value: object):
    msg = to_msg(name, value)
    wired = deserialize_message(serialize_message(msg), type(msg))
    extra = (SPEC,) if name in NEED_SPEC else ()
    for received in (msg, wired):
        assert same(value, getattr(c, f"{name}_from_msg")(received, *extra))


def test_a_scene_is_told_about_what_is_asked():
    scene = SceneGraph((THING, SceneObject("tray", None, 1, 2, 0.5)), (FACT,), (ENDED,))
    assert c.scene_about(scene, []) == scene
    about = c.scene_about(scene, ["tray"])
    assert ([each.name for each in about.objects], about.facts, about.past) == (["tray"], (FACT,), ())


def test_every_cause_has_a_number_of_its_own():
    numbers = {c.progress_to_msg(Progress(State.FAILED, 0.0, cause=cause)).cause for cause in Cause}
    assert len(numbers) == len(Cause)
    assert (
        c.progress_to_msg(Progress(State.FAILED, 0.0, cause=Cause.STOPPED)).cause == m.Progress.CAUSE_STOPPED
    )


def test_an_item_of_another_memory_is_told_too():
    from vista.loop.stages import Remark

    item = c.memory_item_from_msg(c.memory_item_to_msg(Remark("it fell", "temporal", 1.0)), 3, partial=True)
    assert (item.text, item.kind, item.score, item.rank, item.partial) == (
        "it fell",
        "temporal",
        1.0,
        3,
        True,
    )


def test_the_frame_of_an_item_is_that_of_its_position():
    """A consumer that knows only the message finds the position in the frame that stands beside it."""
    msg = c.memory_item_to_msg(RECALLED, "base")
    assert (msg.header.frame_id, msg.note.frame_id, msg.told_in) == ("base", "base", "map")
    assert msg.header.stamp == msg.note.stamp == c.time_to_msg(STAMP)
    assert c.memory_item_from_msg(msg).record.frame == "map"
    assert c.memory_item_from_msg(msg).evidence == KNOWN
    assert c.candidate_to_msg(CANDIDATE, "base").header.frame_id == "base"


def test_a_subtask_is_described_whatever_it_holds():
    assert c.subtask_in_words(c.subtask_to_msg(SUBTASK)) == "place blue mug in left drawer"
    assert c.subtask_in_words(c.subtask_to_msg(Subtask("push"))) == "push"
    assert c.subtask_in_words(m.Subtask()) == ""


def test_quaternions_turn_over():
    q = c.pose_to_msg(POSE).pose.orientation
    assert (q.w, q.x, q.y, q.z) == tuple(POSE.quat_wxyz)


def test_image_is_written_in_place_and_read_without_a_copy():
    kept = c.image_to_msg(picture())
    memory = np.frombuffer(kept.data, np.uint8)
    second = picture()
    assert c.image_to_msg(second, STAMP, "front", out=kept) is kept
    assert np.shares_memory(memory, np.frombuffer(kept.data, np.uint8))
    seen = c.image_from_msg(kept)
    assert np.shares_memory(seen, memory)
    assert not seen.flags.writeable
    assert np.array_equal(seen, second)
    other = picture(9, 9)
    assert np.array_equal(c.image_from_msg(c.image_to_msg(other, out=c.image_to_msg(second))), other)


def test_image_of_a_real_camera():
    """Padded rows and the other order of colours, as drivers send them."""
    image = picture(4, 5)
    padded = np.zeros((4, 20), np.uint8)
    padded[:, :15] = image[..., ::-1].reshape(4, 15)
    msg = Image(height=4, width=5, step=20, encoding="bgr8", data=array("B", padded.tobytes()))
    assert np.array_equal(c.image_from_msg(msg), image)


def test_depth_in_millimetres():
    data = array("B", np.array([0, 1500], "<u2").tobytes())
    msg = Image(height=1, width=2, step=4, encoding="16UC1", data=data)
    assert same(c.depth_from_msg(msg), np.array([[np.nan, 1.5]], np.float32))


def test_joint_state_is_read_by_name():
    names = ["finger", "other", "joint3", "joint1", "joint2"]
    msg = JointState(name=names, position=[0.04, 9.0, 3.0, 1.0, 2.0])
    reading = c.joint_state_from_msg(msg, SPEC)
    assert reading.position.tolist() == [1, 2, 3]
    assert reading.velocity.tolist() == [0, 0, 0]
    assert reading.gripper == 1.0


def bad_messages() -> list[tuple[str, Any]]:
    short = c.image_to_msg(picture())
    short.data = short.data[:-1]
    trajectory = c.chunk_to_msg(SAMPLES["chunk"][1], SPEC)
    trajectory.points[0].time_from_start.sec = 3
    unnamed = c.subgoal_to_msg(SAMPLES["subgoal"][0])
    unnamed.cameras = ["front", "front"]
    poisoned = c.joint_state_to_msg(SAMPLES["joint_state"][0], SPEC)
    poisoned.position[0] = float("nan")
    return [
        ("image", short),
        ("image", Image(encoding="nv12", height=1, width=1, step=1, data=b"0")),
        ("image", Image(encoding="rgb8")),
        ("depth", c.image_to_msg(picture())),
        ("subgoal", unnamed),
        ("subtask", m.Subtask()),
        ("subtask", m.Subtask(skill=m.Skill(thing="mug"))),
        ("subtask", m.Subtask(skill=m.Skill(verb="grasp", thing="mug"), sentence="grasp the mug")),
        ("skill", m.Skill(verb="juggle", thing="mug")),
        ("skill", m.Skill(verb="place", thing="mug", relation="on", place="table", at=[0.5])),
        ("skill", m.Skill(verb="place", thing="mug")),
        ("skill", m.Skill(verb="place", thing="mug", relation="under", place="tray")),
        ("detection", m.Detection(kind=7)),
        ("evidence", m.Evidence(size=2, cells=[0.0])),
        ("evidence", m.Evidence(size=1, cells=[float("nan")])),
        ("progress", m.Progress(state=9)),
        ("progress", m.Progress(state=1, cause=99)),
        ("progress", m.Progress(fraction=1.5)),
        ("guard_report", m.GuardStatus(stopped=True)),
        ("episode_result", m.EpisodeResult(timings_json="[1]")),
        ("note", m.Note(triple=["a"])),
        ("note", m.Note(step=[m.StepDone(thing="mug")])),
        ("note", m.Note(failures=[m.Failure(about="mug")])),
        ("memory_item", m.MemoryItem(note=m.Note(kind="gossip", text="so it is"))),
        ("memory_item", m.MemoryItem(score=2.0, note=m.Note(kind="semantic", text="so it is"))),
        ("metadata_value", m.MetadataValue(name="camera", text="wrist")),
        ("metadata_value", m.MetadataValue(type=m.MetadataValue.TEXT, text="wrist")),
        ("note", m.Note(kind="semantic", text="so it is", metadata=[c.metadata_value_to_msg(("a", 1))] * 2)),
        ("note", m.Note(kind="semantic", text="so it is", picture=[m.Picture()])),
        ("picture", m.Picture(data=b"0", vector=[1.0])),
        ("confirmation", m.Confirmation()),
        ("candidate", m.Candidate()),
        ("conditions", Find.Request(text="mug", box=[c.point_of(None)])),
        ("conditions", Find.Request(text="mug", between=[c.time_to_msg(1)])),
        ("conditions", Find.Request(text="mug", near=[c.point_of((float("nan"), 0.0, 0.0))])),
        ("scene_object", m.SceneObject()),
        ("scene_fact", m.SceneFact(subject="mug", object="tray")),
        ("pose", c.pose_to_msg(POSE).__class__(pose=type(c.pose_to_msg(POSE).pose)(
            orientation=type(c.pose_to_msg(POSE).pose.orientation)(w=0.0)))),
        ("chunk", trajectory),
        ("joint_state", JointState(name=["joint1"], position=[0.0])),
        ("joint_state", poisoned),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "msg"), bad_messages())
def test_a_malformed_message_is_one_error(name: str, msg: object):
    extra = (SPEC,) if name in NEED_SPEC else ()
    with pytest.raises(InvalidValueError):
        getattr(c, f"{name}_from_msg")(msg, *extra)


def test_only_joint_positions_become_a_trajectory():
    chunk = ActionChunk(np.zeros((2, 7), np.float32), 0.1, ActionSpace.EE_DELTA, 0)
    with pytest.raises(InvalidValueError, match="joint_position with 4 columns"):
        c.chunk_to_msg(chunk, SPEC)
