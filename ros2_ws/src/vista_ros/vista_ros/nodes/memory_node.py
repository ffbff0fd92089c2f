"""The memory: RoboMemory behind services, one file a scene or one database for several robots."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from rclpy.qos import DurabilityPolicy, QoSProfile
from visualization_msgs.msg import MarkerArray

from robomemory.embed.embedder import HashingEmbedder
from robomemory.errors import StoreError
from robomemory.front.door import Memory
from robomemory.front.frames import Frames
from robomemory.graph.draw import graph_image
from robomemory.graph.markers import Marker, markers_of
from robomemory.helpers import Helpers
from robomemory.memory import RoboMemory
from robomemory.places.poses import Pose
from robomemory.records import MemoryStatus
from robomemory.records import Recall as Item
from vista.assembly import loading
from vista.errors import UnknownNameError
from vista.messages.describe import describe
from vista.robot.contract import load_robot
from vista_msgs.srv import BeginRun, Find, Recall, Remember, Retract, Scene, Where
from vista_ros import conversions as c
from vista_ros.node_base import VistaNode, run_node

GRAPH_S = 0.5  # the graph is shown at most so often [s]
GRAPH_SHARE = 0.1  # and drawing it takes at most this part of the time: thousands of things take 0.3 s
MOST_S = 60.0  # a request holds a thread of the node for so long at most
STATUS_S = 2.0  # the store is counted so often [s], and only if something was written


class MemoryNode(VistaNode):
    """``remember`` answers when the notes are durable: a kill right after loses nothing.

    ``folder`` is where the memories lie, one file for each ``scene_name``, or the URL of a PostgreSQL
    database (``postgresql://...``) that robots share. ``memory/graph`` shows the graph to viewers, latched.
    ``resolver`` is asked about conflicts in the graph, in the background. The memory's own frame is the base
    frame of ``robot``; ``frames`` are poses of others in it, as JSON.
    """

    def __init__(self) -> None:
        super().__init__("memory")
        self._memory = None
        self._shown: tuple[int, tuple[Marker, ...]] = (-1, ())
        self._drawing, self._rest_until = threading.Lock(), 0.0
        self._status: MemoryStatus | None = None
        self._recall_s: float | None = None

    def setup(self) -> None:
        folder, scene = self.param("folder", "runs/memory"), self.param("scene_name", "scene")
        self._frame = load_robot(self.param("robot", "panda")).base_frame
        frames = c.poses_from_json(self.param("frames", ""))
        if (embedder := self.param("embedder", "")) not in ("", "hashing"):
            raise UnknownNameError("embedder", embedder, ["hashing"])
        resolver = self.param("resolver", "") or None
        if embedder == "hashing":
            helpers = None if resolver is None else Helpers(resolve=loading.load_resolver(resolver))
            self._memory = RoboMemory.for_scene(folder, scene, embedder=HashingEmbedder(), helpers=helpers)
        else:
            self._memory = loading.open_memory(folder, scene, resolver=resolver)
        self._memory.frames = Frames(self._memory.frames.own, frames)
        self.serve(BeginRun, "begin_run", self._begin_run)
        self.serve(Remember, "remember", self._remember)
        self.serve(Recall, "recall", self._recall)
        self.serve(Find, "find", self._find)
        self.serve(Where, "where", self._where)
        self.serve(Retract, "retract", self._retract)
        self.serve(Scene, "scene", self._scene)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._graph = self.create_publisher(MarkerArray, "memory/graph", latched)
        self.owns(self._graph, self.destroy_publisher)
        self._shown, self._status, self._recall_s, self._rest_until = (-1, ()), None, None, 0.0
        self.every(GRAPH_S, self._show, "memory/graph")
        self.every(STATUS_S, self._count, "memory/status")

    def teardown(self) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def report(self) -> dict[str, str]:
        said = {}
        if (status := self._status) is not None:
            age_s = max(0.0, time.time() - status.updated_ns * 1e-9)
            said = {f"{kind} records": str(n) for kind, n in status.records.items()}
            said["size [MB]"] = f"{status.size_bytes / 1e6:.2f}"
            said["last update age [s]"] = f"{age_s:.0f}" if status.updated_ns else "never"
        if self._recall_s is not None:
            said["last recall [ms]"] = f"{self._recall_s * 1e3:.1f}"
        return said

    def _show(self) -> None:
        """Publishes the graph if it looks otherwise than when it was published last."""
        if time.monotonic() < self._rest_until or not self._drawing.acquire(blocking=False):
            return
        try:
            start, revision = time.monotonic(), self._revision()
            before, shown = self._shown
            if revision in (None, before):
                return
            markers = markers_of(self._memory.scene())
            if before < 0 or markers != shown:
                self._graph.publish(c.marker_array(markers, self.now_ns(), self._frame))
            self._shown, end = (revision, markers), time.monotonic()
            self._rest_until = end + (end - start) * (1 / GRAPH_SHARE - 1)
        finally:
            self._drawing.release()

    def _count(self) -> None:
        revision = self._revision()
        if revision is not None and (self._status is None or self._status.updates != revision):
            self._status = self._memory.status()

    def _revision(self) -> int | None:
        """None, and a warning until it is back, when the database is gone."""
        try:
            revision = self._memory.revision()
        except StoreError as error:
            self.warn("store", describe(error))
            return None
        self.warn("store", "")
        return revision

    def _frame_of(self, name: str) -> tuple[str, Pose]:
        """The frame ``name`` (empty: the memory's own), and its pose in the memory's own, now."""
        if name in ("", self._frame):
            return self._frame, c.HERE
        return name, self._memory.frames.pose("frame_id", name, self.now_ns())

    def _told(self, frame: str) -> str:
        """``frame`` as the memory calls it: its own has another name in the graph."""
        return "" if frame == self._frame else frame

    def _begin_run(self, request: BeginRun.Request, response: BeginRun.Response) -> BeginRun.Response:
        response.run = self._memory.begin_run(c.time_from_msg(request.stamp))
        response.ok = True
        return response

    def _remember(self, request: Remember.Request, response: Remember.Response) -> Remember.Response:
        notes = [c.note_from_msg(note, self._frame) for note in request.notes]
        response.ids = self._memory.remember(notes)
        response.ok, response.kept = True, len(notes)
        return response

    def _retract(self, request: Retract.Request, response: Retract.Response) -> Retract.Response:
        self._memory.retract(request.id)
        response.ok = True
        return response

    def _recall(self, request: Recall.Request, response: Recall.Response) -> Recall.Response:
        frame = self._frame_of(request.frame_id)
        start, timeout_s = time.monotonic(), c.seconds_of("timeout_s", request.timeout_s, 1.0, MOST_S)
        found = self._memory.recall(request.queries, k=request.k or 5, timeout_s=timeout_s)
        self._recall_s = time.monotonic() - start
        response.ok, response.items = True, [c.memory_item_to_msg(item, *frame) for item in found]
        response.missing = [str(kind) for kind in found.missing]
        response.missing_why = [c.wire(why) for why in found.missing.values()]
        return response

    def _find(self, request: Find.Request, response: Find.Response) -> Find.Response:
        wanted, (frame, _) = c.conditions_from_msg(request), self._frame_of(request.frame_id)
        found = Memory.over(self._memory).find(
            wanted.text, kinds=wanted.kinds or None, near=wanted.near, box=wanted.box, between=wanted.between,
            run=wanted.run, relation=wanted.relation, source=wanted.source, metadata=wanted.metadata or None,
            k=wanted.k, min_score=wanted.min_score, frame=self._told(frame), stamp_ns=self.now_ns(),
        )  # fmt: skip
        known = self._memory.confirmations([each.id for each in found])
        placed = [(each, replace(each.record, position=each.position)) for each in found]
        items = [Item(record, each.score, evidence=known.get(each.id)) for each, record in placed]
        response.ok, response.items = True, [c.memory_item_to_msg(item, frame) for item in items]
        return response

    def _where(self, request: Where.Request, response: Where.Response) -> Where.Response:
        frame, _ = self._frame_of(request.frame_id)
        door, now_ns = Memory.over(self._memory), self.now_ns()
        things = door.where(request.name, frame=self._told(frame), stamp_ns=now_ns)
        response.ok, response.candidates = True, [c.candidate_to_msg(each, frame) for each in things]
        return response

    def _scene(self, request: Scene.Request, response: Scene.Response) -> Scene.Response:
        scene = c.scene_about(self._memory.scene(), request.entities)
        stamps = [each.last_seen_ns for each in scene.objects]
        stamps += [fact.valid_from_ns for fact in (*scene.facts, *scene.past)]
        response.ok, response.scene = True, c.scene_graph_to_msg(scene)
        response.stamp = c.time_to_msg(max(stamps, default=0))
        if request.picture:
            response.svg = graph_image(self._memory).decode()
        return response


def main() -> int:
    return run_node(MemoryNode)


if __name__ == "__main__":
    raise SystemExit(main())
