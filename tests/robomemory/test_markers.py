"""The graph as shapes: what is shown, where, and in which colour."""

import pytest

from robomemory.graph.markers import Shape, markers_of
from robomemory.graph.scene import SceneFact, SceneGraph, SceneObject


def thing(name, at=None, seen=1, sure=1.0):
    return SceneObject(name, at, 0, seen, sure)


def fact(subject, relation, obj, sure=1.0):
    return SceneFact(subject, relation, obj, 0, None, sure)


def of(markers, shape):
    return [m for m in markers if m.shape is shape]


def test_things_with_positions_are_spheres_with_labels_and_facts_between_them_are_lines():
    objects = (thing("mug", (0.5, 0.1, 0.02)), thing("tray", (0.4, 0.0, 0.0)), thing("ghost"))
    markers = markers_of(SceneGraph(objects, (fact("mug", "in", "tray"), fact("mug", "near", "tray"))))
    mug, tray = of(markers, Shape.SPHERE)
    assert (mug.points, tray.points) == (((0.5, 0.1, 0.02),), ((0.4, 0.0, 0.0),))
    assert mug.colour != tray.colour  # the tray holds something
    labels = of(markers, Shape.LABEL)
    assert [m.text for m in labels] == ["mug", "tray"]
    assert labels[0].points[0][2] > mug.points[0][2]
    place, metric = of(markers, Shape.LINE)
    assert place.points == metric.points == ((0.5, 0.1, 0.02), (0.4, 0.0, 0.0))
    assert (place.group, place.text) == ("place relations", "in")
    assert place.colour != metric.colour
    assert len({(m.group, m.number) for m in markers}) == len(markers)


def test_what_was_never_seen_stands_in_the_label_of_what_it_belongs_to():
    facts = (fact("fork", "in", "drawer"), fact("drawer", "is", "open"), fact("cup", "in", "bag"))
    markers = markers_of(SceneGraph((thing("drawer", (0, 0, 0)), thing("fork")), facts))
    assert [m.text for m in of(markers, Shape.LABEL)] == ["drawer\nfork in it\nis open"]
    assert of(markers, Shape.LINE) == []


def test_doubt_can_be_seen_through_and_the_past_is_not_shown():
    ended = SceneFact("mug", "in", "tray", 0, 5, 1.0)
    objects = (thing("mug", (0, 0, 0), sure=0.5), thing("tray", (1, 0, 0)))
    markers = markers_of(SceneGraph(objects, (fact("mug", "near", "tray", 0.0),), (ended,)))
    mug, tray = of(markers, Shape.SPHERE)
    assert mug.colour[3] == pytest.approx(0.65)
    assert tray.colour[3] == 1.0
    (line,) = of(markers, Shape.LINE)
    assert line.colour[3] == pytest.approx(0.3)


def test_a_label_stays_short():
    facts = tuple(fact(f"fork {i}" + "x" * 200, "in", "drawer") for i in range(50))
    (label,) = of(markers_of(SceneGraph((thing("drawer", (0, 0, 0)),), facts)), Shape.LABEL)
    assert len(label.text.splitlines()) == 7
    assert max(map(len, label.text.splitlines())) == 60


def test_of_many_things_those_seen_last_are_shown():
    objects = tuple(thing(f"block {i}", (i, 0, 0), seen=i) for i in range(10))
    shown = of(markers_of(SceneGraph(objects, ()), most=3), Shape.LABEL)
    assert {m.text for m in shown} == {"block 7", "block 8", "block 9"}
    assert markers_of(SceneGraph((), ())) == ()


def test_status_and_revision_follow_updates(memory, note):
    before = memory.revision()
    assert sum(memory.status().records.values()) == 0
    memory.remember([note("episodic", "one"), note("episodic", "two"), note("temporal", "step")])
    status = memory.status()
    assert memory.revision() == status.updates == before + 1
    assert (status.records["episodic"], status.records["temporal"], status.records["spatial"]) == (2, 1, 0)
    assert status.size_bytes > 1_000
    assert status.updated_ns > 10**18
    memory.recall(["one"])
    assert memory.revision() == before + 1
