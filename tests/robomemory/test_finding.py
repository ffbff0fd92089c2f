"""``Memory.find`` and ``Memory.add_frame``: conditions reach the store, whatever else is in it."""

from __future__ import annotations

import math

import pytest

from robomemory import Box, HashingEmbedder, InvalidQueryError, Memory, MemoryKind, Note, Pose, Query, Seen
from tests.postgres import server

S = 10**9


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.long)])
def memory(tmp_path, request):
    where = tmp_path / "scene.sqlite3" if request.param == "file" else server().url()
    with Memory(where, embedder=HashingEmbedder(64)) as opened:
        yield opened


def texts(found):
    return [f.text for f in found]


def test_a_text_is_looked_for_within_the_conditions(memory):
    notes = [Note("episodic", "the red mug slipped", i + 1, source="arm") for i in range(2_500)]
    notes += [
        Note("spatial", f"red mug {i}", i + 1, (f"red mug {i}",), (i, 9, 0), source="arm") for i in range(300)
    ]
    memory.robo.remember(notes)
    wanted = memory.add(
        "something slipped", kind="episodic", source="base", stamp_ns=1, metadata={"shift": 2}
    )
    seen = memory.add("a cup", about=["red cup"], position=(0, 0, 0), source="base", stamp_ns=1)
    assert {f.id for f in memory.find("the red mug slipped", source="base")} == {wanted, seen}
    assert {f.id for f in memory.find("the red mug slipped", metadata={"shift": 2.0})} == {wanted}
    assert [f.id for f in memory.find("red mug", kinds={"spatial"}, box=((-1, -1, -1), (1, 1, 1)))] == [seen]
    assert memory.find("the red mug slipped", source="base", min_score=0.99) == ()
    asked = Query("the red mug slipped", source="base", min_score=0.99)
    assert memory.robo.recall([asked], timeout_s=30) == []


def test_without_words_all_that_fits_comes(memory):
    notes = [Note("episodic", f"try {i}", i + 1, source="arm" if i % 2 else "base") for i in range(3_000)]
    notes += [Note("temporal", f"step {i}", i + 1, source="arm") for i in range(3)]
    memory.robo.remember(notes)
    found = memory.find(source="arm", kinds={"episodic"})
    assert len(found) == 1_500
    assert texts(found)[:2] == ["try 2999", "try 2997"]
    assert texts(memory.find(source="arm", k=2)) == ["try 2999", "try 2997"]
    assert texts(memory.find(kinds={"temporal"}, source="arm")) == ["step 2", "step 1", "step 0"]


def test_metadata_are_told_apart_by_their_kind(memory):
    values = {"a": 1, "b": True, "c": "1", "d": None, "e": 1.5, "f": False, "g": 0, "h": "é\"'"}
    keys = {name: memory.add(f"note {name}", metadata={"v": value}) for name, value in values.items()}
    for name, value in values.items():
        assert [f.id for f in memory.find(metadata={"v": value})] == [keys[name]], value
        assert [f.id for f in memory.find("note", metadata={"v": value})] == [keys[name]], value
    assert memory.find(metadata={"w": 1}) == ()
    assert memory.find(metadata={"v": 1.0})[0].id == keys["a"]


def test_who_said_it_again_is_a_source_too(memory):
    for source in ("camera", "lidar"):
        memory.add("mug", about=["mug"], position=(0, 0, 0), stamp_ns=S, source=source)
    assert texts(memory.find(source="lidar")) == texts(memory.find("mug", source="lidar")) == ["mug"]
    assert texts(memory.find(source="lidar", between=(S, S))) == ["mug"]
    assert texts(memory.find(source="lidar", near=((0, 0, 0), 1))) == ["mug"]
    assert memory.find(source="radar") == memory.find("mug", source="radar") == ()


