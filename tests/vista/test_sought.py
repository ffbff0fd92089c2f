"""Looking for what is named: a detector that can look is asked, another has said what it saw."""

import numpy as np

from tests.mocks import MockRobot
from vista.perception.sought import sought
from vista.types import Detection, Observation


def seen(label: str, score: float) -> Detection:
    return Detection(label, score, np.array([0.1, 0.1, 0.2, 0.2], np.float32), np.zeros(3), 0.01)


OBS = MockRobot().observe()
FOUND = (seen("red cube", 0.4), seen("red cube", 0.9), seen("blue mug", 0.7))


class Watching:
    def detect(self, obs: Observation) -> tuple[Detection, ...]:
        return FOUND


class Seeking(Watching):
    def find(self, obs: Observation, label: str) -> Detection | None:
        return seen(label, 0.02) if label == "red cube" else None


def test_a_detector_that_cannot_look_has_said_the_surest():
    assert sought(Watching(), OBS, "red cube", FOUND) is FOUND[1]
    assert sought(Watching(), OBS, "green can", FOUND) is None


def test_a_detector_that_can_look_is_asked_even_for_what_it_hardly_sees():
    found = sought(Seeking(), OBS, "red cube", FOUND)
    assert found is not None
    assert found.score == 0.02
    assert sought(Seeking(), OBS, "blue mug", FOUND) is None
