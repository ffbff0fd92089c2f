"""Helpers in the background: the rule's answer stands at once; edits come later and can be undone."""

import threading

import pytest

from robomemory import (
    AddEdge,
    Apart,
    DeleteEdge,
    HashingEmbedder,
    Helpers,
    ModifyEdge,
    QuestionKind,
    RoboMemory,
    RuleResolver,
    SameThing,
)
from tests.robomemory.resolvers import edge, edit_of, facts, once, thing

ALIKE = ("red mug", "blue mug", "red wall", "blue wall")


def test_a_local_graph_holds_the_new_edges_and_what_lies_around_them(helped, note):
    resolve = once(lambda local: [])
    memory = helped(resolve=resolve)
    memory.remember(
        [
            note("spatial", "a", 1, "mug", at=(0.5, 0, 0), says=("mug", "in", "drawer")),
            note("spatial", "b", 1, says=("drawer", "in", "cabinet")),
            note("spatial", "c", 1, says=("cabinet", "on", "floor")),
            note("spatial", "d", 1, says=("floor", "in", "house")),
            *(note("spatial", n, 1, n, at=(9, i, 0)) for i, n in enumerate(ALIKE)),
        ]
    )
    assert memory.settle(20)
    (key,) = memory.remember([note("spatial", "f", 7, says=("mug", "touches", "wall"), confidence=0.7)])
    assert memory.settle(20)
    local = resolve.seen[-1]
    new = [e for e in local.edges if e.new]
    assert [local.words(e) for e in new] == ["mug touches wall"]
    assert (new[0].record_id, new[0].confidence, local.raised_by) == (key, 0.7, (key,))
    assert new[0].valid_from.ns == new[0].seen.ns == local.at.ns == 7 * 10**9
    assert {local.words(e) for e in local.edges} >= {"mug in drawer", "drawer in cabinet"}
    assert "floor in house" not in {local.words(e) for e in local.edges}  # three hops away
    assert local.vertex[thing(local, "mug")].position == (0.5, 0, 0)
    assert [v.label for v in local.vertices if v.new] == ["wall"]
    assert {v.label for v in local.vertices} >= set(ALIKE)  # the names most like the new ones


def test_the_rule_stands_at_once_and_the_edit_comes_later(helped, note):
    asked, go = threading.Event(), threading.Event()

    def edits(local):
        found = DeleteEdge(edge(local, "ladder leans on wall").key)
        edge(local, "ladder bolted to wall")
        asked.set()
        go.wait(20)
        return [found]

    memory = helped(resolve=once(edits))
    memory.remember([note("spatial", "a", 3, says=("ladder", "leans on", "wall"))])
    (key,) = memory.remember([note("spatial", "b", 4, says=("ladder", "bolted to", "wall"))])
    assert facts(memory) == {"ladder leans on wall", "ladder bolted to wall"}
    assert asked.wait(20)
    assert not memory.settle(0.05)
    go.set()
    assert memory.settle(20)
    assert facts(memory) == {"ladder bolted to wall"}
    assert [str(f) for f in memory.scene().past] == ["ladder leans on wall"]  # it was so, and is no longer
    (edit,) = edit_of(memory)
    assert edit.source == "resolver:resolve"
    assert edit.metadata["raised_by"] == str(key)
    memory.retract(edit.id)
    assert facts(memory) == {"ladder leans on wall", "ladder bolted to wall"}


