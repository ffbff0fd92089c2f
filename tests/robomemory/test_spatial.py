"""The knowledge graph: which thing is meant, what contradicts what, and what is found around a name."""

from robomemory import Query

S = 10**9


def test_a_detection_places_a_thing(memory, note):
    memory.remember([note("spatial", "a blue mug", 1, "the Blue_Mug", at=(0.5, 0.1, 0.0), confidence=0.8)])
    (thing,) = memory.scene().objects
    assert (thing.name, thing.position, thing.confidence) == ("blue mug", (0.5, 0.1, 0.0), 0.8)
    assert memory.where_is("mug").position == (0.5, 0.1, 0.0)
    assert memory.where_is("spoon") is None


def test_a_thing_seen_again_in_place_adds_no_record(memory, note):
    for t in range(1, 50):
        memory.remember([note("spatial", "a mug", t, "mug", at=(0.5, 0.1 + 0.001 * (t % 5), 0.0))])
    assert len(memory.records()) == 1
    (thing,) = memory.scene().objects
    assert (thing.first_seen_ns, thing.last_seen_ns) == (1 * S, 49 * S)


def test_a_slow_drift_is_noticed(memory, note):
    for t in range(1, 12):
        memory.remember([note("spatial", "a mug", t, "mug", at=(0.01 * t, 0.0, 0.0))])
    assert 3 <= len(memory.records()) <= 6


