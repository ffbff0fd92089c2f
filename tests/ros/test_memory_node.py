"""The memory node by itself: the graph for viewers, and what the diagnostics say of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")
pytest.importorskip("faiss")

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from visualization_msgs.msg import Marker, MarkerArray

from robomemory import Note
from vista.errors import InvalidValueError
from vista.graph.running import free_domain
from vista_msgs.msg import MetadataValue
from vista_msgs.srv import Find, Recall, Remember, Retract, Where
from vista_ros import conversions as c
from vista_ros.nodes.memory_node import GRAPH_S, GRAPH_SHARE, MemoryNode

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]
DOMAIN = free_domain()
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
WAIT_S = 30.0
FRAMES = '{"map": [1.0, 2.0, 0.0, 0.0, 0.0, 0.7071067811865476, 0.7071067811865476]}'  # turned left


class Together:
    """The memory node and a listener of its own in one executor."""

    def __init__(self, folder: object) -> None:
        self.node, self.ear = MemoryNode(), Node("ear")
        for name, value in (("folder", str(folder)), ("embedder", "hashing"), ("frames", FRAMES)):
            self.node.param(name, value)
        self.executor = MultiThreadedExecutor(4)
        for each in (self.node, self.ear):
            self.executor.add_node(each)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._end = False
        self._thread.start()
        self.node.trigger_configure()
        self.node.trigger_activate()

    def _spin(self) -> None:
        while not self._end:
            self.executor.spin_once(timeout_sec=0.05)

    def call(self, kind: object, name: str, request: object) -> object:
        client = self.ear.create_client(kind, name)
        assert client.wait_for_service(WAIT_S)
        answer = client.call_async(request)
        wait(answer.done, f"{name} does not answer")
        return answer.result()

    def remember(self, *notes: Note) -> list[int]:
        answer = self.call(Remember, "remember", Remember.Request(notes=[c.note_to_msg(n) for n in notes]))
        assert answer.ok, answer
        assert len(answer.ids) == answer.kept == len(notes)
        return list(answer.ids)

    def hear(self, kind: object, topic: str, qos: object) -> list[object]:
        heard: list[object] = []
        self.ear.create_subscription(kind, topic, heard.append, qos)
        return heard

    def close(self) -> None:
        self._end = True
        self._thread.join(5.0)
        self.node.on_shutdown(None)
        self.executor.shutdown(timeout_sec=2.0)
        for each in (self.node, self.ear):
            each.destroy_node()


def wait(condition: Callable[[], object], why: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, why
        time.sleep(0.02)


@pytest.fixture
def together(ros: None, tmp_path: object) -> Iterator[Together]:
    made = Together(tmp_path)
    yield made
    made.close()


def seen(name: str, x: float, **more: object) -> Note:
    return Note("spatial", f"{name} seen", int(1e9 * (1 + x)), (name,), (x, 0.0, 0.1), **more)


def labels(array: MarkerArray) -> list[str]:
    return [m.text for m in array.markers if m.ns == "labels"]


def test_a_late_viewer_gets_the_graph_and_sees_it_change(together):
    together.remember(seen("mug", 0.5, triple=("mug", "in", "tray")), seen("tray", 0.4))
    early = together.hear(MarkerArray, "memory/graph", LATCHED)
    wait(lambda: early and labels(early[-1]) == ["mug", "tray"], "no graph")
    published = len(early)
    late = together.hear(MarkerArray, "memory/graph", LATCHED)
    wait(lambda: late, "a late subscriber gets nothing")
    first, *markers = late[0].markers
    assert first.action == Marker.DELETEALL  # what was shown before goes
    assert {m.header.frame_id for m in late[0].markers} == {"base"}
    spheres = {m.id: m for m in markers if m.ns == "things"}
    assert [round(m.pose.position.x, 3) for _, m in sorted(spheres.items())] == [0.5, 0.4]
    (line,) = [m for m in markers if m.ns == "place relations"]
    assert line.type == Marker.LINE_LIST
    assert [round(p.x, 3) for p in line.points] == [0.5, 0.4]
    together.remember(Note("episodic", "put the mug away: success", 9))
    together.remember(seen("bowl", 0.7))
    wait(lambda: labels(late[-1]) == ["bowl", "mug", "tray"], "the graph does not follow")
    # The attempt changed nothing in the graph: what is equal is not published again.
    assert len(early) == published + 1


def test_what_is_retracted_leaves_the_viewers(together):
    together.remember(seen("mug", 0.5))
    heard = together.hear(MarkerArray, "memory/graph", LATCHED)
    (key,) = together.remember(seen("bowl", 0.7))
    wait(lambda: heard and labels(heard[-1]) == ["bowl", "mug"], "no graph")
    assert together.call(Retract, "retract", Retract.Request(id=key)).ok
    wait(lambda: labels(heard[-1]) == ["mug"], "what was never true is still shown")
    again = together.call(Retract, "retract", Retract.Request(id=key))
    assert (again.ok, again.reason) == (False, f"retract: no record that stands has the key {key}")


def test_however_fast_the_memory_changes_viewers_get_two_pictures_a_second(together):
    heard = together.hear(MarkerArray, "memory/graph", LATCHED)
    began, n = time.monotonic(), 0
    while time.monotonic() - began < 2.0:
        n += 1
        together.remember(seen(f"mug {n}", 0.01 * n))
    wait(lambda: heard and len(labels(heard[-1])) == n, "the last picture is not whole")
    most = (time.monotonic() - began) / GRAPH_S + 2
    assert len(heard) <= most < n


def test_a_large_graph_is_drawn_more_rarely(together, monkeypatch):
    scene, drawn = together.node._memory.scene, []

    def slow() -> object:
        drawn.append(time.monotonic())
        time.sleep(0.2)
        return scene()

    monkeypatch.setattr(together.node._memory, "scene", slow)
    heard = together.hear(MarkerArray, "memory/graph", LATCHED)
    n, began = 0, time.monotonic()
    while time.monotonic() - began < 3.5:
        n += 1
        together.remember(seen(f"mug {n}", 0.01 * n))
    wait(lambda: heard and len(labels(heard[-1])) == n, "the last picture is not whole")
    gaps = [later - earlier for earlier, later in pairwise(drawn)]
    assert min(gaps) >= 0.2 / GRAPH_SHARE


def test_a_message_alone_tells_where_when_and_how_it_is_known(together):
    together.remember(seen("mug", 0.5, source="camera", metadata={"shelf": 3}))
    together.remember(seen("mug", 0.5, source="Kim", confidence=0.5))
    asked = Find.Request(text="mug", metadata=[MetadataValue(name="shelf", type=2, integer=3)])
    (item,) = together.call(Find, "find", asked).items
    assert (item.header.frame_id, item.note.frame_id) == ("base", "base")
    assert (item.header.stamp.sec, item.header.stamp.nanosec) == (1, 500_000_000)
    assert item.note.has_position
    assert item.note.position.x == 0.5
    (known,) = item.evidence
    assert (known.times, known.sources, known.confidence) == (2, ["Kim", "camera"], 1.0)
    (thing,) = together.call(Where, "where", Where.Request(name="mug")).candidates
    assert (thing.name, thing.has_position, thing.position.x, thing.times) == ("mug", True, 0.5, 2)
    assert list(thing.record_ids) == [item.id]
    assert (thing.has_age, thing.age_s, thing.header.frame_id) == (True, 0.0, "base")


def test_positions_come_and_go_in_the_frame_that_is_named(together):
    (key,) = together.remember(seen("mug", 0.5, frame="map"))  # 0.5 m ahead of it: to the left of the base
    (thing,) = together.call(Where, "where", Where.Request(name="mug")).candidates
    assert (thing.header.frame_id, *xyz(thing)) == ("base", 1.0, 2.5, 0.1)
    (thing,) = together.call(Where, "where", Where.Request(name="mug", frame_id="map")).candidates
    assert (thing.header.frame_id, *xyz(thing)) == ("map", 0.5, 0.0, 0.1)
    for kind, name, more in ((Find, "find", {"text": "mug"}), (Recall, "recall", {"queries": ["mug"]})):
        for frame, at in (("", (1.0, 2.5, 0.1)), ("map", (0.5, 0.0, 0.1))):
            (item,) = together.call(kind, name, kind.Request(frame_id=frame, **more)).items
            assert (item.id, item.note.frame_id, item.told_in) == (key, frame or "base", "map")
            assert xyz(item.note) == at
    close = {"near": [c.point_of((0.5, 0.0, 0.0))], "radius_m": 0.2}
    for frame, n in (("", 0), ("map", 1)):
        assert len(together.call(Find, "find", Find.Request(frame_id=frame, **close)).items) == n
    answer = together.call(Where, "where", Where.Request(name="mug", frame_id="moon"))
    assert answer.reason == "frame_id: unknown frame 'moon'; known are 'base', 'map'"
    unknown = c.note_to_msg(seen("mug", 0.5, frame="moon"))
    answer = together.call(Remember, "remember", Remember.Request(notes=[unknown]))
    assert (answer.ok, list(answer.ids)) == (False, [])
    assert "notes[0].frame: unknown frame 'moon'" in answer.reason


def xyz(placed: object) -> tuple[float, ...]:
    at = placed.position
    return tuple(round(v, 9) + 0.0 for v in (at.x, at.y, at.z))


@pytest.mark.parametrize(
    "text", ["map", "[1]", '{"map": 1}', '{"map": [0, 0, 0, 0, 0, 0, 0]}', '{"map": [1]}']
)
def test_frames_that_are_none_are_named(text: str):
    with pytest.raises(InvalidValueError, match=r"^frames: .*(map|\[1\])"):
        c.poses_from_json(text)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({}, "find: no condition is given"),
        ({"text": "mug", "kinds": ["gossip"]}, "gossip"),
        ({"text": "mug", "min_score": 2.0}, "Find.min_score: 2.0"),
        ({"between": [c.time_to_msg(1)]}, "Find.between: 1 stamp"),
        ({"near": [c.point_of(None)], "radius_m": -1.0}, "-1.0 m, expected > 0"),
    ],
)
def test_a_bad_search_is_one_sentence(together, asked: dict[str, object], reason: str):
    answer = together.call(Find, "find", Find.Request(**asked))
    assert not answer.ok
    assert reason in answer.reason
    assert "\n" not in answer.reason


def test_diagnostics_say_how_the_memory_is_doing(together):
    heard = together.hear(DiagnosticArray, "/diagnostics", 10)

    def values() -> dict[str, str]:
        mine = [s for array in heard for s in array.status if s.name == "memory"]
        return {v.key: v.value for v in mine[-1].values} if mine else {}

    wait(lambda: values().get("last update age [s]") == "never", "nothing is said of an empty memory")
    together.remember(seen("mug", 0.5), Note("episodic", "put the mug away: success", 9))
    assert together.call(Recall, "recall", Recall.Request(queries=["mug"], timeout_s=20.0)).ok
    wait(lambda: values().get("episodic records") == "1", "the records are not counted")
    said = values()
    assert (said["spatial records"], said["semantic records"]) == ("1", "0")
    assert float(said["size [MB]"]) > 0
    assert int(said["last update age [s]"]) < WAIT_S
    assert float(said["last recall [ms]"]) > 0
    assert not together.call(Recall, "recall", Recall.Request(queries=[""])).ok
    wait(lambda: values()["last error"].startswith("recall: "), "the last error is not told")


def test_a_database_that_is_gone_is_a_warning_until_it_is_back(together, monkeypatch):
    from robomemory import StoreError

    heard = together.hear(DiagnosticArray, "/diagnostics", 10)

    def message() -> str:
        mine = [s.message for array in heard for s in array.status if s.name == "memory"]
        return mine[-1] if mine else ""

    def gone() -> int:
        raise StoreError("postgresql://lab/memory (scene kitchen): can't reach it")

    wait(lambda: message() == "ok", "no diagnostics")
    with monkeypatch.context() as patch:
        patch.setattr(together.node._memory, "revision", gone)
        wait(lambda: "postgresql://lab/memory" in message(), "the loss is not told")
    wait(lambda: message() == "ok", "it is still told when it is back")
