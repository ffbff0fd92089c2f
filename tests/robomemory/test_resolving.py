"""Helpers in the background: the rule's answer stands at once; edits come later and can be undone."""

import threading
import time

import pytest

from robomemory import (
    AddEdge,
    Apart,
    DeleteEdge,
    HashingEmbedder,
    Helpers,
    InvalidQueryError,
    Keep,
    MemoryKind,
    ModifyEdge,
    QuestionKind,
    Revision,
    RevisionAction,
    RoboMemory,
    RuleResolver,
    SameThing,
)


@pytest.fixture
def helped(path):
    opened = []

    def make(at=path, **helpers):
        opened.append(RoboMemory(at, embedder=HashingEmbedder(), helpers=Helpers(**helpers)))
        return opened[-1]

    yield make
    for memory in opened:
        memory.close()


def facts(memory):
    return {str(f) for f in memory.scene().facts}


def edit_of(memory):
    """The records that resolvers' edits became, newest last."""
    return [r for r in memory.records("spatial") if r.source.startswith("resolver:")]


def edge(local, words):
    return next(e for e in local.edges if local.words(e) == words)


def thing(local, label):
    return next(v.key for v in local.vertices if v.label == label)


def once(edits):
    """A resolver that makes ``edits(local)`` where that finds what it is about, and remembers what it saw."""

    def resolve(local):
        resolve.seen.append(local)
        try:
            return edits(local)
        except StopIteration:
            return []

    resolve.seen = []
    return resolve


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


@pytest.mark.parametrize("answer", ["nonsense", None, 7, ZeroDivisionError])
def test_a_helper_that_fails_is_ignored(helped, note, answer, caplog):
    def resolve(local):
        if answer is ZeroDivisionError:
            raise answer("the key is sk-1\nof\x1b[1m many lines")
        return answer

    memory = helped(resolve=resolve)
    memory.remember([note("spatial", "d", 4, says=("ladder", "bolted to", "wall"))])
    assert memory.settle(20)
    assert facts(memory) == {"ladder bolted to wall"}
    assert "\x1b" not in caplog.text
    assert answer is None or "resolve" in caplog.text


@pytest.mark.parametrize("times", [1, 2])
def test_a_graph_that_changes_meanwhile_is_asked_about_once_more(helped, note, caplog, times):
    memory = None

    def edits(local):
        found = DeleteEdge(edge(local, "mug on table").key)
        if len(resolve.seen) <= times:
            says = ("mug", f"touches {len(resolve.seen)}", "table")
            memory.remember([note("spatial", "x", 10, says=says)])
        return [found]

    resolve = once(
        lambda local: edits(local) if any(e.relation == "on" and e.new for e in local.edges) else []
    )
    memory = helped(resolve=resolve)
    memory.remember([note("spatial", "a", 1, says=("mug", "on", "table"))])
    assert memory.settle(20)
    assert ("changed under it twice" in caplog.text) == (times == 2)
    assert ("mug on table" in facts(memory)) == (times == 2)
    assert len(edit_of(memory)) == (times == 1)


def test_notes_are_handled_together(helped, note):
    first, go = threading.Event(), threading.Event()

    def edits(local):
        first.set()
        go.wait(20)
        return [Keep(e.key) for e in local.edges]

    resolve = once(edits)
    memory = helped(resolve=resolve)
    for i in range(8):
        memory.remember([note("spatial", f"n{i}", i, says=("mug", f"touches {i}", "wall"))])
        assert first.wait(20)
    go.set()
    assert memory.settle(20)
    assert [sum(e.new for e in local.edges) for local in resolve.seen] == [1, 7]


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


