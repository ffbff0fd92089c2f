"""A rule that chooses nothing, or everything by accident, is refused before anything is lost."""

import pytest

from robomemory import InvalidQueryError, Query, RoboMemoryError
from robomemory.names import mentions

S = 10**9
WORDLESS = ("☕", "?", "--", "...", "%", "_", "*", "?!", "\u200b☕", "🤖🤖", "%_%", "[a-z]*"[5:], "''", '"')


@pytest.fixture
def full(memory, note):
    memory.remember([note("episodic", f"moved box {i} ☕", i) for i in range(3)])
    memory.remember([note("semantic", f"box {i} is heavy", i) for i in range(3)])
    memory.remember([note("spatial", "☕", 1, "☕", at=(0, 0, 0)), note("temporal", "100% of _ done", 1)])
    return memory


@pytest.mark.parametrize("words", WORDLESS)
def test_words_that_vanish_forget_nothing(full, words):
    before = full.records()
    for query in (words, Query(words, near=((0, 0, 0), 5.0)), Query(words, between=(0, 9 * S))):
        with pytest.raises(InvalidQueryError, match=r"holds no word|is empty"):
            full.forget(query=query)
        with pytest.raises(InvalidQueryError):
            full.forget(query=query, keep=0, kinds={"episodic"})
    assert full.records() == before


@pytest.mark.parametrize(
    "rules",
    [
        {"kinds": ()}, {"kinds": (), "keep": 0}, {"kinds": set(), "before_ns": 9 * S},
        {"kinds": "", "keep": 0},
        {"kinds": {" "}, "keep": 0}, {"kinds": 5, "keep": 0}, {"kinds": [[]], "keep": 0},
        {"kinds": {"episodic"}},
        {"ids": ()}, {"ids": []}, {"ids": ["1"]}, {"ids": "12"}, {"ids": [1.5]}, {"ids": [True]},
        {"ids": [-1]},
        {"ids": [2**63]}, {"ids": 7}, {"ids": {}}, {"ids": (), "keep": 0},
        {"query": ""}, {"query": " \n"}, {"query": 5}, {"query": "a\0"}, {"query": Query("box", k=1)},
        {"before_ns": -1}, {"before_ns": float("nan")}, {"before_ns": 2**63}, {"before_ns": "5"},
        {"before_ns": True}, {"keep": -1}, {"keep": 1.5}, {"keep": "2"}, {"keep": float("nan")},
        {"keep": True},
        {"keep": 2**70}, {"everything": 1}, {"everything": "yes"}, {"everything": False}, {"run": 1},
        {"everything": True, "run": 1}, {"keep": 0, "run": 0}, {"query": "box", "run": 1},
        {"ids": [1], "run": 1}, {"before_ns": 5, "run": -1}, {"before_ns": 5, "run": "now"},
    ],
)  # fmt: skip
def test_a_rule_that_is_empty_or_wrong_forgets_nothing(full, rules):
    before = full.records()
    with pytest.raises(InvalidQueryError) as told:
        full.forget(**rules)
    assert "\n" not in str(told.value)
    assert full.records() == before


def test_everything_is_a_choice_of_its_own(full):
    assert full.forget(everything=True, kinds={"semantic"}) == 3
    assert full.forget(everything=True, query="box") == 3  # every rule has to choose a record
    assert full.forget(everything=True) == 2
    assert full.records() == ()


def test_kinds_from_a_generator_are_kinds(full):
    assert full.forget(kinds=(kind for kind in ["semantic"]), keep=0) == 3
    assert len(full.records()) == 5


@pytest.mark.parametrize(
    "fields",
    [
        {"kinds": ()}, {"kinds": set()}, {"kinds": ""}, {"kinds": {"dreams"}}, {"kinds": 5}, {"kinds": [[]]},
        {"between": (5, 1)}, {"between": (float("nan"), 5)}, {"between": (0, float("inf"))}, {"between": 5},
        {"between": (1,)}, {"between": (1, 2, 3)}, {"between": ("0", "1")}, {"between": (-1, 5)},
        {"between": (0, 2**63)}, {"between": ()}, {"between": "12"}, {"run": -1}, {"run": 2**32},
        {"run": "1"}, {"run": 0}, {"run": 1},
        {"near": 5}, {"near": ()}, {"near": ((0, 0), 1.0)}, {"near": ((0, 0, 0), 0)}, {"near": ((0,
        0, 0), -1)},
        {"near": ((0, 0, 0), float("nan"))}, {"near": ((0, 0, 0), 1e308)}, {"near": ((0, 0, 1e308), 1.0)},
        {"near": ((0, 0, float("nan")), 1.0)}, {"near": ("abc", 1.0)}, {"near": ("123", 1.0)},
        {"near": ((10**400, 0, 0), 1.0)}, {"near": (None, None)}, {"k": 0}, {"k": True},
        {"k": 10**10}, {"k": "5"},
    ],
)  # fmt: skip
def test_a_query_that_is_empty_or_wrong_is_told(fields):
    with pytest.raises(InvalidQueryError) as told:
        Query("mug", **fields)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "name", ["", " ", "\n", "\t \r", "\u200b", "\x1b", "\u2028", "\0", "\ud800", None, 5]
)
def test_a_name_of_nothing_is_told(full, name):
    for ask in (full.where_is, full.where_was, full.history, full.inside, lambda n: full.merge(n, "☕"),
                lambda n: full.recall([n])):  # fmt: skip
        with pytest.raises(InvalidQueryError):
            ask(name)


@pytest.mark.parametrize("name", ["?", "%", "_", "the", "*", "--"])
def test_a_name_without_words_means_no_thing_but_one_of_that_name(full, name):
    assert full.where_is(name) is None
    assert full.history(name) == full.inside(name) == ()
    assert full.where_is("☕").position == (0, 0, 0)
    assert not mentions("anything", name) or name == "anything"
    assert not mentions("?", name)


def test_times_that_are_reversed_or_no_times_are_told(full):
    for call in (
        lambda: full.changes(5, 2), lambda: full.changes(float("nan")), lambda: full.changes(-1),
        lambda: full.changes(0, 2**63), lambda: full.changes(0, 5, run=-1), lambda: full.scene(at_ns=2**63),
        lambda: full.scene(at_ns="now"), lambda: full.scene(known_ns=float("inf")), lambda: full.scene(run=1),
        lambda: full.where_was("☕", run=1), lambda: full.inside("☕", run=1),
        lambda: full.merge("☕", "☕", run=1), lambda: full.where_was("☕", 1.5),
        lambda: full.inside("☕", -1), lambda: full.inside("nothing", -1),
        lambda: full.merge("☕", "☕", stamp_ns=-1), lambda: full.recall(["a"], timeout_s=float("nan")),
        lambda: full.recall(["a"], timeout_s=float("inf")), lambda: full.recall(["a"], timeout_s="1"),
        lambda: full.recall("mug"), lambda: full.recall([5]), lambda: full.recall(["a"], k=0),
        lambda: full.records("dreams"), lambda: full.records(""),
    ):  # fmt: skip
        with pytest.raises(InvalidQueryError):
            call()


def test_settings_that_are_no_numbers_are_told(path):
    from robomemory import HashingEmbedder, RoboMemory

    for setting in ({"steps": 1}, {"steps": 2.5}, {"steps": "x"}, {"expire_s": float("nan")}, {"expire_s": 0},
                    {"expire_s": float("inf")}, {"expire_s": "5"}, {"expire_s": 1e300}):  # fmt: skip
        with pytest.raises(RoboMemoryError):
            RoboMemory(path, embedder=HashingEmbedder(), **setting)
    assert not path.exists()
