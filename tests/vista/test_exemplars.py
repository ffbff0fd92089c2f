"""A detector that was taught things by pictures: which thing is which name, and what is none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.conformance.implementations import observation
from tests.mocks import SIZE, mock_spec
from vista.errors import InvalidValueError
from vista.perception import DetectorBase
from vista.perception.exemplars import TaughtDetector, crop
from vista.perception.matching import FLOOR, likeness, one_to_one, shares
from vista.perception.teaching import crops_of
from vista.types import F32, U8, Detection, ObjectKind, Observation

RED, GREEN, BLUE = (200, 20, 20), (20, 200, 20), (20, 20, 200)


class Colours:
    """The mean colour of the middle of a crop, as a unit vector."""

    name = "colours"

    def __init__(self) -> None:
        self.calls = 0

    def embed(self, images: Sequence[U8]) -> F32:
        self.calls += 1
        middles = [image[image.shape[0] // 2, image.shape[1] // 2].astype(np.float32) for image in images]
        rows = np.stack(middles) - 60.0
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


class Blobs(DetectorBase):
    """Sees what it was told of: (label, middle (x, y), kind), and calls everything by a wrong name."""

    labels = frozenset({"cube", "tray", "drawer"})

    def __init__(self, *things: tuple[str, tuple[float, float], ObjectKind]) -> None:
        self.things, self.weak = things, 0.9

    def detect(self, obs: Observation) -> list[Detection]:
        return [each for each in self.proposals(obs) if each.score > 0.5]

    def proposals(self, obs: Observation) -> list[Detection]:
        return [
            Detection(
                label, self.weak, np.array([x - 0.1, y - 0.1, x + 0.1, y + 0.1], np.float32),
                np.array([0.5, x, 0.0]), 0.01, "front", kind,
            )
            for label, (x, y), kind in self.things
        ]  # fmt: skip

    def evidence(self, obs: Observation, label: str, above_m: float | None = None) -> F32:
        return np.zeros((8, 8), np.float32)


LEFT, RIGHT, MIDDLE = (0.25, 0.3), (0.75, 0.3), (0.5, 0.75)


def image_of(*spots: tuple[tuple[float, float], tuple[int, int, int]]) -> U8:
    image = np.full((SIZE, SIZE, 3), 90, np.uint8)
    for (x, y), colour in spots:
        row, column = round(y * SIZE), round(x * SIZE)
        image[row - 3 : row + 4, column - 3 : column + 4] = colour
    return image


def seen(*spots: tuple[tuple[float, float], tuple[int, int, int]]) -> Observation:
    obs = observation(mock_spec())
    return replace(obs, images={**obs.images, "front": image_of(*spots)})


def taught(detector: Blobs, **colours: tuple[int, int, int]) -> TaughtDetector:
    made = TaughtDetector(detector, Colours(), mock_spec())
    made.teach({n.replace("_", " "): Colours().embed([image_of((MIDDLE, c))[20:28, 12:20]] * 3)
                for n, c in colours.items()})  # fmt: skip
    return made


THINGS = [("cube", LEFT, ObjectKind.THING), ("cube", RIGHT, ObjectKind.THING)]
SPOTS = ((LEFT, RED), (RIGHT, GREEN))


def test_without_lessons_it_is_the_detector_that_it_wraps():
    inner = Blobs(*THINGS)
    made = TaughtDetector(inner, Colours(), mock_spec())
    obs = seen(*SPOTS)
    assert [d.label for d in made.detect(obs)] == [d.label for d in inner.detect(obs)]
    assert made.labels == inner.labels
    assert made.encoder.calls == 0  # type: ignore[attr-defined]


def test_each_taught_name_is_one_thing_and_the_others_keep_theirs():
    made = taught(Blobs(*THINGS, ("tray", MIDDLE, ObjectKind.CONTAINER)), my_mug=RED)
    found = {d.label: d for d in made.detect(seen(*SPOTS, (MIDDLE, RED)))}
    assert set(found) == {"my mug", "cube", "tray"}
    assert found["my mug"].position[1] == LEFT[0]
    assert found["tray"].kind is ObjectKind.CONTAINER, "a container keeps its name, whatever it looks like"
    assert made.labels == {"cube", "tray", "drawer", "my mug"}


def test_a_taught_thing_is_found_by_its_name_in_upper_and_lower_case():
    made = taught(Blobs(*THINGS), red_thing=RED, green_thing=GREEN)
    obs = seen(*SPOTS)
    for name in ("green thing", "Green Thing"):
        found = made.find(obs, name)
        assert found is not None
        assert (found.label, found.position[1]) == (name, RIGHT[0])
        assert found.score > 0.5


def test_what_was_not_taught_is_called_by_no_taught_name():
    made = taught(Blobs(*THINGS), blue_thing=BLUE)
    obs = seen(*SPOTS)
    assert {d.label for d in made.detect(obs)} == {"cube"}
    assert made.find(obs, "blue thing") is None


def test_the_wrapped_name_of_a_taught_thing_counts_little():
    made = taught(Blobs(THINGS[0]), my_mug=RED)
    before, after = Blobs(THINGS[0]).find(seen(SPOTS[0]), "cube"), made.find(seen(SPOTS[0]), "cube")
    assert before is not None
    assert after is not None
    assert after.score < 0.2 < before.score


def test_a_thing_may_be_looked_for_in_a_container_but_not_at_a_handle():
    in_tray = taught(Blobs(("tray", LEFT, ObjectKind.CONTAINER)), my_mug=RED).find(seen(SPOTS[0]), "my mug")
    assert in_tray is not None
    assert in_tray.kind is ObjectKind.THING
    assert (
        taught(Blobs(("drawer", LEFT, ObjectKind.HANDLE)), my_mug=RED).find(seen(SPOTS[0]), "my mug") is None
    )


def test_evidence_lies_in_the_cell_of_the_thing():
    made = taught(Blobs(*THINGS), my_mug=GREEN)
    fit = made.evidence(seen(*SPOTS), "My Mug")
    assert fit is not None
    assert fit.dtype == np.float32
    assert np.unravel_index(int(fit.argmax()), fit.shape) == (int(RIGHT[1] * 8), int(RIGHT[0] * 8))
    assert fit.max() > 0.5


def test_one_image_is_encoded_once_and_new_lessons_count_at_once():
    made = taught(Blobs(*THINGS), my_mug=RED)
    obs = seen(*SPOTS)
    for _ in range(3):
        made.detect(obs), made.find(obs, "my mug"), made.evidence(obs, "my mug")
    assert made.encoder.calls == 1  # type: ignore[attr-defined]
    made.teach({}, "")
    assert made.taught == frozenset()
    assert made.find(obs, "my mug") is None
    made.teach({"my mug": Colours().embed([image_of((MIDDLE, GREEN))[20:28, 12:20]])}, "memory")
    found = made.find(obs, "my mug")
    assert found is not None
    assert found.position[1] == RIGHT[0]


@pytest.mark.parametrize(
    ("bank", "told"),
    [
        ({" ": np.ones((2, 3))}, "is empty"),
        ({"mug": np.ones(3)}, "exemplars of 'mug': shape"),
        ({"mug": np.full((1, 3), np.nan)}, "finite rows"),
        ({"mug": np.ones((1, 3)), "cup": np.ones((1, 4))}, "different lengths"),
    ],
)
def test_bad_lessons_are_refused_in_a_sentence(bank: dict[str, F32], told: str):
    with pytest.raises(InvalidValueError, match=told):
        TaughtDetector(Blobs(), Colours(), mock_spec()).teach(bank)


def test_shares_of_a_thing_sum_to_one_at_most_and_no_name_takes_what_is_below_the_floor():
    alike = np.array([[FLOOR + 0.1, FLOOR - 0.3], [FLOOR - 0.1, FLOOR - 0.3]], np.float32)
    share = shares(alike)
    assert share.shape == (2, 2)
    assert (share.sum(0) <= 1).all()
    assert one_to_one(share, 0.5) == {0: 0}
    twins = shares(np.full((2, 1), FLOOR + 0.2, np.float32))
    assert twins.max() == pytest.approx(0.5, abs=0.01), "what looks like two names is surely neither"


def test_likeness_goes_by_the_nearest_exemplars():
    near, far = np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32)
    alike = likeness(near, [np.repeat(near, 3, 0), np.concatenate([np.repeat(near, 3, 0), far])])
    assert alike[:, 0].tolist() == [1.0, 1.0]
    assert likeness(near, []).shape == (0, 1)


def test_a_crop_keeps_its_thing_in_the_middle_at_the_border():
    image = image_of(((0.12, 0.5), RED))
    cut = crop(image, np.array([0.07, 0.45, 0.17, 0.55], np.float32))
    assert cut.shape[0] == cut.shape[1]
    assert tuple(cut[cut.shape[0] // 2, cut.shape[1] // 2]) == RED
    assert crop(image, np.array([0.98, 0.98, 1, 1], np.float32)).shape == cut.shape


def test_whole_pictures_are_cut_and_crops_are_taken_as_they_are():
    spec, whole = mock_spec(), image_of(SPOTS[0])
    cut, given = crops_of(Blobs(THINGS[0]), spec, [whole, whole[:10, :12]])
    assert tuple(cut[cut.shape[0] // 2, cut.shape[1] // 2]) == RED
    assert given.shape == (10, 12, 3)
    with pytest.raises(InvalidValueError, match=r"photo.png: nothing is seen in it"):
        crops_of(Blobs(), spec, [whole], ["photo.png"])
    with pytest.raises(InvalidValueError, match=r"picture 0: 2 things are seen in it"):
        crops_of(Blobs(*THINGS), spec, [whole])
