"""The sight of a detector that overlooks and misnames things, as facts to plan with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robomemory.planning.goals import HAND
from tests.conformance.implementations import observation
from vista.perception import DetectorBase
from vista.planner.symbolic.scene_observer import SceneObserver
from vista.robot.contract import load_robot
from vista.types import Detection, ObjectKind, Place, Pose

CUBE, BOX, TABLE = "red cube", "orange box", "table"
PLACES = load_robot("panda").places
CLOSED, TO_HANDLE = 0.25, 0.072
"""x of the middle of a closed drawer, and from there to its handle [m]."""
OPENED = CLOSED + TO_HANDLE + 0.15
"""x of the handle of an open drawer [m]."""
INSIDE = (CLOSED + 0.15, 0.0, 0.03)


class LearnedEyes(DetectorBase):
    """Sees ``at`` {label: (position, score)}; the handles of drawers at x ``handle``, if given, and
    ``ys``."""

    def __init__(
        self,
        handle: float | None = None,
        *,
        ys: tuple[float, ...] = (0.0,),
        exhaustive: bool = False,
        **at: tuple[tuple[float, float, float], float],
    ) -> None:
        self.handle, self.ys, self.exhaustive = handle, ys, exhaustive
        self.at = {name.replace("_", " "): seen for name, seen in at.items()}

    def _detection(self, label: str, place, score: float) -> Detection:
        return Detection(label, score, np.array([0, 0, 1, 1], np.float32), np.array(place), 0.01)

    def detect(self, obs):
        seen = [self._detection(name, *each) for name, each in self.at.items() if each[1] > 0.35]
        if self.handle is not None:
            seen += [self._detection("drawer", (self.handle, y, 0.111), 1.0) for y in self.ys]
        return seen

    def find(self, obs, label: str):
        return self._detection(label, *self.at[label]) if label in self.at else None


def view(x: float = 0.5, y: float = 0.0, *, told: float = 1.0, gripper: float = 1.0):
    """The hand above (x, y), its fingers told ``told`` and open by ``gripper``."""
    obs = observation(load_robot("panda"))
    hand = Pose(np.array([x, y, 0.24]), obs.ee_pose.quat_wxyz)
    return replace(obs, ee_pose=hand, gripper=gripper, gripper_command=told)


def place_of(facts, thing: str) -> tuple[str, str]:
    return next((r, o) for s, r, o in facts if s == thing and r in ("in", "on", "held by"))


def carried(eyes: LearnedEyes, x: float, y: float) -> SceneObserver:
    """An observer that has seen both things surely, and the cube held over (x, y)."""
    observer = SceneObserver(eyes, PLACES)
    observer.reset([CUBE, BOX])
    observer.look(view())
    observer.grasped = CUBE
    eyes.at[CUBE] = ((x, y, 0.2), 0.9)
    seen = observer.look(view(x, y, told=0.0, gripper=0.5))
    assert place_of(seen.facts, CUBE) == ("held by", HAND)
    return observer


@pytest.mark.parametrize(
    ("at", "place"),
    [
        ((0.62, 0.11, 0.03), ("on", BOX)),  # a detector says "low" of what is high
        ((0.535, 0.1, 0.045), ("on", BOX)),  # it stands high, and seems to be further away
        ((0.55, 0.1, 0.024), ("on", TABLE)),  # it fell down right beside
        ((0.63, 0.2, 0.03), ("on", TABLE)),  # it fell off
    ],
)
def test_what_was_let_go_over_a_thing_and_is_still_there_stands_on_it(at, place):
    eyes = LearnedEyes(red_cube=((0.4, -0.2, 0.02), 0.9), orange_box=((0.6, 0.1, 0.02), 0.9))
    observer = carried(eyes, 0.6, 0.1)
    eyes.at = {CUBE: (at, 0.9)}  # the box is hidden below it
    assert place_of(observer.look(view(0.6, 0.1)).facts, CUBE) == place


@pytest.mark.parametrize(("box_score", "bare"), [(0.9, True), (0.1, False)])
def test_what_is_not_seen_does_not_stand_on_what_is_seen_well(box_score: float, bare: bool):
    box = (0.6, 0.1, 0.02)
    eyes = LearnedEyes(red_cube=((0.4, -0.2, 0.02), 0.9), orange_box=(box, 0.9))
    observer = carried(eyes, 0.6, 0.1)
    eyes.at = {BOX: (box, box_score)}
    seen = observer.look(view(0.6, 0.1))
    assert CUBE not in {s for s, _, _ in seen.facts}
    assert (BOX in seen.visible) is bare
    # Lying on its side it is seen badly, and worth a try all the same once it has surely fallen.
    eyes.at[CUBE] = ((0.5, 0.0, 0.02), 0.05)
    facts = observer.look(view(0.6, 0.1)).facts
    assert ((CUBE, "on", TABLE) in facts) is bare


def test_things_that_stand_side_by_side_are_not_on_each_other():
    eyes = LearnedEyes(red_cube=((0.57, 0.1, 0.02), 0.9), orange_box=((0.6, 0.1, 0.02), 0.9))
    observer = SceneObserver(eyes, PLACES)
    observer.reset([CUBE, BOX])
    assert place_of(observer.look(view()).facts, CUBE) == ("on", TABLE)


def test_what_was_taken_off_again_is_held():
    eyes = LearnedEyes(red_cube=((0.4, -0.2, 0.02), 0.9), orange_box=((0.6, 0.1, 0.02), 0.9))
    observer = carried(eyes, 0.6, 0.1)
    observer.look(view(0.6, 0.1))
    assert place_of(observer.look(view(0.6, 0.1, told=0.0, gripper=0.5)).facts, CUBE)[0] == "held by"


def test_what_was_held_is_held_as_long_as_the_fingers_stand_apart():
    eyes = LearnedEyes(red_cube=((0.4, -0.2, 0.02), 0.9), orange_box=((0.6, 0.1, 0.02), 0.9))
    observer = carried(eyes, 0.6, 0.1)
    eyes.at[CUBE] = ((0.3, 0.1, 0.02), 0.9)  # carried high, it seems to lie far behind
    assert place_of(observer.look(view(0.6, 0.1, told=0.0, gripper=0.5)).facts, CUBE) == ("held by", HAND)
    assert place_of(observer.look(view(0.6, 0.1, told=0.0, gripper=0.05)).facts, CUBE) == ("on", TABLE)


@pytest.mark.parametrize(("at", "held"), [((0.25, 0.1, 0.02), True), ((0.41, -0.2, 0.02), False)])
def test_a_hand_up_high_holds_what_it_grasped_if_that_has_gone_from_where_it_stood(at, held: bool):
    eyes = LearnedEyes(red_cube=((0.4, -0.2, 0.02), 0.9))
    observer = SceneObserver(eyes, PLACES)
    observer.reset([CUBE])
    observer.look(view())
    observer.grasped = CUBE
    eyes.at[CUBE] = (at, 0.9)
    facts = observer.look(view(0.4, -0.2, told=0.0, gripper=0.5)).facts
    assert place_of(facts, CUBE) == (("held by", HAND) if held else ("on", TABLE))


def test_a_weak_sight_counts_in_an_open_drawer_only():
    for handle, place in ((OPENED, ("in", "drawer")), (OPENED - 0.15, None)):
        eyes = LearnedEyes(handle, red_cube=((0.6, 0.1, 0.02), 0.9))
        observer = SceneObserver(eyes, PLACES)
        observer.reset([CUBE])
        observer.look(view())
        eyes.at[CUBE] = (INSIDE, 0.05)
        facts = observer.look(view()).facts
        if place is None:
            assert not any(s == CUBE for s, *_ in facts)
        else:
            assert place_of(facts, CUBE) == place


def test_an_open_drawer_hides_what_was_let_go_over_it_until_that_is_seen_elsewhere():
    eyes = LearnedEyes(OPENED, red_cube=((0.6, -0.2, 0.02), 0.9), orange_box=((0.6, 0.2, 0.02), 0.9))
    observer = carried(eyes, *INSIDE[:2])
    del eyes.at[CUBE]
    after = observer.look(view(*INSIDE[:2]))
    assert not any(s == CUBE for s, *_ in after.facts)
    assert "drawer" not in after.visible  # so what the robot did is believed
    eyes.at[CUBE] = ((0.6, 0.0, 0.02), 0.9)
    beside = observer.look(view())
    assert place_of(beside.facts, CUBE) == ("on", TABLE)
    assert "drawer" in beside.visible


def test_a_tray_in_which_nothing_was_seen_is_empty_until_the_hand_lets_go_over_it():
    eyes = LearnedEyes(red_cube=((0.4, 0.1, 0.02), 0.9), tray=((0.6, 0.0, 0.0), 0.9))
    observer = SceneObserver(eyes, PLACES)
    observer.reset([CUBE])
    assert "tray" in observer.look(view()).visible
    observer.grasped = CUBE
    eyes.at[CUBE] = ((0.6, 0.0, 0.2), 0.9)
    assert "tray" in observer.look(view(0.6, told=0.0, gripper=0.5)).visible
    del eyes.at[CUBE]  # and what lies in it is not seen
    assert "tray" not in observer.look(view(0.6)).visible
    assert "tray" not in observer.look(view()).visible
    observer.reset([CUBE])
    assert "tray" in observer.look(view()).visible


def test_a_tray_in_which_something_was_seen_is_not_empty():
    eyes = LearnedEyes(red_cube=((0.61, 0.01, 0.02), 0.9), tray=((0.6, 0.0, 0.0), 0.9))
    observer = SceneObserver(eyes, PLACES)
    observer.reset([CUBE])
    assert "tray" not in observer.look(view()).visible
    del eyes.at[CUBE]
    assert "tray" not in observer.look(view()).visible


# --- what the contract says of the workplace ---


def looked(eyes: LearnedEyes, places=PLACES, named=(CUBE,)):
    observer = SceneObserver(eyes, places)
    observer.reset(named)
    return observer.look(view())


def drawers(facts) -> dict[str, str]:
    return {s: o for s, r, o in facts if "drawer" in s and r == "is"}


@pytest.mark.parametrize(
    ("ys", "names"),
    [
        ((0.0,), {"drawer"}),
        ((0.095,), {"drawer"}),
        ((-0.095,), {"drawer"}),
        ((0.0951,), {"left drawer", "middle drawer", "right drawer"}),
        ((-0.15,), {"left drawer", "middle drawer", "right drawer"}),
        ((0.0, 0.19), {"left drawer", "middle drawer", "right drawer"}),
        ((0.0, 0.05), {"left drawer", "middle drawer", "right drawer"}),
    ],
)
def test_the_handles_tell_which_cabinet_stands_there(ys, names):
    assert drawers(looked(LearnedEyes(OPENED, ys=ys)).facts).keys() == names


def test_a_cabinet_of_several_stays_one_when_handles_are_hidden():
    eyes = LearnedEyes(OPENED, ys=(-0.19, 0.0, 0.19))
    observer = SceneObserver(eyes, PLACES)
    opened = {"left drawer": "open", "middle drawer": "open", "right drawer": "open"}
    assert drawers(observer.look(view()).facts) == opened
    eyes.handle, eyes.ys = CLOSED + TO_HANDLE, (0.01,)
    assert drawers(observer.look(view()).facts) == {**opened, "middle drawer": "closed"}
    eyes.ys = ()
    assert drawers(observer.look(view()).facts) == {**opened, "middle drawer": "closed"}
    observer.reset(())
    eyes.ys = (0.01,)
    assert drawers(observer.look(view()).facts) == {"drawer": "closed"}


def test_an_exact_detector_names_the_drawer():
    eyes = LearnedEyes(exhaustive=True)
    eyes.at = {"left drawer": ((OPENED, -0.19, 0.1), 1.0), "right drawer": ((CLOSED, 0.19, 0.1), 1.0)}
    wanted = {"left drawer": "open", "middle drawer": "closed", "right drawer": "closed"}
    assert drawers(looked(eyes).facts) == wanted


@pytest.mark.parametrize("places", [{}, {"tray": PLACES["tray"]}])
def test_without_drawers_in_the_contract_nothing_is_believed_of_any(places):
    eyes = LearnedEyes(OPENED, red_cube=(INSIDE, 0.9))
    eyes._detection = lambda label, place, score: Detection(  # type: ignore[method-assign]
        label, score, np.array([0, 0, 1, 1], np.float32), np.array(place), 0.01,
        kind=ObjectKind.HANDLE if label == "drawer" else ObjectKind.THING,
    )  # fmt: skip
    facts = looked(eyes, places).facts
    assert not any("drawer" in part for fact in facts for part in fact)
    assert place_of(facts, CUBE) == ("on", TABLE)


def test_drawers_are_where_the_contract_has_them():
    places = {"box": Place("box", (0.1, 0.05), True, (0.6, 0.3), 0.1)}
    eyes = LearnedEyes(red_cube=((0.79, 0.26, 0.02), 0.9))
    eyes.at["box"] = ((0.6 + 0.1 + 0.12, 0.28, 0.1), 1.0)  # 0.12 m open
    facts = looked(eyes, places).facts
    assert ("box", "is", "open") in facts
    assert place_of(facts, CUBE) == ("in", "box")
    eyes.at[CUBE] = ((0.79, 0.23, 0.02), 0.9)
    assert place_of(looked(eyes, places).facts, CUBE) == ("on", TABLE)


@pytest.mark.parametrize(
    ("half", "at", "inside"),
    [
        ((0.1, 0.05), (0.71, 0.0), True),
        ((0.1, 0.05), (0.714, 0.0), False),
        ((0.1, 0.05), (0.6, 0.064), False),
    ],
)
def test_a_container_is_as_large_as_the_contract_says(half, at, inside):
    eyes = LearnedEyes(red_cube=((*at, 0.02), 0.9), bin=((0.6, 0.0, 0.0), 0.9))
    facts = looked(eyes, {"bin": Place("bin", half)}).facts
    assert place_of(facts, CUBE) == (("in", "bin") if inside else ("on", TABLE))


def test_a_container_that_only_the_detector_knows_has_the_size_of_a_tray():
    eyes = LearnedEyes(red_cube=((0.665, 0.0, 0.02), 0.9), bin=((0.6, 0.0, 0.0), 0.9))
    assert place_of(looked(eyes, {}).facts, "bin") == ("on", TABLE)  # a thing like any other
    eyes._detection = lambda label, place, score: Detection(  # type: ignore[method-assign]
        label, score, np.array([0, 0, 1, 1], np.float32), np.array(place), 0.01,
        kind=ObjectKind.CONTAINER if label == "bin" else ObjectKind.THING,
    )  # fmt: skip
    assert place_of(looked(eyes, {}).facts, CUBE) == ("in", "bin")
