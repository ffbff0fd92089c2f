"""The picture of a place before and after."""

import numpy as np
import pytest

from vista.planner.place_snapshot import PlaceSnapshot

BOX = np.array([0.25, 0.25, 0.75, 0.75], np.float32)


def image(noise: int = 0) -> np.ndarray:
    rng = np.random.default_rng(noise)
    return (np.full((64, 80, 3), 100) + rng.integers(-noise, noise + 1, (64, 80, 3))).astype(np.uint8)


def with_thing(side: float) -> np.ndarray:
    """A square of ``side`` (share of the image) in the middle."""
    out = image()
    out[int(32 - 32 * side) : int(32 + 32 * side), int(40 - 40 * side) : int(40 + 40 * side)] = 220
    return out


@pytest.mark.parametrize(
    ("now", "same"),
    [
        (image(), True),
        (image(15), True),  # a camera's noise
        (with_thing(0.25), False),
        (with_thing(0.04), True),  # a speck
    ],
)
def test_a_thing_changes_the_picture_and_noise_does_not(now, same):
    before = PlaceSnapshot()
    before.keep(image(), BOX)
    assert before.unchanged(now, BOX) == same
    assert before.unchanged(now, None) == same


def test_what_changes_around_the_place_does_not_count():
    now = image()
    now[:16], now[:, :18] = 250, 0
    before = PlaceSnapshot()
    before.keep(image(), BOX)
    assert before.unchanged(now, BOX)


def test_nothing_is_claimed_of_what_cannot_be_compared():
    before = PlaceSnapshot()
    assert not before.unchanged(image(), BOX)
    before.keep(image(), BOX)
    assert not before.unchanged(image(), BOX + 0.2)  # the camera, or the place, has moved
    assert not before.unchanged(image()[:32], BOX)
    before.keep(image(), np.array([0.5, 0.5, 0.5, 0.5], np.float32))
    assert not before.unchanged(image(), None)


def test_what_is_kept_is_a_copy():
    shared = image()
    before = PlaceSnapshot()
    before.keep(shared, BOX)
    shared[:] = 0
    assert before.unchanged(image(), BOX)
