"""What every ``WorldModel`` keeps."""

import numpy as np

from tests.conformance.fixtures import over
from tests.conformance.implementations import WORLD_MODELS, observation
from vista.protocols import WorldModel
from vista.types import Subtask

made = over(WORLD_MODELS)


def test_imagines_what_the_cameras_would_see(made):
    case, model = made
    assert isinstance(model, WorldModel)
    obs, subtask = observation(case.spec()), Subtask.said(case.subtask)
    goal = model.imagine(obs, subtask, 4)
    assert goal.subtask == subtask
    assert isinstance(goal.seed, int)
    assert goal.source_stamp_ns == obs.stamp_ns
    assert set(goal.images) <= set(obs.images)
    for image in goal.images.values():
        # At the model's own size: whoever reads it resizes.
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3


def test_same_seed_same_image(made):
    case, model = made
    obs, subtask = observation(case.spec()), Subtask.said(case.subtask)
    first = model.imagine(obs, subtask, 7)
    model.imagine(obs, subtask, 8)
    again = model.imagine(obs, subtask, 7)
    assert again.score == first.score
    for camera, image in first.images.items():
        # Threads may add up in another order: one grey level, no more.
        assert np.abs(again.images[camera].astype(int) - image).max() <= 1


def test_a_sentence_that_is_no_skill_is_imagined_too(made):
    case, model = made
    told = Subtask("tidy up the table")
    if case.name != "oracle":  # which knows the skills of its task alone
        assert model.imagine(observation(case.spec()), told, 1).subtask == told


def test_leaves_the_observation_alone(made):
    case, model = made
    obs = observation(case.spec())
    kept = {camera: image.copy() for camera, image in obs.images.items()}
    model.imagine(obs, Subtask.said(case.subtask), 0)
    assert all(np.array_equal(obs.images[camera], image) for camera, image in kept.items())
