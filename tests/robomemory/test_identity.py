"""Who is who: one thing under two names."""

import random

import pytest

from robomemory import HashingEmbedder, InvalidQueryError, Memory, MemoryKind, RoboMemory


def facts(memory):
    return {str(f) for f in memory.scene().facts}


def test_two_names_are_merged_when_told(memory, note, both):
    memory.remember([note("spatial", "a", 1, "mug", at=(0.5, 0, 0), says=("mug", "in", "drawer"))])
    memory.remember([note("spatial", "b", 2, says=("cup", "on", "table"))])
    memory.remember([note("spatial", "c", 2, says=("spoon", "in", "cup"))])
    memory.merge("cup", "mug")
    for m in both():
        assert facts(m) == {"mug on table", "spoon in mug"}  # the newer of two places holds
        assert [str(f) for f in m.scene().past] == ["mug in drawer"]
        assert m.where_is("cup") == m.where_is("mug")
        assert m.where_is("cup").position == (0.5, 0, 0)
        assert m.inside("cup") == ("spoon",)
        assert "cup" not in {t.name for t in m.scene().objects}
    m.remember([note("spatial", "d", 9, says=("the cup", "in", "tray"))])
    assert m.where_is("mug").facts == ("mug in tray",)
    with pytest.raises(InvalidQueryError, match="nothing known is called 'fork'"):
        m.merge("fork", "mug")
    m.merge("cup", "mug")  # known already
    assert len(m.scene().objects) == 3


def test_things_are_merged_within_one_update(memory, note, both):
    memory.remember([note("spatial", "old", 1, says=("jug", "on", "shelf"))])
    memory.remember(
        [
            note("spatial", "a", 2, "mug", at=(0.5, 0, 0), says=("mug", "in", "drawer")),
            note("spatial", "b", 2, "cup", at=(0.1, 0, 0), says=("cup", "on", "table")),
            note("spatial", "c", 2, says=("cup", "same as", "mug")),
            note("spatial", "d", 3, says=("mug", "same as", "jug")),
            note("spatial", "e", 4, says=("cup", "in", "sink")),
        ]
    )
    for m in both():
        assert facts(m) == {"jug in sink"}
        assert {t.name for t in m.scene().objects} == {"jug", "sink"}
        assert m.where_is("cup") == m.where_is("mug") == m.where_is("jug")
        assert {str(f) for f in m.scene(at_ns=2 * 10**9).facts} <= {"jug in drawer", "jug on table"}


def seen_alike(memory, names, known_ns=None):
    """What is known of ``names``, by the side of what those who never merged them know."""
    scene = memory.scene(known_ns=known_ns)
    return scene.objects, {str(f) for f in scene.facts}, {str(f) for f in scene.past}, [
        (memory.where_is(n), memory.history(n)) for n in names if known_ns is None
    ]  # fmt: skip


def story(note):
    """Notes before and after two things are merged."""
    return [
        note("spatial", "a", 1, "mug", at=(0.5, 0, 0), says=("mug", "in", "drawer")),
        note("spatial", "b", 2, "cup", at=(0.1, 0, 0), says=("cup", "on", "table")),
        note("spatial", "c", 2, says=("spoon", "in", "cup")),
        note("spatial", "d", 2, says=("ladle", "leans on", "cup")),
        note("spatial", "a cup", 3, "cup"),
    ], [
        note("spatial", "e", 5, "cup", at=(0.9, 0, 0), says=("cup", "in", "sink")),
        note("spatial", "f", 6, says=("mug", "in", "tray")),
        note("spatial", "g", 7, says=("fork", "near", "mug")),
        note("spatial", "h", 8, "cup"),
    ]


@pytest.mark.parametrize("undo", ["retract", "forget"])
def test_a_merge_is_undone_as_if_it_had_never_been_said(memory, note, both, undo):
    before, after = story(note)
    with RoboMemory(":memory:", embedder=HashingEmbedder()) as never:
        for each in (*before, *after):
            never.remember([each])
        for each in before:
            memory.remember([each])
        (key,) = memory.remember([note("spatial", "one", 4, says=("cup", "same as", "mug"))])
        for each in after:
            memory.remember([each])
        merged, known = memory.scene(), memory._store.recorded_ns
        assert {str(f) for f in merged.facts} == {
            "mug in tray", "spoon in mug", "ladle leans on mug", "fork near mug"
        }  # fmt: skip
        assert memory.where_is("cup") == memory.where_is("mug")
        memory.retract(key) if undo == "retract" else memory.forget(ids=[key])
        names = ("mug", "cup", "spoon", "ladle", "fork")
        for m in both():
            told, right = seen_alike(m, names), seen_alike(never, names)
            assert told[:3] == right[:3]
            for (where, stays), (right_where, right_stays) in zip(told[3], right[3], strict=True):
                assert where == right_where
                assert [s.holder for s in stays] == [s.holder for s in right_stays]
            if undo == "retract":
                then = m.scene(known_ns=known)
                assert {str(f) for f in then.facts} == {str(f) for f in merged.facts}
                assert [t.name for t in then.objects] == [t.name for t in merged.objects]