def test_a_helper_may_revise_the_semantic_memory(helped, note):
    def update(candidate, known):
        told = {r.text: r.id for r in known}
        if "easily" in candidate.text:
            return Revision(RevisionAction.UPDATE, told["mugs break"])
        if "mugs are fragile" in candidate.text:
            return Revision(RevisionAction.NOOP, told["mugs break easily"])
        if "right" in candidate.text:
            return Revision(RevisionAction.ADD)
        return Revision(RevisionAction.UPDATE, 10**6) if "glass" in candidate.text else None

    memory = helped(update=update)
    memory.remember([note("semantic", "mugs break", 1), note("semantic", "Anna prefers the left tray", 1)])
    memory.remember([note("semantic", "mugs break easily", 2)])
    assert memory.settle(20)
    told = {r.text: r for r in memory.recall(["mugs"], k=9)}
    assert told.keys() >= {"mugs break easily"}
    assert "mugs break" not in told
    kept = next(r for r in memory.records("semantic") if r.text == "mugs break easily")
    assert kept.metadata["revised_by"] == "updater:update"
    memory.remember([note("semantic", "mugs are fragile break", 3)])
    memory.remember([note("semantic", "Anna prefers the right tray", 3)])
    memory.remember([note("semantic", "mugs are made of glass", 4)])  # what it answers is not on offer
    assert memory.settle(20)
    assert {r.text for r in memory.recall(["mugs break tray Anna"], k=9)} == {
        "mugs break easily", "Anna prefers the left tray", "Anna prefers the right tray",
        "mugs are made of glass",
    }  # fmt: skip
    memory.retract(kept.id)
    assert "mugs break" in {r.text for r in memory.recall(["mugs"], k=9)}


def test_a_helper_may_write_the_line_of_old_steps(path, note):
    helpers = Helpers(summarize=lambda steps: f"{len(steps)} steps of\x00 cleaning")
    with RoboMemory(path, embedder=HashingEmbedder(), steps=4, helpers=helpers) as memory:
        memory.remember([note("temporal", f"wiped {i}", i) for i in range(5)])
        by_rule = memory.steps()[0]
        assert by_rule.text.startswith("Earlier: wiped 0")
        assert memory.settle(20)
        line = memory.steps()[0]
        assert line.text == "Earlier: 3 steps of cleaning"
        assert line.metadata["raised_by"] == str(by_rule.id)
    with RoboMemory(path, embedder=HashingEmbedder(), steps=4) as memory:
        assert [r.text for r in memory.steps()] == ["Earlier: 3 steps of cleaning", "wiped 3", "wiped 4"]
        memory.retract(memory.steps()[0].id)
        assert memory.steps()[0].text == by_rule.text
        memory.forget(ids=[next(r.id for r in memory.records("temporal") if r.text == "wiped 1")])
        assert memory.steps()[0].text == "Earlier: wiped 0; wiped 2"


def test_bad_helpers_are_refused_by_name():
    with pytest.raises(InvalidQueryError, match=r"Helpers.resolve: 7, expected a callable"):
        Helpers(resolve=7)
    with pytest.raises(InvalidQueryError, match=r"Helpers.timeout_s: 0 s, expected > 0"):
        Helpers(timeout_s=0)
    assert not Helpers()


def test_what_is_still_to_be_asked_is_dropped_at_the_end(helped, note, caplog):
    hang = threading.Event()
    memory = helped(resolve=lambda local: hang.wait(60), timeout_s=60)
    for i in range(3):
        memory.remember([note("spatial", f"n{i}", i, says=("mug", f"touches {i}", "wall"))])
    started = time.monotonic()
    memory.close()
    assert time.monotonic() - started < 2
    assert "questions to its helpers are dropped" in caplog.text
    hang.set()


def test_the_backlog_has_a_bound(helped, note, monkeypatch, caplog):
    monkeypatch.setattr("robomemory.resolving.worker.MOST_QUEUED", 5)
    first, go = threading.Event(), threading.Event()

    def edits(local):
        first.set()
        go.wait(20)
        return []

    resolve = once(edits)
    memory = helped(resolve=resolve)
    memory.remember([note("spatial", "a", 1, says=("mug", "in", "tray"))])
    assert first.wait(20)
    for i in range(9):
        memory.remember([note("spatial", f"n{i}", i, says=("mug", f"touches {i}", "wall"))])
    go.set()
    assert memory.settle(20)
    assert "the oldest questions are dropped" in caplog.text
    last = resolve.seen[-1]
    newest = {last.words(e) for e in last.edges if e.new}
    assert newest == {f"mug touches {i} wall" for i in range(4, 9)}
    assert MemoryKind.SPATIAL in {r.kind for r in memory.records()}
