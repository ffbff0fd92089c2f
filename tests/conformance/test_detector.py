"""What every ``Detector`` keeps."""

import dataclasses

import numpy as np

from tests.conformance.fixtures import over
from tests.conformance.implementations import DETECTORS, observation
from vista.protocols import Detector
from vista.types import Detection

made = over(DETECTORS)


def test_detections_lie_in_the_image_and_in_reach(made):
    case, detector = made
    assert isinstance(detector, Detector)
    obs = observation(case.spec())
    for seen in detector.detect(obs):
        assert isinstance(seen, Detection)
        assert seen.label
        assert seen.camera in obs.images
        x0, y0, x1, y1 = seen.box
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1
        assert np.linalg.norm(seen.position) < 5.0
        assert seen.sigma_m >= 0


def test_says_which_names_it_knows_and_finds_what_it_detects(made):
    case, detector = made
    assert isinstance(detector.exhaustive, bool)
    obs = observation(case.spec())
    for seen in detector.detect(obs):
        assert detector.labels is None or seen.label in detector.labels
        found = detector.find(obs, seen.label)
        assert found is not None
        assert found.label == seen.label
        assert found.kind is seen.kind
        assert 0.0 <= found.score <= 1.0
    assert detector.find(obs, "no such thing") is None


def test_evidence_is_a_square_map_or_there_is_none(made):
    case, detector = made
    obs = observation(case.spec())
    for label in ("blue mug", "tray", "no such thing"):
        for above_m in (None, 0.2):
            fit = detector.evidence(obs, label, above_m)
            if fit is None:
                continue
            assert fit.ndim == 2
            assert fit.shape[0] == fit.shape[1]
            assert fit.dtype == np.float32
            assert 0.0 <= float(fit.min()) <= float(fit.max()) <= 1.0


def test_same_image_same_detections(made):
    case, detector = made
    obs = observation(case.spec())
    first, again = detector.detect(obs), detector.detect(obs)
    assert [d.label for d in first] == [d.label for d in again]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_allclose(a.position, b.position, atol=1e-3)


def test_a_black_image_is_no_error(made):
    case, detector = made
    obs = observation(case.spec())
    black = {name: np.zeros_like(image) for name, image in obs.images.items()}
    seen = detector.detect(dataclasses.replace(obs, images=black))
    assert all(isinstance(each, Detection) for each in seen)
