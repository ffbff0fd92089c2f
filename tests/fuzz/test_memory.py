"""The memory, on inputs that break programs: every call, and the command line.

No input may raise anything but the library's own errors in one line, lose a record that nothing forgot, or
leave a store that can't be opened again.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import strategies as st

from robomemory import (
    HashingEmbedder,
    InvalidQueryError,
    MemoryRecord,
    Query,
    RoboMemory,
    RoboMemoryError,
    graph_image,
)
from robomemory.graph.markers import markers_of
from robomemory.store.exchange import from_lines, to_graphml, to_lines
from robomemory.store.queries import tokens
from tests.fuzz import hostile
from tests.fuzz.fuzzing import counts, explore
from vista.cli import main as cli
from vista.messages.plain_text import fit

DIM = 16
KINDS = ("spatial", "temporal", "episodic", "semantic")
NAMES = (
    "blue mug",
    "mug",
    "tray",
    "top drawer",
    "☕",
    "mug [/red]",
    "red block #2",
    r"$\frac$",
    "\x1b[31mmug",
)
KEPT = "what nothing forgets"
QUICK = (
    "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
)  # a disk in memory: thousands of stores are made

names = st.one_of(st.sampled_from(NAMES), hostile.texts)
stamps = st.one_of(st.integers(0, 200), hostile.scalars)
runs = st.one_of(st.integers(0, 3), st.none(), hostile.scalars)
spots = st.one_of(
    st.none(),
    st.tuples(*[st.floats(-2, 2)] * 3),
    st.tuples(*[hostile.floats] * 3),
    st.lists(hostile.scalars, max_size=4),
    hostile.scalars,
)
kinds = st.one_of(
    st.none(), st.sampled_from(KINDS), st.sets(st.sampled_from(KINDS)), st.lists(hostile.scalars, max_size=3)
)
keys = st.one_of(
    st.none(), st.lists(st.one_of(st.integers(0, 30), hostile.scalars), max_size=4), hostile.scalars
)


def mixed(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly ``usual`` values, so that calls get through, and hostile ones."""
    return st.one_of(usual, usual, usual, hostile.trees)


relations = st.sampled_from(("in", "on", "near", "same as", "is holding"))
notes = st.builds(
    SimpleNamespace,
    kind=mixed(st.sampled_from(KINDS)), text=st.one_of(names, hostile.texts), stamp_ns=stamps,
    entities=mixed(st.lists(names, max_size=2).map(tuple)), position=spots,
    triple=mixed(st.one_of(st.none(), st.tuples(names, relations, names))),
    confidence=mixed(st.floats(0, 1)), source=mixed(st.sampled_from(("", "test"))), run=runs,
)  # fmt: skip
spans = st.one_of(st.none(), st.tuples(stamps, stamps), hostile.scalars)
balls = st.one_of(st.none(), st.tuples(spots, hostile.floats), hostile.scalars)
queries = st.fixed_dictionaries(
    {"text": names}, optional={"kinds": kinds, "k": st.one_of(st.none(), st.integers(1, 5), hostile.scalars),
                               "near": balls, "between": spans, "run": runs},
)  # fmt: skip
moments = st.one_of(st.none(), stamps)
Call = tuple[str, tuple[Any, ...]]


def call(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    return st.tuples(st.just(name), st.tuples(*arguments))


calls = st.one_of(
    call("remember", mixed(st.lists(notes, min_size=1, max_size=3))),
    call("remember", st.lists(notes, min_size=1, max_size=3)),
    call("recall", mixed(st.lists(names, max_size=2)), mixed(st.just(5)), mixed(st.just(5.0))),
    call("query", st.lists(queries, min_size=1, max_size=2)),
    call("forget", st.one_of(queries, names, st.none(), hostile.scalars), kinds, moments, keys,
         st.one_of(st.none(), hostile.integers), st.one_of(st.just(False), hostile.scalars), runs),
    call("begin_run", stamps),
    call("merge", names, names, moments, runs),
    call("where", names, moments, runs),
    call("scene", moments, moments, runs),
    call("changes", moments, moments, runs),
    call("records", kinds),
    call("export"),
    call("import", st.one_of(hostile.texts, hostile.trees.map(lambda t: json.dumps(t, default=str)))),
    call("backup", st.one_of(st.just("copy.sqlite3"), hostile.texts)),
    call("reopen"),
)  # fmt: skip
sessions = st.lists(calls, min_size=1, max_size=5)


@cache
def begun() -> bytes:
    """A closed store with a record of each kind."""
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=QUICK) as folder:
        path = Path(folder) / "scene.sqlite3"
        with RoboMemory(path, embedder=HashingEmbedder(DIM)) as memory:
            memory.remember([MemoryRecord(0, kind, 1, KEPT, ("post",)) for kind in KINDS])
        return path.read_bytes()


