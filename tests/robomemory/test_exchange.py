"""A memory goes out as text and comes back as the same memory; what is no record is refused by its line."""

from __future__ import annotations

import json

import networkx as nx
import pytest

from robomemory import HashingEmbedder, InvalidNoteError, RoboMemory
from robomemory.store.exchange import from_lines, to_graph, to_graphml, to_lines


@pytest.fixture
def filled(memory, note) -> RoboMemory:
    memory.remember([note("spatial", "a blue mug", 1.0, "blue mug", at=(0.5, -0.1, 0.02))])
    memory.remember([note("spatial", "mug in drawer", 2.0, "blue mug", says=("blue mug", "in", "drawer"))])
    memory.remember([note("spatial", "mug in tray", 3.0, "blue mug", says=("blue mug", "in", "tray"))])
    memory.remember([note("episodic", "put the mug in the tray: success", 4.0)])
    memory.remember([note("temporal", "päuse", 5.0)])
    return memory


def test_what_was_written_out_is_remembered_alike(filled, tmp_path):
    lines = list(to_lines(filled))
    with RoboMemory(tmp_path / "copy.sqlite3", embedder=HashingEmbedder()) as copy:
        assert from_lines(copy, lines) == 5
        assert copy.scene() == filled.scene()
        assert list(to_lines(copy)) == lines
        where = copy.where_is("mug")
        assert where is not None
        assert where.facts == ("blue mug in tray",)


def test_the_graph_holds_what_ended_too(filled, tmp_path):
    graph = to_graph(filled)
    assert graph.nodes["blue mug"]["x"] == pytest.approx(0.5)
    facts = {(a, d["relation"], b, "valid_until_ns" in d) for a, b, d in graph.edges(data=True)}
    assert facts == {("blue mug", "in", "tray", False), ("blue mug", "in", "drawer", True)}
    (tmp_path / "graph.graphml").write_text(to_graphml(filled))
    back = nx.read_graphml(tmp_path / "graph.graphml")
    assert set(back.nodes) == set(graph.nodes)
    assert back.number_of_edges() == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2"),
        ("[1, 2]", "line 2.*list"),
        ('{"kind": "temporal"}', "line 2.*expected"),
        (None, "line 2.*dreams"),
    ],
)
def test_a_line_that_is_no_record_is_named_and_nothing_is_kept(filled, tmp_path, line, said):
    good = next(to_lines(filled))
    bad = json.dumps({**json.loads(good), "kind": "dreams"}) if line is None else line
    with RoboMemory(tmp_path / "copy.sqlite3", embedder=HashingEmbedder()) as copy:
        with pytest.raises(InvalidNoteError, match=said):
            from_lines(copy, [good, bad])
        assert copy.records() == ()