def test_what_was_never_true_is_taken_back_and_can_be_brought_back(reopen, note):
    never = once(lambda local: [DeleteEdge(edge(local, "mug in drawer").key, never=True)])
    memory = reopen(helpers=Helpers(resolve=never))
    memory.remember([note("spatial", "a", 1, "mug", at=(0.5, 0, 0), says=("mug", "in", "tray"))])
    memory.remember([note("spatial", "b", 3, "mug", at=(0.1, 0, 0), says=("mug", "in", "drawer"))])
    before = memory.status().updated_ns
    assert memory.settle(20)
    assert facts(memory) == {"mug in tray"}
    assert memory.scene().past == ()
    assert memory.where_is("mug").position == (0.1, 0, 0)  # only the edge was edited
    if memory.status().updated_ns > before:  # the resolver took its time
        assert {str(f) for f in memory.scene(known_ns=before).facts} == {"mug in drawer"}
    again = reopen()
    assert facts(again) == {"mug in tray"}
    (edit,) = edit_of(again)
    again.retract(edit.id)
    assert facts(again) == {"mug in drawer"}
    assert [str(f) for f in again.scene().past] == ["mug in tray"]
    again = reopen()
    assert facts(again) == {"mug in drawer"}
    again.remember([note("spatial", "c", 9, says=("mug", "in", "sink"))])
    assert facts(again) == {"mug in sink"}


def test_what_was_said_too_often_is_not_taken_back(helped, note, monkeypatch, caplog):
    monkeypatch.setattr("robomemory.resolving.swap_back.MOST_READ", 3)
    memory = helped(resolve=once(lambda local: [DeleteEdge(edge(local, "mug in drawer").key, never=True)]))
    memory.remember([note("spatial", "b", t, says=("mug", "in", "drawer")) for t in range(9)])
    assert memory.settle(20)
    assert facts(memory) == {"mug in drawer"}
    assert "is left out: too much was said since" in caplog.text


def test_edits_survive_export_and_import(helped, note, tmp_path):
    from robomemory.store.exchange import from_lines, to_lines

    def edits(local):
        return [
            DeleteEdge(edge(local, "mug in drawer").key, never=True),
            AddEdge(thing(local, "mug"), "contains", thing(local, "spoon"), 0.8),
        ]

    memory = helped(resolve=once(edits))
    memory.remember([note("spatial", "a", 1, says=("mug", "in", "tray"))])
    memory.remember(
        [
            note("spatial", "c", 3, says=("spoon", "touches", "mug")),
            note("spatial", "b", 3, says=("mug", "in", "drawer")),
        ]
    )
    assert memory.settle(20)
    assert facts(memory) == {"mug in tray", "spoon touches mug", "spoon in mug"}
    with RoboMemory(tmp_path / "copy.sqlite3", embedder=HashingEmbedder()) as copy:
        from_lines(copy, list(to_lines(memory)))
        assert set(copy.scene().facts) == set(memory.scene().facts)
        assert copy.scene().objects == memory.scene().objects
        assert copy.scene().past == memory.scene().past == ()


def test_which_of_two_things_a_fact_is_about(helped, note):
    def edits(local):
        (asked,) = (q for q in local.questions if q.kind is QuestionKind.WHICH_THING)
        wrong = local.edge[asked.edges[0]]
        (other,) = set(asked.vertices) - {wrong.subject}
        return [ModifyEdge(wrong.key, subject=other)]

    memory = helped()
    memory.remember([note("spatial", "e", 5, "block", at=p) for p in ((0.1, 0, 0), (0.4, 0, 0))])
    memory.remember([note("spatial", "t", 5, says=("block #2", "on", "table"))])
    memory.remember([note("spatial", "t", 5, says=("block #1", "on", "table"))])
    memory.close()
    memory = helped(resolve=once(lambda local: edits(local) if local.questions else []))
    memory.remember([note("spatial", "f", 6, says=("block", "on", "shelf"))])
    by_rule = facts(memory)
    assert memory.settle(20)
    by_resolver = facts(memory)
    on_shelf = {"block on shelf", "block #2 on table"}, {"block #2 on shelf", "block on table"}
    assert sorted((by_rule, by_resolver), key=sorted) == sorted(on_shelf, key=sorted)
    memory.retract(edit_of(memory)[-1].id)
    assert facts(memory) == by_rule