class Session:
    """A memory in a file of its own, and what has to be in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "scene.sqlite3"
        self.path.write_bytes(begun())
        self.memory = self._open(self.path)
        self.standing = {record.id for record in self.memory.records()}
        self.run = 0

    def _open(self, path: Path) -> RoboMemory:
        return RoboMemory(path, embedder=HashingEmbedder(DIM), steps=1000)

    def remember(self, notes: Any) -> None:
        before = {record.id for record in self.memory.records()}
        try:
            self.memory.remember(notes)
        except RoboMemoryError:
            assert {record.id for record in self.memory.records()} == before  # all or none
            raise
        self.standing |= {record.id for record in self.memory.records()} - before

    def recall(self, queries: Any, k: Any, timeout_s: Any) -> None:
        answer = self.memory.recall(queries, k=k, timeout_s=timeout_s)
        assert len(answer) <= k * len(queries)

    def query(self, queries: list[dict[str, Any]]) -> None:
        asked = [Query(**fields) for fields in queries]
        answer = self.memory.recall(asked, timeout_s=20.0)
        assert not answer.missing, answer.missing

    def forget(
        self, query: Any, kinds: Any, before_ns: Any, ids: Any, keep: Any, everything: Any, run: Any
    ) -> None:
        query = Query(**query) if isinstance(query, dict) else query
        count = len(self.memory.records())
        try:
            gone = self.memory.forget(
                query=query,
                kinds=kinds,
                before_ns=before_ns,
                ids=ids,
                keep=keep,
                everything=everything,
                run=run,
            )
        except InvalidQueryError:
            assert len(self.memory.records()) == count
            raise
        left = {record.id for record in self.memory.records()}
        assert len(left) == count - gone
        if query is not None:
            words = tokens(query.text if isinstance(query, Query) else query)
            assert words, f"{query!r} holds no word and was taken as a rule"
            if not set(words) <= set(tokens(KEPT)):
                assert sum(r.text == KEPT for r in self.memory.records()) == self.kept
        assert kinds is None or list(kinds), "no kind was taken for all kinds"
        assert ids is None or list(ids), "no id was taken as a rule"
        self.standing &= left

    @property
    def kept(self) -> int:
        return sum(record.text == KEPT for record in self.memory.records() if record.id in self.standing)

    def begin_run(self, start_ns: Any) -> None:
        number = self.memory.begin_run(start_ns)
        assert number >= max(1, self.run)
        self.run = number

    def merge(self, one: Any, other: Any, stamp_ns: Any, run: Any) -> None:
        self.memory.merge(one, other, stamp_ns=0 if stamp_ns is None else stamp_ns, run=run)
        self.standing |= {record.id for record in self.memory.records()}

    def where(self, name: Any, at_ns: Any, run: Any) -> None:
        self.memory.where_is(name)
        self.memory.history(name)
        self.memory.where_was(name, at_ns, run=run)
        self.memory.inside(name, at_ns, run=run)

    def scene(self, at_ns: Any, known_ns: Any, run: Any) -> None:
        self.memory.scene(at_ns, known_ns, run=run)

    def changes(self, since_ns: Any, until_ns: Any, run: Any) -> None:
        self.memory.changes(since_ns, until_ns, run=run)

    def records(self, kind: Any) -> None:
        self.memory.records(kind)

    def export(self) -> None:
        records = self.memory.records()
        lines = list(to_lines(self.memory))
        to_graphml(self.memory)
        markers_of(self.memory.scene())
        with self._open(self.folder / "imported.sqlite3") as copy:
            copy.forget(everything=True)
            from_lines(copy, lines)
            # A spatial record that shows nothing new is not kept, and semantic ones are revised.
            for kind in ("temporal", "episodic"):
                told = sorted((r.run, r.stamp_ns, r.text) for r in records if r.kind == kind)
                assert sorted((r.run, r.stamp_ns, r.text) for r in copy.records() if r.kind == kind) == told

    def import_(self, line: str) -> None:
        before = {record.id for record in self.memory.records()}
        from_lines(self.memory, [line])
        self.standing |= {record.id for record in self.memory.records()} - before

    def backup(self, name: str) -> None:
        target = self.folder / "backups" / name
        (self.folder / "backups").mkdir(exist_ok=True)
        if "/" in name and "\0" not in name:
            return  # a path of its own, such as "../../etc/passwd": not ours to write
        copy = self.memory.backup(target)
        with self._open(copy) as again:
            assert again.records() == self.memory.records()
        copy.unlink()

    def reopen(self) -> None:
        self.memory.close()
        self.memory = self._open(self.path)

    def check(self) -> None:
        """What has to be there is there, now and after opening the store again."""
        for again in (False, True):
            if again:
                self.reopen()
            missing = self.standing - {record.id for record in self.memory.records()}
            assert not missing, f"records {sorted(missing)} are lost, and nothing forgot them"
        self.memory.close()


@contextmanager
def one_sentence() -> Iterator[None]:
    """Lets an error of the library's own pass, if it is one short line."""
    said = "passed"
    try:
        yield
    except RoboMemoryError as error:
        said = str(error)
    assert 0 < len(said.strip()) < 1_000, said
    assert said.isprintable(), said


