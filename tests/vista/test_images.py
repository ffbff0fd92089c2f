"""Data generator, training and run time get the same pixels from one function."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vista.errors import InvalidValueError
from vista.learning.images import MODEL_SIZE, resize
from vista.learning.tensors import to_tensor


def picture(height: int = 256, width: int = 256, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_an_image_stored_at_model_size_equals_one_resized_at_run_time():
    camera = picture()
    stored = resize(camera)
    assert stored.shape == (MODEL_SIZE, MODEL_SIZE, 3)
    assert np.array_equal(resize(stored), resize(camera))


def test_how_the_pixels_lie_in_memory_does_not_matter():
    camera = picture()
    views = [np.asfortranarray(camera), np.flipud(np.flipud(camera).copy()), camera.transpose(1, 0, 2).copy()]
    assert np.array_equal(resize(views[0]), resize(camera))
    assert np.array_equal(resize(views[1]), resize(camera))
    assert np.array_equal(resize(views[2].transpose(1, 0, 2)), resize(camera))


def test_averages_areas_so_that_small_things_do_not_vanish():
    camera = picture(128, 128)
    means = camera.reshape(32, 4, 32, 4, 3).astype(float).mean((1, 3))
    assert np.abs(resize(camera, 32) - means).max() <= 1.0


def test_crops_the_middle_of_what_is_not_square():
    wide, tall = picture(64, 100), picture(100, 64)
    assert np.array_equal(resize(wide, 64), wide[:, 18:82])
    assert np.array_equal(resize(tall, 64), tall[18:82])


def test_leaves_the_camera_image_alone():
    camera = picture()
    before = camera.copy()
    small = resize(camera)
    assert np.array_equal(camera, before)
    assert camera.flags.writeable
    assert not np.shares_memory(small, camera)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((8, 8, 3), np.float32), "float32"),
        (np.zeros((8, 8), np.uint8), r"\(8, 8\)"),
        (np.zeros((8, 8, 4), np.uint8), r"\(8, 8, 4\)"),
        (np.zeros((3, 8, 8), np.uint8), r"\(3, 8, 8\)"),
        (np.zeros((0, 8, 3), np.uint8), r"\(0, 8, 3\)"),
        ([[0, 0, 0]], "list"),
        (None, "NoneType"),
    ],
)
def test_says_what_is_wrong_with_an_image_and_what_is_allowed(image: object, said: str):
    with pytest.raises(InvalidValueError, match=said) as caught:
        resize(image)  # type: ignore[arg-type]
    assert "uint8" in str(caught.value)
    assert "(H, W, 3)" in str(caught.value)


def test_a_size_below_one_is_refused():
    with pytest.raises(InvalidValueError, match="size 0"):
        resize(picture(), 0)


def test_tensors_go_from_minus_one_to_one_channels_first():
    image = np.zeros((2, 4, 5, 3), np.uint8)
    image[1, 2, 3] = 255, 0, 51
    tensor = to_tensor(image)
    assert tensor.shape == (2, 3, 4, 5)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert tensor[1, :, 2, 3].tolist() == pytest.approx([1.0, -1.0, -0.6])
    assert tensor[0].unique().tolist() == [-1.0]


@pytest.mark.parametrize("size", [0, -1, True, 96.0, "96", None, float("nan"), 10**9])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(InvalidValueError, match=r"size .*expected >= 1"):
        resize(np.zeros((8, 8, 3), np.uint8), size)
