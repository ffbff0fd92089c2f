"""Who is who: one thing under two names."""

import pytest

from robomemory import HashingEmbedder, InvalidQueryError, MemoryKind, RoboMemory


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