def test_a_thing_seen_elsewhere_has_moved(memory, note, both):
    memory.remember([note("spatial", "a mug", 1, "mug", at=(0.5, 0.1, 0.0))])
    memory.remember([note("spatial", "a mug", 2, "mug", at=(0.2, -0.3, 0.0))])
    (thing,) = memory.scene().objects
    assert thing.position == (0.2, -0.3, 0.0)
    now = memory.recall([Query("mug", kinds={"spatial"})])
    assert [r.record.position for r in now] == [(0.2, -0.3, 0.0)]
    for m in both():
        then = m.recall([Query("mug", kinds={"spatial"}, between=(S, S + S // 2))])
        assert [r.record.position for r in then] == [(0.5, 0.1, 0.0)]


def test_a_late_note_does_not_move_a_thing_back(memory, note):
    memory.remember([note("spatial", "a mug", 5, "mug", at=(0.5, 0.1, 0.0))])
    memory.remember([note("spatial", "a mug", 2, "mug", at=(0.0, 0.0, 0.0))])
    assert memory.where_is("mug").position == (0.5, 0.1, 0.0)
    then = memory.recall([Query("mug", kinds={"spatial"}, between=(2 * S, 3 * S))])
    assert [r.record.position for r in then] == [(0.0, 0.0, 0.0)]


def test_two_things_of_one_name_stay_two_each_nearest_to_where_it_was(memory, note):
    left, right = (0.5, 0.2, 0.0), (0.5, -0.2, 0.0)
    memory.remember([note("spatial", "a block", 1, "block", at=p) for p in (left, right)])
    nudged = [(0.5, -0.15, 0.0), (0.5, 0.25, 0.0)]
    memory.remember([note("spatial", "a block", 2, "block", at=p) for p in nudged])
    assert {t.name: t.position for t in memory.scene().objects} == {"block": nudged[1], "block #2": nudged[0]}
    memory.remember([note("spatial", "in tray", 3, says=("block #2", "in", "tray"))])
    assert memory.where_is("block #2").facts == ("block #2 in tray",)
    assert memory.where_is("block").position == nudged[0]  # the one heard of last


def test_a_frame_in_two_calls_is_still_one_frame(memory, note):
    memory.remember([note("spatial", "a block", 1, "block", at=(0.5, 0.2, 0.0))])
    memory.remember([note("spatial", "a block", 1, "block", at=(0.5, -0.2, 0.0))])
    assert len(memory.scene().objects) == 2


def test_a_contradicted_fact_is_closed_not_erased(memory, note, both):
    memory.remember([note("spatial", "mug on the table", 1, says=("mug", "on top of", "the table"))])
    memory.remember([note("spatial", "the robot holds the mug", 2, says=("robot", "holds", "mug"))])
    memory.remember([note("spatial", "mug in the drawer", 3, says=("mug", "is inside", "drawer"))])
    for m in both():
        scene = m.scene()
        assert [(f.subject, f.relation, f.object) for f in scene.facts] == [("mug", "in", "drawer")]
        ended = {(f.relation, f.object): (f.valid_from_ns, f.valid_until_ns) for f in scene.past}
        assert ended == {("on", "table"): (S, 2 * S), ("held by", "robot"): (2 * S, 3 * S)}
        assert [r.text for r in m.recall(["mug"])] == ["mug in the drawer"]
        then = m.recall([Query("mug", between=(S, S + 1))])
        assert [r.text for r in then] == ["mug on the table"]


def test_a_sighting_whose_fact_ended_is_not_recalled_as_true(memory, note):
    memory.remember([note("spatial", "mug on table", 1, "mug", at=(0.5, 0, 0), says=("mug", "on", "table"))])
    memory.remember([note("spatial", "robot holds mug", 2, says=("mug", "held by", "robot"))])
    assert [r.text for r in memory.recall(["mug"])] == ["robot holds mug"]


def test_states_exclude_each_other_and_places_do_not_touch_them(memory, note):
    memory.remember([note("spatial", "drawer open", 1, says=("drawer", "is", "open"))])
    memory.remember([note("spatial", "drawer in desk", 2, says=("drawer", "in", "desk"))])
    memory.remember([note("spatial", "drawer closed", 3, says=("drawer", "is", "closed"))])
    facts = {(f.relation, f.object) for f in memory.scene().facts}
    assert facts == {("in", "desk"), ("is", "closed")}


def test_a_late_fact_closes_itself(memory, note):
    memory.remember([note("spatial", "mug in tray", 5, says=("mug", "in", "tray"))])
    memory.remember([note("spatial", "mug on table", 2, says=("mug", "on", "table"))])
    (now,), (then,) = memory.scene().facts, memory.scene().past
    assert now.object == "tray"
    assert (then.object, then.valid_from_ns, then.valid_until_ns) == ("table", 2 * S, 5 * S)


def test_a_fact_told_twice_is_one_fact(memory, note):
    for t in (1, 2, 3):
        memory.remember([note("spatial", "mug in tray", t, says=("mug", "in", "tray"))])
    memory.remember([note("spatial", "tray holds mug", 4, says=("tray", "contains", "mug"))])
    assert len(memory.scene().facts) == 1
    assert len(memory.records()) == 1


def test_nearness_ends_when_a_thing_moves(memory, note):
    memory.remember(
        [note("spatial", "mug", 1, "mug", at=(0.5, 0, 0)), note("spatial", "box", 1, "box", at=(0.6, 0, 0))]
    )
    memory.remember([note("spatial", "mug near box", 2, says=("mug", "near", "box"))])
    memory.remember([note("spatial", "box", 3, "box", at=(0.61, 0, 0))])
    assert len(memory.scene().facts) == 1
    memory.remember([note("spatial", "box", 4, "box", at=(0.9, 0.3, 0))])
    assert memory.scene().facts == ()


def test_two_hops_from_the_named_thing(memory, note):
    chain = [
        ("spoon", "in", "mug"),
        ("mug", "in", "drawer"),
        ("drawer", "in", "desk"),
        ("desk", "in", "office"),
    ]
    memory.remember([note("spatial", " ".join(t), i + 1, says=t) for i, t in enumerate(chain)])
    memory.remember([note("spatial", f"x{i} on y{i}", 9, says=(f"x{i}", "on", f"y{i}")) for i in range(30)])
    found = [r.text for r in memory.recall([Query("where is the spoon", kinds={"spatial"}, k=20)])]
    assert found[:2] == ["spoon in mug", "mug in drawer"]
    backwards = [r.text for r in memory.recall([Query("what is in the desk", kinds={"spatial"}, k=20)])]
    assert "mug in drawer" in backwards


def test_what_was_never_seen_itself_is_where_its_holder_is(memory, note):
    memory.remember([note("spatial", "drawer", 1, "top drawer", at=(0.7, 0.3, 0.1))])
    memory.remember([note("spatial", "a", 2, says=("mug", "in", "top drawer"))])
    memory.remember([note("spatial", "b", 2, says=("spoon", "in", "mug"))])
    spoon = memory.where_is("spoon")
    assert (spoon.position, spoon.via) == ((0.7, 0.3, 0.1), "top drawer")
    assert spoon.facts == ("spoon in mug", "mug in top drawer")


def test_a_ring_of_facts_ends(memory, note):
    memory.remember(
        [note("spatial", "a", 1, says=("a", "in", "b")), note("spatial", "b", 1, says=("b", "in", "a"))]
    )
    assert memory.where_is("a").position is None
    assert memory.recall(["a"])


def test_colours_are_told_apart_by_words(memory, note):
    names = ("red mug", "green mug", "blue mug", "yellow mug", "white mug", "black mug")
    memory.remember([note("spatial", f"a {n}", 1, n, at=(0.1 * i, 0, 0)) for i, n in enumerate(names)])
    for n in names:
        assert memory.recall([f"put the {n} away"])[0].text == f"a {n}"