def test_not_the_same_as_undoes_a_merge_and_outlives_an_older_one(memory, note, both):
    for each in story(note)[0]:
        memory.remember([each])
    memory.remember([note("spatial", "one", 4, says=("cup", "same as", "mug"))])
    (two,) = memory.remember([note("spatial", "two", 9, says=("mug", "is not the same as", "cup"))])
    memory.remember([note("spatial", "late", 6, says=("mug", "same as", "cup"))])
    for m in both():
        assert {"mug in drawer", "cup on table", "spoon in cup"} <= facts(m)
    memory = m
    memory.merge("mug", "cup")  # whoever merges them now knows better
    assert memory.where_is("cup") == memory.where_is("mug")
    memory.retract(two)
    assert memory.where_is("cup") == memory.where_is("mug")


def test_merges_in_a_chain_are_undone_one_by_one(memory, note, both):
    for i, name in enumerate(("jug", "mug", "cup"), 1):
        memory.remember([note("spatial", name, i, says=(name, "in", f"box {i}"))])
    memory.remember([note("spatial", "1", 5, says=("cup", "same as", "mug"))])
    (link,) = memory.remember([note("spatial", "2", 6, says=("mug", "same as", "jug"))])
    assert memory.where_is("cup").name == memory.where_is("mug").name == "jug"
    assert facts(memory) == {"jug in box 3"}
    memory.retract(link)
    for m in both():
        assert m.where_is("jug").facts == ("jug in box 1",)
        assert m.where_is("cup").name == m.where_is("mug").name == "mug"
        assert facts(m) == {"jug in box 1", "mug in box 3"}


def test_the_name_of_what_was_merged_does_not_depend_on_the_order(note):
    notes = [
        note("spatial", "a", 1, says=("mug", "in", "drawer")),
        note("spatial", "b", 2, says=("cup", "on", "table")),
        note("spatial", "c", 3, says=("cup", "same as", "mug")),
        note("spatial", "d", 4, says=("jug", "same as", "cup")),
        note("spatial", "e", 5, says=("spoon", "in", "jug")),
        note("spatial", "f", 6, says=("jug", "not the same as", "mug")),
    ]
    scenes = []
    for seed in range(30):
        order = random.Random(seed).sample(notes, len(notes))
        with RoboMemory(":memory:", embedder=HashingEmbedder(32)) as memory:
            for each in order:
                memory.remember([each])
            scene = memory.scene()
            scenes.append((scene.objects, {str(f) for f in scene.facts}, memory.where_is("jug").name))
    assert all(scene == scenes[0] for scene in scenes)


def test_names_that_differ_in_spelling_can_be_kept_apart(memory, note, both):
    memory.remember([note("spatial", "a", 1, says=("red cube", "in", "tray"))])
    memory.remember([note("spatial", "b", 2, says=("red cubes", "in", "drawer"))])
    assert facts(memory) == {"red cube in drawer"}
    (two,) = memory.remember([note("spatial", "c", 3, says=("red cubes", "not the same as", "red cube"))])
    memory.remember([note("spatial", "d", 4, says=("red cubes", "in", "box"))])
    for m in both():
        assert facts(m) == {"red cube in drawer", "red cubes in box"}
        assert m.where_is("red cubes").facts == ("red cubes in box",)
        assert m.where_is("red cube").facts == ("red cube in drawer",)
    m.retract(two)
    assert facts(m) == {"red cube in box"}


def test_a_less_close_name_can_be_kept_apart_from_what_is_at_its_place(memory, note):
    memory.remember([note("spatial", "a", 1, "blue mug", at=(0.5, 0, 0))])
    memory.remember([note("spatial", "b", 2, says=("mug", "not the same as", "blue mug"))])
    memory.remember([note("spatial", "c", 3, "mug", at=(0.51, 0, 0))])
    assert {t.name for t in memory.scene().objects} == {"blue mug", "mug"}


