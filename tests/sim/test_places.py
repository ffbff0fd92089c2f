"""The contract of the arm says where the simulator's containers and drawers are."""

import pytest

from vista.robot.contract import load_robot
from vista_sim.model import cabinet
from vista_sim.scenes.scene import TRAY_HALF


def test_the_contract_and_the_simulator_agree_on_the_places():
    places = load_robot("panda").places
    assert places["tray"].half_size_m == (TRAY_HALF, TRAY_HALF)
    assert not places["tray"].drawer
    drawers = {name: place for name, place in places.items() if place.drawer}
    names = [name for group in cabinet.DRAWER_NAMES.values() for name in group]
    assert set(drawers) == set(names)
    cabinets = {drawers[group[0]].cabinet for group in cabinet.DRAWER_NAMES.values() if group}
    assert len(cabinets) == 2
    for count, group in cabinet.DRAWER_NAMES.items():
        for name, y in zip(group, cabinet.DRAWER_Y.get(count, ()), strict=True):
            place = drawers[name]
            assert place.position == pytest.approx((cabinet.CENTRE_X, y))
            assert place.half_size_m == (cabinet.INNER_X, cabinet.INNER_Y)
            assert place.handle_m == cabinet.FRONT
            assert place.cabinet == drawers[group[0]].cabinet
