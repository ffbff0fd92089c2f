"""A detector of one's own writes ``detect`` alone; the rest comes from its base class."""

import subprocess
import sys

import numpy as np
import pytest

from tests.mocks import MockRobot
from vista.perception import DetectorBase
from vista.protocols import Detector
from vista.types import Detection, Observation


def seen(label: str, score: float) -> Detection:
    return Detection(label, score, np.array([0.1, 0.1, 0.2, 0.2], np.float32), np.zeros(3), 0.01)


OBS = MockRobot().observe()
FOUND = (seen("red cube", 0.4), seen("red cube", 0.9), seen("blue mug", 0.7))


class Own(DetectorBase):
    def detect(self, obs: Observation) -> tuple[Detection, ...]:
        return FOUND


def test_it_is_a_whole_detector_that_promises_nothing():
    own = Own()
    assert isinstance(own, Detector)
    assert own.labels is None
    assert own.exhaustive is False
    assert own.evidence(OBS, "red cube") is None
    assert own.evidence(OBS, "red cube", 0.2) is None


def test_it_finds_the_surest_detection_with_a_label():
    assert Own().find(OBS, "red cube") is FOUND[1]
    assert Own().find(OBS, "blue mug") is FOUND[2]
    assert Own().find(OBS, "green can") is None


def test_detect_is_left_to_write():
    with pytest.raises(TypeError, match="detect"):
        DetectorBase()  # type: ignore[abstract]


def test_a_subclass_may_know_better():
    class Knows(Own):
        labels = frozenset({"red cube", "blue mug"})
        exhaustive = True

    assert isinstance(Knows(), Detector)
    assert Knows().exhaustive


def test_importing_it_needs_no_torch():
    code = "import sys, vista.perception; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"