def test_whose_a_thing_is_keeps_it_apart(memory, note, both):
    at = (0.5, 0, 0)
    memory.remember([note("spatial", "a", 1, "my mug", at=at)])
    memory.remember([note("spatial", "b", 2, "your mug", at=at)])
    memory.remember([note("spatial", "c", 3, "Ann\u2019s mug", at=at)])
    memory.remember([note("spatial", "d", 4, "Ann's mugs", at=at)])
    memory.remember([note("spatial", "e", 5, "mug", at=(0, 0, 0))])
    memory.merge("mug", "my mug")
    memory.remember([note("spatial", "f", 6, "Bea's mug", at=(0, 0, 0))])
    for m in both():
        assert {t.name for t in m.scene().objects} == {"my mug", "your mug", "ann\u2019s mug", "bea's mug"}


def test_a_merge_survives_export_and_import(memory, note, tmp_path):
    from robomemory.store.exchange import from_lines, to_lines

    memory.remember([note("spatial", "a", 1, says=("mug", "in", "drawer"))])
    memory.remember([note("spatial", "b", 2, says=("cup", "on", "table"))])
    memory.merge("cup", "mug")
    with RoboMemory(tmp_path / "copy.sqlite3", embedder=HashingEmbedder()) as copy:
        from_lines(copy, list(to_lines(memory)))
        assert copy.scene() == memory.scene()
        assert copy.where_is("cup").name == "mug"


def test_a_thing_named_less_closely_at_its_place_is_the_same(memory, note):
    memory.remember([note("spatial", "a", 1, "blue mug", at=(0.5, 0, 0))])
    memory.remember([note("spatial", "b", 2, "mug", at=(0.51, 0, 0))])
    assert [t.name for t in memory.scene().objects] == ["blue mug"]
    memory.remember([note("spatial", "c", 3, "cube", at=(0.1, 0, 0))])
    memory.remember([note("spatial", "d", 4, "green cube", at=(0.1, 0, 0))])
    assert [t.name for t in memory.scene().objects] == ["blue mug", "green cube"]
    assert memory.where_is("cube").name == "green cube"


def test_what_may_be_another_thing_stays_another(memory, note):
    memory.remember([note("spatial", "a", 1, "blue mug", at=(0.5, 0, 0))])
    memory.remember([note("spatial", "far", 2, "mug", at=(0.7, 0, 0))])  # elsewhere
    memory.remember([note("spatial", "b", 3, "red mug", at=(0.5, 0, 0))])  # another colour
    memory.remember([note("spatial", "c", 4, "mug rack", at=(0.5, 0, 0))])  # another noun
    frame = [note("spatial", n, 5, n, at=(0.9, 0, 0)) for n in ("white cup", "cup")]
    memory.remember(frame)  # seen side by side
    names = {t.name for t in memory.scene().objects}
    assert names == {"blue mug", "mug", "red mug", "mug rack", "white cup", "cup"}


def test_newer_truths_replace_older_ones_by_rule(memory, note, both):
    memory.remember([note("semantic", "Anna prefers the left tray", 1)])
    memory.remember([note("semantic", "Ben prefers the left tray", 1)])
    memory.remember([note("semantic", "Anna prefers the right tray", 2)])
    memory.remember([note("semantic", "the top drawer sticks", 1), note("semantic", "cups are round", 1)])
    memory.remember([note("semantic", "the top drawer does not stick", 2)])
    memory.remember([note("semantic", "cups are round", 3, confidence=0.0)])  # taken back
    for m in both():
        told = {r.text for r in m.recall(["tray", "drawer", "cups"], k=20)}
        assert told == {
            "Ben prefers the left tray",
            "Anna prefers the right tray",
            "the top drawer does not stick",
        }
        assert len(m.records(MemoryKind.SEMANTIC)) == 6  # nothing is erased


def test_a_name_gives_every_candidate():
    with Memory(embedder=HashingEmbedder()) as memory:
        for i, name in enumerate(("mug", "my mug", "your mug", "blue mug", "mug rack"), 1):
            memory.add(name, about=[name], position=(i, 0, 0), stamp_ns=i)
        assert [c.name for c in memory.where("mug")] == ["mug", "blue mug", "your mug", "my mug"]
        assert [c.name for c in memory.where("my mugs")] == ["my mug"]
        assert [c.name for c in memory.where("blue mug")] == ["blue mug"]
        assert memory.where("unicorn") == ()
