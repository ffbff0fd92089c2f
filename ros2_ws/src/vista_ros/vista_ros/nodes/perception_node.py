"""Perception: what lies where, at a low rate and on request."""

from __future__ import annotations

import threading

from vista.errors import StaleObservationError
from vista.perception.sought import sought
from vista.robot.contract import load_robot
from vista.types import Observation
from vista_msgs.msg import DetectionArray
from vista_msgs.srv import Detect
from vista_ros import conversions as c
from vista_ros import stand_ins
from vista_ros.health import Mailbox
from vista_ros.node_base import VistaNode, run_node
from vista_ros.observation import ObservationSource

MOST_S = 60.0  # a request holds a thread of the node for so long at most


class PerceptionNode(VistaNode):
    """A worker looks at the newest observation in its mailbox; requests look for themselves, in turn."""

    def __init__(self) -> None:
        super().__init__("perception")
        self._looking = threading.Lock()
        self._mailbox: Mailbox[Observation] = Mailbox()
        self._ended = threading.Event()
        self._worker: threading.Thread | None = None

    def setup(self) -> None:
        spec = load_robot(self.param("robot", "panda"))
        self._frame = spec.base_frame
        self._detector = stand_ins.detector(self, self.param("detector", "") or None, spec)
        self._source = ObservationSource(self, spec)
        out = self.create_publisher(DetectionArray, "detections", 1)
        self._out = self.owns(out, self.destroy_publisher)
        self.serve(Detect, "detect", self._on_request)
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
        since = self.now_ns()
        obs = self._source.wait(since, c.seconds_of("timeout_s", request.timeout_s, 1.0, MOST_S))
        found = self._detect(obs)
        if request.labels:
            seen = c.detections_from_msg(found)
            with self._looking:
                if (likelihood := getattr(self._detector, "likelihood", None)) is not None:
                    response.likelihoods = [float(likelihood(obs, label)) for label in request.labels]
                response.sought = [
                    c.sought_to_msg(sought(self._detector, obs, label, seen), label)
                    for label in request.labels
                ]
            found.detections = [d for d in found.detections if d.label in request.labels]
        response.ok, response.detections = True, found
        return response


def main() -> int:
    return run_node(PerceptionNode)


if __name__ == "__main__":
    raise SystemExit(main())
