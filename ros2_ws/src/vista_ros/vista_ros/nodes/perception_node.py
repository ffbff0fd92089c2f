"""Perception: detections at a low rate and on request."""

from __future__ import annotations

import threading

from robomemory.errors import RoboMemoryError
from robomemory.pictures.taught_reader import TaughtReader
from robomemory.store.opening import where_scene_is
from vista.assembly.teaching import MEMORY, bank_of, teach_pictures, teachable
from vista.errors import StaleObservationError
from vista.perception.exemplars import TaughtDetector
from vista.types import F32, Detection, Observation
from vista_msgs.msg import DetectionArray
from vista_msgs.srv import Detect, DetectorInfo
from vista_ros import conversions as c
from vista_ros import stand_ins
from vista_ros.health import Mailbox
from vista_ros.node_base import VistaNode, run_node
from vista_ros.parameters import robot_of
from vista_ros.sensing.observation import ObservationSource

LESSONS_S = 5.0  # so often [s] the memory is asked what it was taught
MOST_S = 60.0  # a request holds a thread of the node for so long at most


class PerceptionNode(VistaNode):
    """The one node that loads a detector. A worker looks at the newest observation in its mailbox; requests
    look for themselves, in turn.

    It knows what the memory of ``scene_name`` in ``memory_folder`` was taught, which it reads beside the
    memory node, and the simulator's objects of the folder ``objects_dir``.
    """

    def __init__(self) -> None:
        super().__init__("perception")
        self._looking = threading.Lock()
        self._mailbox: Mailbox[Observation] = Mailbox()
        self._ended = threading.Event()
        self._worker: threading.Thread | None = None
        self._lessons: TaughtReader | None = None

    def setup(self) -> None:
        spec = robot_of(self)
        self._frame = spec.base_frame
        looks = stand_ins.detector(self, self.param("detector", "") or None, spec)
        self._detector = teachable(looks, spec)
        if objects := self.param("objects_dir", ""):
            from vista_sim.objects.pictures import own_pictures

            teach_pictures(self._detector, spec, own_pictures(objects, spec))
        folder, scene = self.param("memory_folder", ""), self.param("scene_name", "scene")
        self._lessons = None
        if folder not in ("", ":memory:") and isinstance(self._detector, TaughtDetector):
            self._lessons = TaughtReader(where_scene_is(folder, scene))
            self._learn()
            self.every(LESSONS_S, self._learn, "learn")
        self._source = ObservationSource(self, spec)
        out = self.create_publisher(DetectionArray, "detections", 1)
        self._out = self.owns(out, self.destroy_publisher)
        self.serve(Detect, "detect", self._on_request)
        self.serve(DetectorInfo, "detector_info", self._on_info)
        if (rate := self.param("rate_hz", 0.5)) > 0:
            self.every(1 / rate, self._look_around, "look around")
        self._ended.clear()
        self._worker = threading.Thread(target=self._work, name="detect", daemon=True)
        self._worker.start()

    def teardown(self) -> None:
        self._ended.set()
        if self._worker is not None:
            self._worker.join(3.0)
            self._worker = None
        if self._lessons is not None:
            self._lessons.close()
            self._lessons = None

    def _learn(self) -> None:
        """Know what the memory was taught since, and no more what it forgot."""
        if self._lessons is None or not isinstance(self._detector, TaughtDetector):
            return
        try:
            taught = self._lessons.news()
        except RoboMemoryError:
            return  # there is no memory yet; the memory node says what is wrong with one
        if taught is not None:
            self._detector.teach(bank_of(taught), MEMORY)

    def _look_around(self) -> None:
        try:
            self._mailbox.put(self._source.wait(timeout_s=0.5))
            self.warn("silent", "")
        except StaleObservationError as error:
            self.warn("silent", str(error))

    def _work(self) -> None:
        while not self._ended.is_set():
            if (obs := self._mailbox.take(0.5)) is None:
                continue
            try:
                self._out.publish(self._detect(obs))
            except Exception as error:
                if not self._ended.is_set():
                    self.note_error("detect", error)

    def _detect(self, obs: Observation) -> DetectionArray:
        with self._looking, self.meter.measure("detect"):
            return c.detections_to_msg(self._detector.detect(obs), obs.stamp_ns, self._frame)

    def _on_request(self, request: Detect.Request, response: Detect.Response) -> Detect.Response:
        if request.observation:
            obs = c.observation_from_msg(request.observation[0])
        else:
            since = self.now_ns()
            obs = self._source.wait(since, c.seconds_of("timeout_s", request.timeout_s, 1.0, MOST_S))
        if not request.labels:
            response.detections = self._detect(obs)
        elif request.maps:
            above_m = float(request.above_m[0]) if request.above_m else None
            response.evidence = [
                c.evidence_to_msg(self._map_of(obs, label, above_m)) for label in request.labels
            ]
        else:
            response.sought = [c.sought_to_msg(self._find(obs, label), label) for label in request.labels]
        response.ok = True
        return response

    def _find(self, obs: Observation, label: str) -> Detection | None:
        with self._looking, self.meter.measure("find"):
            return self._detector.find(obs, label)

    def _map_of(self, obs: Observation, label: str, above_m: float | None) -> F32 | None:
        with self._looking, self.meter.measure("evidence"):
            return self._detector.evidence(obs, label, above_m)

    def _on_info(
        self, request: DetectorInfo.Request, response: DetectorInfo.Response
    ) -> DetectorInfo.Response:
        labels = self._detector.labels
        response.ok, response.open, response.labels = True, labels is None, sorted(labels or ())
        response.exhaustive = bool(self._detector.exhaustive)
        return response


def main() -> int:
    return run_node(PerceptionNode)


if __name__ == "__main__":
    raise SystemExit(main())
