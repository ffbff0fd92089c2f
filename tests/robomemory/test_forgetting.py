"""What is forgotten is gone: from the file, from every answer, and from what was drawn from it."""

import pytest

from robomemory import InvalidQueryError, MemoryKind, Query

S = 10**9


def texts(memory):
    return [r.text for r in memory.records()]


def test_by_age_count_kind_and_words(memory, note, both):
    memory.remember([note("episodic", f"moved box {i}", i) for i in range(10)])
    memory.remember([note("semantic", f"box {i} is heavy", i) for i in range(10)])
    assert memory.forget(before_ns=3 * S, kinds={"episodic"}) == 3
    assert memory.forget(keep=5) == 7  # 2 of the episodic, 5 of the semantic ones
    assert memory.forget(query="heavy 7") == 1
    assert memory.forget(query=Query("box", kinds={"episodic"}, between=(5 * S, 6 * S))) == 2
    assert memory.forget(query="no such words") == 0
    expected = [f"moved box {i}" for i in (7, 8, 9)] + [f"box {i} is heavy" for i in (5, 6, 8, 9)]
    for m in both():
        assert texts(m) == expected
        assert {r.text for r in m.recall(["box"], k=50)} == set(expected)
        assert m.recall([Query("box 0 is heavy", kinds={"semantic"}, k=50)])[0].text in expected


def test_a_step_takes_the_lines_that_were_drawn_from_it_along(reopen, note):
    memory = reopen(steps=4)
    memory.remember([note("temporal", "said the password swordfish", 0)])
    memory.remember([note("temporal", f"wiped {i}", i) for i in range(1, 9)])
    assert "swordfish" in memory.steps()[0].text
    assert memory.forget(query="swordfish") >= 2
    for again in (False, True):
        m = reopen(steps=4) if again else memory
        assert not any("swordfish" in r.text for r in m.records())
        assert not any("swordfish" in r.text for r in m.steps())
        assert m.steps()[-1].text == "wiped 8"


def test_the_graph_forgets_facts_positions_and_things(memory, note, both):
    memory.remember([note("spatial", "mug seen here", 1, "mug", at=(0.1, 0, 0))])
    memory.remember([note("spatial", "mug seen there", 2, "mug", at=(0.9, 0, 0))])
    memory.remember([note("spatial", "mug in tray", 3, says=("mug", "in", "tray"))])
    memory.remember([note("spatial", "secret box", 3, "secret box", at=(0.5, 0.5, 0))])
    memory.forget(query="there")
    memory.forget(query="secret")
    for m in both():
        assert m.where_is("mug").position == (0.1, 0, 0)
        assert m.where_is("secret box") is None
        assert {t.name for t in m.scene().objects} == {"mug", "tray"}
    m.forget(query="mug in tray")
    assert m.scene().facts == ()
    m.forget(keep=0)
    assert (m.scene().objects, m.records()) == ((), ())
    m.remember([note("spatial", "mug", 9, "mug", at=(0, 0, 0))])
    assert m.records()[0].id > 4  # no key is used twice


@pytest.mark.parametrize("reopen", ["file"], indirect=True)
def test_nothing_of_a_forgotten_text_is_left_in_the_file(memory, note, path):
    memory.remember([note("episodic", "the code is xyzzyplugh"), note("semantic", "xyzzyplugh opens it")])
    memory.forget(query="xyzzyplugh")
    memory.close()
    assert b"xyzzyplugh" not in path.read_bytes()


@pytest.mark.parametrize(
    "rules",
    [{}, {"keep": -1}, {"before_ns": -5}, {"kinds": {"dreams"}, "keep": 1}, {"query": " "},
     {"kinds": {"episodic"}, "query": Query("a", kinds={"semantic"})}],
)  # fmt: skip
def test_a_bad_rule_is_refused_and_nothing_is_forgotten(memory, note, rules):
    memory.remember([note("episodic", "a")])
    with pytest.raises(InvalidQueryError):
        memory.forget(**rules)
    assert len(memory.records(MemoryKind.EPISODIC)) == 1


def test_forgetting_by_key(memory, note):
    memory.remember([note("episodic", f"e{i}") for i in range(3)])
    assert memory.forget(ids=[2, 77]) == 1
    assert texts(memory) == ["e0", "e2"]


def held(memory):
    return [(f.subject, f.relation, f.object) for f in memory.scene().facts]


def test_what_a_forgotten_sighting_had_ended_holds_again(memory, note):
    memory.remember([note("spatial", "tray seen", 1, "tray", at=(0.1, 0, 0))])
    memory.remember([note("spatial", "mug in tray", 2, says=("mug", "in", "tray"))])
    memory.remember([note("spatial", "mug seen far off", 3, "mug", at=(2, 0, 0))])
    assert held(memory) == []
    memory.forget(query="far off")
    assert held(memory) == [("mug", "in", "tray")]
    memory.remember([note("spatial", "mug seen away", 4, "mug", at=(1, 0, 0))])
    assert held(memory) == []
    memory.forget(query="tray seen")  # nobody knows how far from the tray that is
    assert held(memory) == [("mug", "in", "tray")]


@pytest.mark.parametrize("words", ["mug seen", "the view"])
def test_a_thing_is_missed_only_by_what_is_left(memory, note, words):
    memory.remember([note("spatial", "mug seen", 1, "mug", at=(0.1, 0, 0))])
    memory.remember([note("spatial", "mug on table", 2, says=("mug", "on", "table"))])
    nothing = ("the view", "shows nothing else within", "0.1 m")
    memory.remember([note("spatial", "the view shows nothing", 3, at=(0.1, 0, 0), says=nothing)])
    assert held(memory) == []
    memory.forget(query=words)
    assert held(memory) == [("mug", "on", "table")]
