"""Drivers without an arm: they take the commands of a contract, tell joints and images, and have faults."""

from __future__ import annotations

import threading

from vista_ros import conversions as c
from vista_ros.driver.body import KinematicBody
from vista_ros.driver.controllers import DriverControllers
from vista_ros.driver.faults import FaultParameters
from vista_ros.driver.following import CommandFollower
from vista_ros.driver.outputs import DriverOutputs
from vista_ros.node_base import VistaNode, run_node
from vista_ros.parameters import robot_of


class FakeArmNode(VistaNode):
    """Behaves as the drivers of the contract ``robot`` do, for a dry run before the arm itself."""

    def __init__(self) -> None:
        super().__init__("fake_arm")

    def setup(self) -> None:
        self._spec = robot_of(self)
        self._faults = FaultParameters(self, self._spec)
        self._body, self._lock = KinematicBody(self._spec), threading.Lock()
        self._epoch_ns = self.now_ns()
        self._reading = self._body.reading(self._epoch_ns)
        self._follower = CommandFollower(self._spec, 0.0, self._spec.home, 1.0)
        self._outputs = DriverOutputs(self, self._spec)
        DriverControllers(self, self._spec, self._state, lambda: self._epoch_ns)
        self.every(self._body.tick_s, self._advance, "controllers")
        self.every(1 / self.param("joints_hz", 50.0), self._tell_joints, "joint states")
        self.every(1 / self.param("image_hz", 15.0), self._tell_images, "images")

    def _now_s(self) -> float:
        return (self.now_ns() - self._epoch_ns) / c.NS

    def _state(self) -> tuple[CommandFollower, float, c.JointReading]:
        return self._follower, self._now_s(), self._reading

    def _advance(self) -> None:
        """Every tick that is due: a timer of Python may come late, the arm goes on at its own speed."""
        with self._lock:
            while self._body.time_s + self._body.tick_s <= self._now_s():
                self._body.advance(*self._follower.targets(self._body.time_s + self._body.tick_s))
            self._reading = self._body.reading(self.now_ns())

    def _tell_joints(self) -> None:
        self._outputs.tell_joints(self._reading, self._faults.now())

    def _tell_images(self) -> None:
        with self._lock:
            images, stamp_ns = self._body.images(), self._reading.stamp_ns
        self._outputs.tell_images(images, stamp_ns, self._faults.now())


def main() -> int:
    return run_node(FakeArmNode)


if __name__ == "__main__":
    raise SystemExit(main())
