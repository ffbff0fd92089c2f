"""Free points of the table for what is said about them."""

import numpy as np
import pytest

from vista.robot.spots import CLEAR_M, MOST_M, spot_at, spot_moved, spot_of_table, surroundings
from vista.types.spatial import Direction, Spatial

LOW, HIGH = (0.37, -0.235), (0.64, 0.235)
MUG = np.array([0.5, 0.0])


def table(*things, containers=(), half=0.0):
    return surroundings(LOW, HIGH, np.array(things), np.array(containers), half)


@pytest.mark.parametrize(
    ("relation", "axis", "sign"),
    [
        (Spatial.LEFT_OF, 1, 1),
        (Spatial.RIGHT_OF, 1, -1),
        (Spatial.BEHIND, 0, 1),
        (Spatial.IN_FRONT_OF, 0, -1),
    ],
)
def test_a_thing_goes_to_the_side_that_is_said(relation, axis, sign):
    spot = spot_at(relation, MUG[None], table(MUG))
    off = spot - MUG
    assert sign * off[axis] == pytest.approx(0.1, abs=0.011)
    assert off[1 - axis] == pytest.approx(0.0, abs=0.006)


def test_what_stands_there_is_avoided_and_a_full_side_is_none():
    blocker = MUG + np.array([0.0, 0.1])
    spot = spot_at(Spatial.LEFT_OF, MUG[None], table(MUG, blocker))
    assert np.linalg.norm(spot - blocker) >= CLEAR_M
    assert spot[1] - MUG[1] <= MOST_M
    wall = [MUG + np.array([x, y]) for x in (-0.06, -0.03, 0.0, 0.03, 0.06) for y in (0.07, 0.1, 0.13, 0.16)]
    assert spot_at(Spatial.LEFT_OF, MUG[None], table(MUG, *wall)) is None
    edge = np.array([0.5, 0.23])
    assert spot_at(Spatial.LEFT_OF, edge[None], table(edge)) is None


def test_between_two_things_is_their_middle():
    ball = np.array([0.5, 0.2])
    spot = spot_at(Spatial.BETWEEN, np.stack([MUG, ball]), table(MUG, ball))
    assert spot == pytest.approx([0.5, 0.1], abs=0.008)
    near = MUG + np.array([0.0, 0.08])
    assert spot_at(Spatial.BETWEEN, np.stack([MUG, near]), table(MUG, near)) is None


def test_next_to_is_beside_and_clear_of_a_container():
    tray = np.array([0.5, 0.12])
    spot = spot_at(Spatial.NEXT_TO, MUG[None], table(MUG, containers=[tray], half=0.06))
    assert 0.07 <= np.linalg.norm(spot - MUG) <= 0.15
    assert np.linalg.norm(spot - tray) >= CLEAR_M + 0.06


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        ("front left", (0.37, 0.235)),
        ("back right", (0.64, -0.235)),
        ("left", (0.505, 0.235)),
        ("middle", (0.505, 0)),
    ],
)
def test_parts_of_the_table(part, wanted):
    assert spot_of_table(part, table()) == pytest.approx(wanted, abs=1e-9)
    moved = spot_of_table(part, table(np.array(wanted)))
    assert CLEAR_M - 1e-9 <= np.linalg.norm(moved - wanted) <= 0.06
    assert spot_of_table("upper left", table()) is None


def test_a_distance_is_kept_or_refused():
    here = np.array([0.5, 0.0])
    assert spot_moved(here, Direction.LEFT, 0.1, table()) == pytest.approx([0.5, 0.1])
    assert spot_moved(here, Direction.FORWARD, None, table()) == pytest.approx([0.6, 0.0])
    assert spot_moved(here, Direction.LEFT, 0.5, table()) is None
    assert spot_moved(here, Direction.LEFT, 0.1, table(np.array([0.5, 0.1]))) is None