@pytest.mark.parametrize("same", [True, False])
def test_whether_two_names_mean_one_thing(helped, note, same):
    def edits(local):
        (asked,) = (q for q in local.questions if q.kind is QuestionKind.SAME_THING)
        return [(SameThing if same else Apart)(*asked.vertices)]

    memory = helped(resolve=once(lambda local: edits(local) if local.questions else []))
    memory.remember([note("spatial", "a", 1, "coffee mug cup", at=(0.5, 0, 0))])
    memory.remember([note("spatial", "b", 2, "tea mug cup", at=(0.5, 0, 0))])
    assert memory.settle(20)
    names = {t.name for t in memory.scene().objects}
    assert names == ({"coffee mug cup"} if same else {"coffee mug cup", "tea mug cup"})
    assert memory.where_is("tea mug cup").name == ("coffee mug cup" if same else "tea mug cup")


def test_an_edit_of_anything_else_is_refused(helped, note, caplog):
    strange = {
        "no edge 999999 is in": lambda local: DeleteEdge(999_999),
        "no vertex 0 is in": lambda local: AddEdge(0, "in", local.edges[0].object),
        "both ends are one vertex": lambda local: AddEdge(local.edges[0].object, "in", local.edges[0].object),
        "says nothing that holds": lambda local: AddEdge(
            local.edges[0].object, "not in", local.edges[0].subject
        ),
        "do not ask whether these two": lambda local: SameThing(*(v.key for v in local.vertices[:2])),
        "holds already": lambda local: AddEdge(
            local.edges[0].subject, local.edges[0].relation, local.edges[0].object
        ),
        "changes nothing": lambda local: ModifyEdge(local.edges[0].key, relation="inside of"),
        "expected Keep, AddEdge": lambda local: "forget everything",
        "confidence 7": lambda local: AddEdge(local.edges[0].object, "on", local.edges[0].subject, 7.0),
    }
    memory = helped(resolve=lambda local: [make(local) for make in strange.values()])
    memory.remember([note("spatial", "a", 1, says=("mug", "in", "tray"))])
    assert memory.settle(20)
    assert facts(memory) == {"mug in tray"}
    assert edit_of(memory) == []
    for said in strange:
        assert said in caplog.text


def test_an_isolated_vertex_leaves_the_graph(helped, note):
    memory = helped(resolve=once(lambda local: [DeleteEdge(edge(local, "ghost in attic").key, never=True)]))
    memory.remember([note("spatial", "a", 1, says=("ghost", "in", "attic"))])
    assert memory.settle(20)
    assert {t.name for t in memory.scene().objects} == set()
    assert memory._parts.spatial._state.graph.number_of_nodes() == 0
    memory.retract(edit_of(memory)[0].id)
    assert {t.name for t in memory.scene().objects} == {"ghost", "attic"}


def test_the_rules_are_a_resolver(helped, note, tmp_path):
    notes = [
        [note("spatial", "c", 3, says=("ladder", "leans on", "wall"))],
        [note("spatial", "d", 4, says=("ladder", "bolted to", "wall"))],
        [note("spatial", "e", 5, "block", at=p) for p in ((0.1, 0, 0), (0.4, 0, 0))],
        [note("spatial", "f", 6, says=("block", "on", "shelf"))],
        [note("spatial", "a", 7, "coffee mug cup", at=(0.5, 0, 0))],
        [note("spatial", "b", 8, "tea mug cup", at=(0.5, 0, 0))],
    ]
    rules, plain = helped(resolve=RuleResolver()), helped(tmp_path / "plain.sqlite3")
    for each in notes:
        for memory in (rules, plain):
            memory.remember(each)
        assert rules.settle(20)
    assert rules.scene() == plain.scene()
    assert rules.revision() == plain.revision()
    assert plain._worker is None
    asked = RuleResolver()
    assert asked(rules._parts.spatial.local_graph(_all(rules)))  # there were questions, and it answered them


def _all(memory):
    from robomemory.resolving.gathering import Raised

    state = memory._parts.spatial._state
    return Raised(tuple(state.facts), tuple(state.graph))
