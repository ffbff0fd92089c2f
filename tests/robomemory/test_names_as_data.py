"""Names and texts are data in every output, and what no store can keep is refused in one sentence."""

import contextlib
import json
import unicodedata
import xml.etree.ElementTree as ET

import networkx as nx
import pytest

from robomemory import HashingEmbedder, InvalidNoteError, MemoryKind, RoboMemory, StoreError, graph_image
from robomemory.graph.markers import markers_of
from robomemory.store.backup import backup_store
from robomemory.store.exchange import from_lines, to_graphml, to_lines
from robomemory.store.opening import embedder_of
from robomemory.store.queries import tokens

NAMES = (
    "mug [/red]", "[bold]mug", "\x1b[31mred mug\x1b[0m", "\x1b]0;title\x07mug", r"$\frac$", "$",
    "$$", r"\frac{1}{2}",
    "<mug>", "</node>", "&amp;", "a & b", "]]>", "-->", "--", '"', "'", "\\", "%s", "{0}", "☕",
    "🤖", "箱" * 100,
    "\u202emug", "\ufeffmug", "\uffff mug", "mug\x85\u2028two", "x" * 5_000, "e\u0301", "mug\x7f",
    "\x9b31m mug",
)  # fmt: skip


@pytest.fixture
def odd(memory, note):
    for i, name in enumerate(NAMES):
        memory.remember([note("spatial", f"{name} seen", i, name, at=(i, 0, 0))])
        memory.remember([note("spatial", f"{name} there", i, says=(name, name, "tray"))])
    return memory


def test_pictures_and_graphs_of_odd_names_can_be_read(odd):
    for fmt in ("svg", "png"):
        assert len(graph_image(odd, fmt)) > 1_000
    ET.fromstring(graph_image(odd, "svg"))
    text = to_graphml(odd)
    ET.fromstring(text)
    graph = nx.parse_graphml(text, force_multigraph=True)
    scene = odd.scene()
    assert graph.number_of_nodes() == len(scene.objects)
    assert graph.number_of_edges() == len(scene.facts)
    assert "\x1b" not in text


def test_names_that_look_alike_once_escaped_stay_two(memory, note):
    for name in ("a\x1bb", r"a\x1bb"):
        memory.remember([note("spatial", "x", 1, name, at=(0, 0, 0))])
    assert nx.parse_graphml(to_graphml(memory), force_multigraph=True).number_of_nodes() == 2


def test_out_and_in_again_keeps_every_name(odd, tmp_path):
    lines = list(to_lines(odd))
    assert all(json.loads(line) for line in lines)
    assert all("\n" not in line and "\x1b" not in line for line in lines)
    with RoboMemory(tmp_path / "copy.sqlite3", embedder=HashingEmbedder()) as copy:
        assert from_lines(copy, lines) == len(lines)
        assert [(r.text, r.entities, r.triple) for r in copy.records()] == [
            (r.text, r.entities, r.triple) for r in sorted(odd.records(), key=lambda r: (r.moment, r.id))
        ]
        assert {t.name for t in copy.scene().objects} == {t.name for t in odd.scene().objects}


def test_a_line_of_an_export_is_one_line_for_every_reader(memory, note, tmp_path):
    text = "one\u2028two\u2029three\x85four\x0bfive\x1csix\r\nseven"
    memory.remember([note("episodic", text)])
    (line,) = "\n".join(to_lines(memory)).splitlines()
    with RoboMemory(tmp_path / "copy.sqlite3", embedder=HashingEmbedder()) as copy:
        assert from_lines(copy, [line]) == 1
        assert copy.records()[0].text == text


@pytest.mark.parametrize(
    ("one", "other"),
    [("दान", "दिन"), ("की", "का"), ("ปา", "ปู"), ("שָׁלוֹם", "שְׁלָם"), ("cafe", "café"), ("n", "ñ")],
)
def test_words_that_differ_in_a_mark_are_two(memory, note, one, other):
    assert set(tokens(one)).isdisjoint(tokens(other))
    memory.remember([note("episodic", f"{other} 1"), note("semantic", f"the {one} is heavy")])
    memory.remember([note("semantic", f"the {other} is heavy")])
    assert len(memory.records(MemoryKind.SEMANTIC)) == 2
    assert f"{other} 1" in [r.text for r in memory.recall([other], timeout_s=30)]
    assert memory.forget(query=one) == 1
    assert memory.forget(query=other) == 2


def test_a_letter_is_the_same_however_it_is_composed(memory, note):
    memory.remember([note("episodic", unicodedata.normalize("NFD", "grüne Tasse 🧑\u200d🍳"))])
    memory.remember([note("spatial", "seen", 1, unicodedata.normalize("NFD", "grüne Tasse"), at=(0, 0, 0))])
    assert memory.where_is(unicodedata.normalize("NFC", "Grüne Tasse")).position == (0, 0, 0)
    assert memory.forget(query=unicodedata.normalize("NFC", "GRÜNE")) == 2  # in a text, and in a name alone


@pytest.mark.parametrize(
    ("one", "other"),
    [("Anna prefers ☕", "Anna prefers 🍵"), ("the store is kept at -5 °C", "the store is kept at 5 °C"),
     ("the rack is written in C", "the rack is written in C++"), ("fill it up to 5%", "fill it up to 5")],
)  # fmt: skip
def test_signs_tell_semantic_texts_apart(memory, note, one, other):
    memory.remember([note("semantic", one, 1)])
    memory.remember([note("semantic", other, 2)])
    assert [r.text for r in memory.records()] == [one, other]
    memory.remember([note("semantic", f"{other}.", 3)])
    assert len(memory.records()) == 2  # the same once more


