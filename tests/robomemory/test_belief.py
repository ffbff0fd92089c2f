"""What the store believes is what plainly follows from everything that was told: random histories with late
notes, several runs, retraction, merging, forgetting, export and import, against a naive reference."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robomemory import HashingEmbedder, MemoryKind, MemoryRecord, RoboMemory
from robomemory.store.exchange import from_lines, to_lines
from tests.robomemory.reference_belief import TURNED, Item, renamed, spells, track, who

THINGS = ("mug", "cup", "box")
HOLDERS = ("tray", "drawer", "box", "cup")
NAMES = ("mug", "cup", "box", "tray", "drawer")
SPOTS = ((0.0, 0.0, 0.0), (0.01, 0.0, 0.0), (0.3, 0.0, 0.0), (1.0, 0.0, 0.0))
SURE = (1.0, 1.0, 0.9, 0.3, 0.2, 0.05)
RELATIONS = ("in", "in", "on", "near", "left of", "right of", "leans on")
WORDS = {("denies", r): f"no longer {r}" for r in set(RELATIONS)} | {
    ("denies", "from"): "removed from", ("denies", "is"): "is not",
    ("same", ""): "same as", ("apart", ""): "not the same as",
}  # fmt: skip

moments = st.integers(1, 12)
sure = st.sampled_from(SURE)
facts = st.tuples(
    st.sampled_from(("says", "says", "denies")), st.sampled_from(THINGS), st.sampled_from(RELATIONS),
    st.sampled_from(HOLDERS), moments, st.none(), sure,
)  # fmt: skip
states = st.tuples(
    st.sampled_from(("says", "says", "denies")), st.sampled_from(THINGS), st.just("is"),
    st.sampled_from(("open", "closed", "dirty", "odd")), moments, st.none(), sure,
)  # fmt: skip
taken = st.tuples(
    st.just("denies"), st.sampled_from(THINGS), st.just("from"), st.sampled_from(HOLDERS), moments, st.none(),
    sure,
)  # fmt: skip
seen = st.tuples(
    st.just("sees"), st.sampled_from((*THINGS, "tray")), st.just(""), st.just(""), moments,
    st.sampled_from(SPOTS), sure,
)  # fmt: skip
HALF_BOX = (0.15, 0.02, 0.02)
empty = st.tuples(
    st.just("empty"), st.just(""), st.sampled_from(("", "box")), st.just(""), moments, st.sampled_from(SPOTS),
    sure,
)  # fmt: skip
claims = st.tuples(
    st.sampled_from(("same", "same", "apart")), st.sampled_from(NAMES), st.just(""), st.sampled_from(NAMES),
    moments, st.none(), sure,
)  # fmt: skip
note = st.one_of(facts, facts, states, taken, seen, seen, empty, claims)
call = st.one_of(
    st.tuples(st.just("tell"), st.lists(st.tuples(note, st.booleans()), min_size=1, max_size=4)),
    st.tuples(st.just("tell"), st.lists(st.tuples(note, st.booleans()), min_size=1, max_size=4)),
    st.tuples(st.just("tell"), st.lists(st.tuples(note, st.booleans()), min_size=1, max_size=4)),
    st.tuples(st.just("run"), st.none()),
    st.tuples(st.just("retract"), st.integers(0, 30)),
    st.tuples(st.just("forget"), st.integers(0, 30)),
    st.tuples(st.just("forget_some"), st.integers(1, 255)),
    st.tuples(st.just("merge"), st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))),
    st.tuples(st.just("reload"), st.none()),
)
histories = st.lists(call, min_size=1, max_size=12)


class Model:
    """The memory, and beside it a list of everything that was told to it."""

    def __init__(self, path):
        self.path = path
        self.clock = itertools.count(1_000, 10)
        self.memory = self._open()
        self.told = []  # [Item, number of the note, known from, retracted at]
        self.runs = [0]
        self.notes = 0

    def _open(self):
        return RoboMemory(self.path, embedder=HashingEmbedder(32), clock_ns=lambda: next(self.clock))

    def tell(self, told):
        records, items, means = [], [], who(self.items())
        for (what, s, r, o, at, pos, how_sure), late in told:
            run = self.runs[0] if late and len(self.runs) > 1 else self.runs[-1]
            if what in ("same", "apart") and s == o:
                continue  # says nothing
            name = means.get(s, s)
            if what == "sees":  # one name at two places at one time means two things
                known = [each[0] for each in self.told] + [item for item, _ in items]
                beside = (i for i in known if i.what == "sees" and i.at == (run, at))
                if any(means.get(i.s, i.s) == name and abs(pos[0] - i.pos[0]) > 0.02 for i in beside):
                    continue
            self.notes += 1
            radius = 0.1 if what == "empty" else 0.0
            box = HALF_BOX if r == "box" else None
            items.append((Item(what, s, r, o, (run, at), pos, radius, how_sure, box), self.notes))
            triple = ("the view", "shows nothing else within", "0.1 m") if what == "empty" else None
            if box is not None:
                both = list(zip(pos, box, strict=True))
                ends = [v - h for v, h in both] + [v + h for v, h in both]
                triple = ("the view", "shows nothing else in the box", " ".join(map(repr, ends)))
            triple = triple or ((s, WORDS.get((what, r), r), o) if o else None)
            text = f"{what} {s} {r} {o} {pos}"
            names = () if triple else (s,)
            records.append(
                MemoryRecord(0, MemoryKind.SPATIAL, at, text, names, pos, triple, how_sure, "test", run)
            )
        self.memory.remember(records)
        known = self.memory._store.recorded_ns
        self.told += [[item, number, known, None] for item, number in items]

    def run(self, _):
        self.runs.append(self.memory.begin_run(0))

    def _pick(self, number):
        """A record, and what it stands for."""
        stands = dict(self.memory._store._all("SELECT note_id, record_id FROM evidence"))
        keys = sorted({stands[t[1]] for t in self.told if t[1] in stands and t[3] is None})
        if not keys:
            return None, []
        key = keys[number % len(keys)]
        return key, [t for t in self.told if stands.get(t[1]) == key and t[3] is None]

    def retract(self, number):
        key, mine = self._pick(number)
        if key is not None:
            self.memory.retract(key)
            for each in mine:
                each[3] = self.memory._store.recorded_ns

    def forget(self, number):
        key, mine = self._pick(number)
        if key is not None:
            assert self.memory.forget(ids=[key]) == 1
            self.told = [t for t in self.told if t not in mine]

    def forget_some(self, bits):
        """Several records at once."""
        stands = dict(self.memory._store._all("SELECT note_id, record_id FROM evidence"))
        keys = sorted({stands[t[1]] for t in self.told if t[1] in stands})
        keys = [key for place, key in enumerate(keys) if bits >> place % 8 & 1]
        if keys:
            assert self.memory.forget(ids=keys) == len(keys)
            self.told = [t for t in self.told if stands.get(t[1]) not in keys]

    def merge(self, names):
        one, other = names
        if one == other or not (self.memory.where_is(one) and self.memory.where_is(other)):
            return
        self.memory.merge(one, other)
        self.notes += 1
        record = self.memory.records(MemoryKind.SPATIAL)[-1]
        item = Item("same", one, "", other, tuple(record.moment))
        self.told.append([item, record.id, self.memory._store.recorded_ns, None])
        assert record.id == self.notes

    def reload(self, _):
        if self.path != ":memory:":
            self.memory.close()
            self.memory = self._open()
        else:
            self.memory._parts.spatial.load()

    def items(self, known=None):
        for item, _, since, gone in self.told:
            if (known is None and gone is None) or (
                known is not None and since <= known and (gone is None or gone > known)
            ):
                yield item

    def check(self):
        means = who(self.items())
        items = renamed(list(self.items()))
        want = spells(items)
        scene = self.memory.scene()
        assert facts_in(scene.facts) == {f for f in want if f[4] is None}
        assert facts_in(scene.past) == {f for f in want if f[4] is not None}
        for thing in (*THINGS, "tray"):
            stays = [
                ((s.run, s.from_ns), None if s.until_ns is None else (s.until_run, s.until_ns), s.position)
                for s in self.memory.history(thing) if s.position is not None
            ]  # fmt: skip
            name = means.get(thing, thing)
            assert stays == [(a, b, p) for a, b, p, _ in track(items, name)], thing
        for known in sorted({t[2] for t in self.told} | {t[3] for t in self.told if t[3]}):
            then = self.memory.scene(at_ns=2**62, known_ns=known, run=2**31)
            believed = spells(renamed(list(self.items(known))))
            assert facts_in(then.facts) == {f for f in believed if f[4] is None}
            assert facts_in(then.past) == {f for f in believed if f[4] is not None}
        for thing in scene.objects:
            times = sorted(i.at for i in items if thing.name in (i.s, i.o))
            assert (thing.first_seen_ns, tuple(thing.last_seen)) == (times[0][1], times[-1]), thing.name
        for run in self.runs:
            for at in (3, 7):
                held = {f for f in want if f[3] <= (run, at) and (f[4] is None or f[4] > (run, at))}
                found = facts_in(self.memory.scene(at_ns=at, run=run).facts)
                assert {f[:4] for f in found} == {f[:4] for f in held}
        self._check_copy(scene)

    def _check_copy(self, scene):
        lines = list(to_lines(self.memory))
        with RoboMemory(":memory:", embedder=HashingEmbedder(32)) as copy:
            from_lines(copy, lines)
            assert facts_in(copy.scene().facts) == facts_in(scene.facts)
            assert facts_in(copy.scene().past) == facts_in(scene.past)
            spots = {t.name: t.position for t in scene.objects if t.position is not None}
            assert {t.name: t.position for t in copy.scene().objects if t.position is not None} == spots


def facts_in(found):
    """The facts in one order of their ends."""
    turned = set()
    for f in found:
        began, until = (f.run, f.valid_from_ns), f.valid_until_ns
        until = None if until is None else (f.until_run, until)
        s, r, o = f.subject, f.relation, f.object
        if r in TURNED and o < s:
            s, r, o = o, TURNED[r], s
        turned.add((s, r, o, began, until))
    return turned


def play(history, path):
    model = Model(path)
    try:
        for what, more in history:
            getattr(model, what)(more)
        model.check()
    finally:
        model.memory.close()


QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


@settings(max_examples=200, derandomize=True, **QUIET)
@given(histories)
@pytest.mark.timeout(900)
def test_belief_follows_from_what_was_told(history):
    play(history, ":memory:")


def test_a_thing_that_only_a_merge_of_the_past_knew_is_forgotten_with_it():
    said = ("says", "mug", "is", "open", 1, None, 1.0)
    not_in_tray = ("denies", "mug", "from", "tray", 1, None, 1.0)
    not_in_drawer = ("denies", "mug", "from", "drawer", 1, None, 1.0)
    tray = ("sees", "tray", "", "", 1, (0.0, 0.0, 0.0), 1.0)
    told = [("tell", [(not_in_tray, False), (not_in_tray, False), (said, False)])]
    told += [("tell", [(tray, False), (not_in_drawer, False)]), ("retract", 0), ("merge", ("tray", "drawer"))]
    forgotten = [("forget_some", 0b11_0000), ("forget", 2)]  # the drawer and the merge, then the tray
    play([*told, *forgotten, ("tell", [(("same", "mug", "", "drawer", 1, None, 1.0), False)])], ":memory:")


@pytest.mark.long
@settings(max_examples=10_000, **QUIET)
@given(histories)
@pytest.mark.timeout(7_200)
def test_belief_follows_from_what_was_told_at_length(history):
    play(history, ":memory:")