def memory_calls(session: list[Call]) -> None:
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=QUICK) as folder:
        state = Session(Path(folder))
        for name, arguments in session:
            work: Callable[..., None] = getattr(state, "import_" if name == "import" else name)
            with one_sentence():
                work(*arguments)
        state.check()


@counts(150, 5_000)
@pytest.mark.timeout(1_800)
def test_no_call_of_the_memory_raises_or_loses(count: int) -> None:
    explore("memory calls", sessions, memory_calls, count)


@counts(8, 100)
@pytest.mark.timeout(600)
def test_no_name_breaks_a_picture(count: int) -> None:
    def check(given: list[str]) -> None:
        with RoboMemory(":memory:", embedder=HashingEmbedder(DIM)) as memory:
            for i, name in enumerate(given):
                with one_sentence():
                    spot = (float(i), 0.0, 0.0)
                    memory.remember(
                        [MemoryRecord(0, "spatial", 1, name, (name,), spot, (name, name, "tray"))]
                    )
            assert graph_image(memory, "svg").rstrip().endswith(b"</svg>")

    explore("memory pictures", st.lists(names, min_size=1, max_size=4), check, count)


options = st.one_of(
    st.tuples(st.just("--words"), hostile.texts),
    st.tuples(st.just("--older-than"), st.one_of(st.sampled_from(("1s", "30d", "0d", "9d")), hostile.texts)),
    st.tuples(st.just("--keep"), st.one_of(hostile.texts, hostile.integers.map(str))),
    st.tuples(st.just("--kind"), st.one_of(st.sampled_from(KINDS), hostile.texts)),
    st.tuples(st.just("--everything")),
    st.tuples(st.just("--out"), st.one_of(st.sampled_from(("a.jsonl", "b.graphml")), hostile.texts)),
    st.tuples(st.just("--from"), st.one_of(st.sampled_from(("STORE", "TORN")), hostile.texts)),
    st.tuples(st.sampled_from(("copy.sqlite3", "STORE", "", "-1"))),
)
lines = st.tuples(
    st.one_of(st.sampled_from(("inspect", "export", "import", "forget", "forget", "backup")), hostile.texts),
    st.one_of(st.just("STORE"), st.just("STORE"), st.just("TORN"), hostile.texts),
    st.lists(options, max_size=3).map(lambda found: [word for option in found for word in option]),
)


@counts(60, 1_000)
@pytest.mark.timeout(1_200)
def test_no_command_line_raises_or_loses(
    count: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    def check(line: tuple[str, str, list[str]]) -> None:
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir=QUICK) as folder:
            monkeypatch.chdir(folder)
            store, torn = Path(folder) / "scene.sqlite3", Path(folder) / "torn.sqlite3"
            store.write_bytes(begun())
            torn.write_bytes(begun()[:5_000])
            places = {"STORE": str(store), "TORN": str(torn)}
            action, file, more = line
            words = [action, *(places.get(word, word) for word in (file, *more))]
            status = cli.main(["memory", *words])
            said = capsys.readouterr()
            assert status in (0, 2), (status, said.err)
            assert "Traceback" not in said.err
            assert (status == 0) == (not said.err.startswith("vista:")), said.err
            assert all(fit(c) or c == "\n" for c in said.out + said.err)
            monkeypatch.chdir(tmp_path)
            with RoboMemory(store, embedder=HashingEmbedder(DIM)) as memory:
                left = len(memory.records())
            asked = action == "forget" and file == "STORE" and status == 0
            assert left >= len(KINDS) or asked, f"{words} lost {len(KINDS) - left} records"
            if asked and left < len(KINDS):
                wordless = [w for o, w in pairwise(more) if o == "--words" and not tokens(w)]
                assert not wordless, f"{words} took no word as a rule"

    explore("memory command line", lines, check, count)