def test_markers_hold_no_control_characters(odd):
    for marker in markers_of(odd.scene()):
        assert all(c.isprintable() or c == "\n" or c in "\u3000" for c in marker.text), marker.text


BAD = {
    "a lone surrogate in the text": {"text": "mug\ud800"},
    "a lone surrogate in a name": {"names": ("\udfff",)},
    "a lone surrogate in a triple": {"says": ("mug", "in", "\ud83d")},
    "a lone surrogate in the source": {"source": "\ud800"},
    "a NUL in the text": {"text": "a\0b"},
    "a NUL in a relation": {"says": ("mug", "in\0", "tray")},
    "nothing that can be seen": {"text": "\u200b\u200e"},
    "control characters alone": {"names": ("\x1b\x07",)},
    "a position of 1e308": {"at": (1e308, 0, 0)},
    "a position of 1e10": {"at": (0, 0, -1e10)},
    "a position of NaN": {"at": (0, float("nan"), 0)},
    "an infinite position": {"at": (float("inf"), 0, 0)},
    "a position of a huge whole number": {"at": (10**400, 0, 0)},
    "a position of text": {"at": "123"},
    "a position of texts": {"at": ("1", "2", "3")},
    "no position but a number": {"at": 5},
    "a stamp beyond 64 bits": {"stamp": 2**63},
    "a huge stamp": {"stamp": 10**5000},
    "a stamp before 0": {"stamp": -1},
    "a stamp of NaN": {"stamp": float("nan")},
    "a confidence of NaN": {"confidence": float("nan")},
    "a confidence of 2": {"confidence": 2},
    "a confidence of a huge whole number": {"confidence": 10**400},
    "a source of None": {"source": None},
    "too many names": {"names": ("mug",) * 5_000},
    "a run that is none": {"run": -1},
    "a run beyond what is counted": {"run": 2**32},
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD)
def test_what_can_not_be_kept_is_one_sentence(memory, fields):
    from robomemory import Note

    f = {"text": "a", "names": ("mug",), "at": None, "says": None, "stamp": 1, "confidence": 1.0,
    "source": "",
         "run": 0} | fields  # fmt: skip
    bad = Note(
        "spatial",
        f["text"],
        f["stamp"],
        f["names"],
        f["at"],
        f["says"],
        f["confidence"],
        f["source"],
        f["run"],
    )
    good = Note("episodic", "a good one", 1)
    with pytest.raises(InvalidNoteError) as told:
        memory.remember([good, bad])
    said = str(told.value)
    assert "notes[1]" in said
    assert len(said) < 300
    assert said.isprintable()
    assert memory.records() == ()


def test_the_farthest_position_and_the_last_stamp_are_kept(memory, note, both):
    memory.remember([note("spatial", "far", 1, "mug", at=(1e9, -1e9, 1e9))])
    memory.remember([note("spatial", "near", 2, "cup", at=(0, 0, 0))])
    for m in both():
        assert m.where_is("mug").position == (1e9, -1e9, 1e9)
        assert graph_image(m, "svg")
        assert m.forget(query="nothing of this kind") == 0


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "null", "5", '"a"', "[" * 100_000, '{"kind": "episodic"}', "{}", "\x00", '{"kind": []}',
     json.dumps({"kind": "episodic", "text": "\ud800", "stamp_ns": 1, "entities": [], "position": None,
                 "triple": None, "confidence": 1.0, "source": "", "run": 1}),
     json.dumps({"kind": "episodic", "text": "a", "stamp_ns": 10**400, "entities": [], "position": None,
                 "triple": None, "confidence": 1.0, "source": "", "run": 1}),
     json.dumps({"kind": "episodic", "text": "a", "stamp_ns": 1, "entities": [], "position": None,
                 "triple": None, "confidence": 1.0, "source": "", "run": None}),
     json.dumps({"kind": "episodic", "text": "a", "stamp_ns": 1, "entities": None, "position": None,
                 "triple": None, "confidence": 1.0, "source": "", "run": 1})],
)  # fmt: skip
def test_a_line_that_is_no_record_is_one_sentence(memory, line):
    good = json.dumps({"kind": "episodic", "text": "a", "stamp_ns": 1, "entities": [], "position": None,
                       "triple": None, "confidence": 1.0, "source": ""})  # fmt: skip
    with pytest.raises(InvalidNoteError, match="line 2: ") as told:
        from_lines(memory, [good, line])
    assert len(str(told.value)) < 400
    assert memory.records() == ()


@pytest.mark.parametrize(
    "scene", ["", "a b", "../x", "a" * 101, "箱" * 100, "\ud800", "a\0", None, "a/b", "."]
)
def test_a_scene_that_is_no_file_name_is_one_sentence(tmp_path, scene):
    with pytest.raises((StoreError, ValueError), match="scene"):
        RoboMemory.for_scene(tmp_path, scene, embedder=HashingEmbedder())


@pytest.mark.parametrize(
    "path",
    [".", "..", "/", "", " ", "a\0b", "\ud800", None, 5, b"bytes", "x" * 5_000, "/dev/null/a", "/proc/a"],
)
def test_a_path_that_is_none_is_one_sentence(path):
    for call in (
        lambda: RoboMemory(path, embedder=HashingEmbedder()), lambda: backup_store(path, "never written"),
    ):  # fmt: skip
        with pytest.raises(StoreError) as told:
            call()
        assert "\n" not in str(told.value)
    with contextlib.suppress(StoreError):
        assert embedder_of(path) is None