def test_a_relation_is_found_in_any_wording(memory):
    memory.relate("tray", "contains", "mug", stamp_ns=1 * S)
    memory.relate("mug", "no longer in", "tray", stamp_ns=2 * S)
    memory.robo.remember([Note("semantic", "mugs belong in trays", 3 * S, triple=("mug", "is in", "tray"))])
    assert set(texts(memory.find(relation="inside"))) == {"tray contains mug", "mugs belong in trays"}
    assert texts(memory.find(relation="not in")) == ["mug no longer in tray"]
    assert texts(memory.find(relation="in", between=(S, S))) == ["tray contains mug"]


def test_errors_name_the_argument_that_was_typed(memory):
    key = memory.add("a")
    here, unsure = Seen("a", (0, 0, 0)), Seen("a", (0, 0, 0), 2.0)
    for call, said in (
        (lambda: memory.find(near=((0, 0, 0), -1)), "find: near radius: -1"),
        (lambda: memory.find(box=((1, 1, 1), (0, 0, 0))), "find: box: "),
        (lambda: memory.find("a", kinds={"dream"}), "find: kinds: unknown kind 'dream'"),
        (lambda: memory.find(between=(2, 1)), "find: between: first 2"),
        (lambda: memory.find("a", run=1), "find: run: 1 without between"),
        (lambda: memory.find(metadata={"": 1}), "find: metadata: name"),
        (lambda: memory.find("a", min_score=2), "find: min_score: 2"),
        (lambda: memory.find(source=""), "find: source: ''"),
        (lambda: memory.where(""), "where: name: ''"), (lambda: memory.history(""), "history: name: ''"),
        (lambda: memory.inside("a", relations={"near"}), "inside: relations"),
        (lambda: memory.add("a", confidence=2), "add: confidence: 2"),
        (lambda: memory.add("a", kind="dream"), "add: kind: unknown kind 'dream'"),
        (lambda: memory.add("a", stamp_ns=-1), "add: stamp_ns: -1"),
        (lambda: memory.update(key, confidence=2), "update: confidence: 2"),
        (lambda: memory.not_seen(((0, 0, 0), 0), stamp_ns=1), "not_seen: region radius: 0"),
        (lambda: memory.add_frame([here, Seen("b", (0, 0))], stamp_ns=1), r"add_frame: seen\[1\].position"),
        (lambda: memory.add_frame([unsure], stamp_ns=1), r"add_frame: seen\[0\].confidence: 2"),
        (lambda: memory.add_frame(["mug"], stamp_ns=1), r"add_frame: seen\[0\] 'mug', expected a Seen"),
        (lambda: memory.add_frame([], stamp_ns=1, view=5), "add_frame: view: 5"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"^{said}"):
            call()
    assert len(memory.robo.records()) == 1


def test_forgetting_by_what_a_query_can_not_choose_is_refused(memory):
    memory.add("the mug", source="me")
    with pytest.raises(InvalidQueryError, match="forget it by ids"):
        memory.forget(query=Query("mug", source="you"))
    assert len(memory.robo.records()) == 1


def test_one_frame_pairs_things_and_ends_what_is_not_there(memory):
    memory.add_frame(
        [Seen("block", (0, 0, 0)), Seen("block", (0.3, 0, 0)), Seen("mug", (0.1, 0, 0))], stamp_ns=1 * S
    )
    memory.add("cup", about=["cup"], position=(5, 0, 0), stamp_ns=1 * S)
    keys = memory.add_frame(
        [Seen("block", (0.31, 0, 0), 0.9), Seen("block", (0.05, 0, 0), metadata={"crop": 7})],
        stamp_ns=2 * S, view=((-1, -1, -1), (1, 1, 1)), source="camera",
    )  # fmt: skip
    assert len(keys) == 3
    assert all(memory.get(key) is not None for key in keys)
    assert memory.get(keys[1]).metadata == {"crop": 7}
    blocks = {c.name: c.position for c in memory.where("block")}
    assert blocks == {"block": (0.05, 0, 0), "block #2": (0.31, 0, 0)}
    assert memory.where("mug")[0].position is None
    assert memory.where("cup")[0].position == (5, 0, 0)
    memory.retract(keys[2])
    assert memory.where("mug")[0].position == (0.1, 0, 0)


def test_words_with_a_source_find_what_is_so_now(memory):
    for stamp, x in ((1, 0.0), (2, 1.0)):
        memory.add(f"mug at {x}", about=["mug"], position=(x, 0, 0), stamp_ns=stamp * S, source="me")
    assert texts(memory.find("mug", source="me")) == ["mug at 1.0"]
    assert set(texts(memory.find("mug", source="me", between=(S, 2 * S)))) == {"mug at 0.0", "mug at 1.0"}
    memory.not_seen(((1, 0, 0), 0.5), stamp_ns=3 * S)
    assert memory.find("mug", source="me") == ()
    assert len(memory.find(source="me")) == 2  # without words: all that was told


def test_a_frame_is_kept_whole_or_not_at_all(memory):
    with pytest.raises(ValueError, match="position"):
        memory.add_frame([Seen("a", (0, 0, 0)), Seen("b", (0, 0, math.nan))], stamp_ns=1)
    assert memory.robo.records() == ()


def test_an_empty_box_in_a_frame_that_is_turned(memory):
    half = math.sqrt(0.5)
    for name, spot in (("in", (0.0, 0.9, 0.0)), ("beside", (0.9, 0.0, 0.0))):
        memory.add(name, about=[f"{name} one"], position=spot, stamp_ns=S)
    turned = Box((0, -0.1, -0.1), (1, 0.1, 0.1), Pose((0, 0, 0), (0, 0, half, half)))
    memory.not_seen(turned, stamp_ns=2 * S)
    memory.robo._parts.spatial.load()
    assert memory.where("in one")[0].position is None
    assert memory.where("beside one")[0].position == (0.9, 0, 0)


def test_a_correction_is_one_update(memory):
    key = memory.relate("mug", "in", "drawer", stamp_ns=5 * S, source="a")
    memory.relate("mug", "in", "tray", stamp_ns=1 * S, source="b")
    before = memory.robo.revision()
    new = memory.update(key, triple=("mug", "in", "box"), text="mug in box", stamp_ns=4 * S)
    assert memory.robo.revision() == before + 1
    mug = memory.where("mug")[0]
    assert (mug.facts, mug.last_seen_ns) == (("mug in box",), 4 * S)
    scene = memory.robo.scene()
    memory.robo._parts.spatial.load()
    assert memory.robo.scene() == scene
    assert memory.get(key) is None
    memory.retract(new)
    assert memory.where("mug")[0].facts == ("mug in tray",)
    for kind in ("semantic", "episodic", "temporal"):
        wrong = memory.add(f"the {kind} drawer sticks", kind=kind, stamp_ns=S)
        before = memory.robo.revision()
        right = memory.update(wrong, text=f"the {kind} tray sticks")
        assert memory.robo.revision() == before + 1
        assert (memory.get(wrong), memory.get(right).text) == (None, f"the {kind} tray sticks")
        assert texts(memory.find("what sticks", kinds={kind})) == [f"the {kind} tray sticks"]


def test_inside_counts_what_is_asked_for(memory):
    memory.relate("mug", "in", "box", stamp_ns=S)
    memory.relate("box", "on", "tray", stamp_ns=S)
    memory.relate("tray", "held by", "gripper", stamp_ns=S)
    assert memory.inside("tray") == memory.at(2 * S).inside("tray") == ()
    every = ("in", "on", "held by")
    for asked in (memory, memory.at(2 * S), memory.at(2 * S, known=2**62)):
        assert asked.inside("tray", relations=("in", "on")) == ("box", "mug")
        assert set(asked.inside("gripper", relations=every)) == {"tray", "box", "mug"}
    assert memory.robo.inside("box") == ("mug",)


def test_kinds_are_asked_alone(memory):
    memory.add("the tray sticks", source="me")
    assert memory.find(kinds={MemoryKind.EPISODIC}, source="me") == ()
