"""The cell ``taught`` of the suite ``memory``: what it cuts out of the simulator's images."""

import numpy as np

from robomemory import HistogramPictures
from vista_bench.suites.memory.taught import CROP, OBJECTS, _grey, _searched, crops
from vista_sim.objects.object_file import load_objects


def test_a_crop_shows_its_thing_in_the_middle():
    own = load_objects(OBJECTS)
    found = dict(crops(own, 17_000))
    assert set(found) == set(own)
    assert all(image.shape == (CROP, CROP, 3) for image in found.values())
    middle = {label: image[23:29, 23:29].mean(axis=(0, 1)) for label, image in found.items()}
    assert int(np.argmax(middle["green block"])) == 1
    assert middle["orange puck"][0] > middle["orange puck"][2] + 60
    again = dict(crops(own, 17_000))
    assert all(np.array_equal(found[label], again[label]) for label in found)


def test_grey_things_differ_in_shape_alone():
    found = dict(crops(_grey(load_objects(OBJECTS)), 17_000))
    middle = np.stack([image[23:29, 23:29].mean(axis=(0, 1)) for image in found.values()])
    assert np.ptp(middle, axis=1).max() < 60
    rows = HistogramPictures().embed(list(found.values()))
    assert (rows @ rows.T).min() > 0.5


def test_the_search_that_is_timed_finds_the_nearest():
    row = _searched(300)
    assert row["success_rate"] == 1.0
    assert 0 < row["p50_ms"] <= row["p95_ms"]
    assert isinstance(row["interval"], list)  # as the printed table expects
