"""vista memory: looks into a memory, writes it out and reads it in."""

from __future__ import annotations

from pathlib import Path

import pytest

from robomemory import Note
from robomemory.embed.embedder import HashingEmbedder
from robomemory.memory import RoboMemory
from vista.cli import main as cli


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scene.sqlite3"
    with RoboMemory(path, embedder=HashingEmbedder()) as memory:
        memory.remember(
            [
                Note("spatial", "mug in tray", 1, ("blue mug",), (0.5, 0.1, 0.0), ("blue mug", "in", "tray")),
                Note("episodic", "put the mug in the tray: success", 2),
            ]
        )
    return path


def vista(*words: object) -> int:
    return cli.main(["memory", *map(str, words), "--embedder", "hashing"])


def test_it_tells_what_is_in_it(file: Path, capsys: pytest.CaptureFixture[str]):
    assert vista("inspect", file) == 0
    said = capsys.readouterr().out
    assert "2 records: 1 spatial, 1 episodic" in said
    assert "blue mug in tray" in said


def test_out_and_in_again(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for ending in ("jsonl", "graphml", "svg"):
        assert vista("export", file, "--out", tmp_path / f"out.{ending}") == 0
        assert (tmp_path / f"out.{ending}").stat().st_size > 100
    copy = tmp_path / "copy.sqlite3"
    assert vista("import", copy, "--from", tmp_path / "out.jsonl") == 0
    assert "2 records" in capsys.readouterr().out
    with RoboMemory(copy, embedder=HashingEmbedder()) as memory:
        assert [str(r.kind) for r in memory.records()] == ["spatial", "episodic"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("forge", "x"), "unknown action of vista memory 'forge'; known: inspect"),
        (("inspect", "nowhere.sqlite3"), "nowhere.sqlite3: no such file"),
        (("export", "FILE"), "--out None"),
        (("export", "FILE", "--out", "a.doc"), "a.doc: expected"),
        (("export", "FILE", "--kind", "semantic", "--out", "a.svg"), "--kind is for 'forget' only"),
        (("import", "FILE", "--words", "mug", "--from", "a.jsonl"), "--words is for 'forget' only"),
        (("backup", "FILE", "b.sqlite3", "--everything"), "--everything is for 'forget' only"),
        (("inspect", "FILE", "--out", "a.svg"), "--out is for 'export' only"),
        (("forget", "FILE", "--everything", "--from", "a"), "--from is for 'import' only"),
        (("inspect", "/dev/null"), "no such file"),
        (("inspect", "."), "no such file"),
        (("backup", "FILE", ":memory:"), "expected the name of a new file"),
        (("backup", "FILE", "."), "expected the name of a new file"),
        (("import", ":memory:", "--from", "FILE"), "':memory:' keeps nothing"),
        (("export", "FILE", "--out", "no/such/a.jsonl"), "does not exist"),
        (("import", "new.sqlite3", "--from", "no.jsonl"), "no.jsonl: no such file"),
        (("import", "new.sqlite3", "--from", "x" * 5_000), "no such file"),
        (("inspect", "x" * 5_000), "at most 4000 in names of 255"),
        (("inspect", "/"), "no such file"),
        (("inspect", ""), "expected the path of a file"),
        (("inspect", "FILE", "other"), "only 'backup' takes a second file"),
        (("export", "FILE", "--out", "x" * 5_000 + ".jsonl"), "can't be written"),
        (("export", "FILE", "--out", "/proc/a.jsonl"), "can't be written"),
        (("backup", "FILE"), "say which new file"),
        (("ask", "FILE"), "say the question"),
        (("ask", "FILE", ""), "ask: question"),
        (("ask", "nowhere.sqlite3", "where"), "no such file"),
        (("ask", "FILE", "where", "--allow-writes"), "--allow-writes is for 'serve' only"),
        (("inspect", "FILE", "--name", "x"), "--name is for 'serve' only"),
        (("serve", "FILE", "other"), "only 'backup' takes a second file"),
        (("serve", "FILE", "--name", ""), "expected 1 to 64"),
        (("backup", "FILE", "FILE"), "overwrites nothing"),
        (("backup", "FILE", "no/such/copy.sqlite3"), "does not exist"),
        (("backup", "nowhere.sqlite3", "copy.sqlite3"), "no such file"),
        (("forget", "FILE"), "say what"),
        (("forget", "FILE", "--words", "☕"), "holds no word"),
        (("forget", "FILE", "--words", "?"), "holds no word"),
        (("forget", "FILE", "--words", "%"), "holds no word"),
        (("forget", "FILE", "--words", ""), "is empty"),
        (("forget", "FILE", "--words=--"), "'--' is no value"),
        (("forget", "FILE", "--words", "- -"), "holds no word"),
        (("forget", "FILE", "--older-than=--"), "'--' is no value"),
        (("forget", "FILE", "--kind=--", "--keep", "0"), "unknown kind"),
        (("forget", "FILE", "--kind", "episodic"), "say what"),
        (("forget", "FILE", "--kind", "", "--keep", "0"), "unknown kind"),
        (("forget", "FILE", "--kind", "*", "--keep", "0"), "unknown kind"),
        (("forget", "FILE", "--older-than", "0d"), "expected a number from 1"),
        (("forget", "FILE", "--older-than", "-1d"), "expected"),
        (("forget", "FILE", "--older-than", "9999999999d"), "expected a number"),
        (("forget", "FILE", "--older-than", ""), "expected a number"),
        (("forget", "FILE", "--keep", "-1"), "keep"),
    ],
)
def test_bad_input_is_one_sentence(
    words: tuple[str, ...], said: str, file: Path, capsys: pytest.CaptureFixture[str]
):
    assert vista(*(file if word == "FILE" else word for word in words)) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    with RoboMemory(file, embedder=HashingEmbedder()) as memory:
        assert len(memory.records()) == 2


def test_a_memory_that_is_open_is_not_touched(file: Path, capsys: pytest.CaptureFixture[str]):
    with RoboMemory(file, embedder=HashingEmbedder()):
        assert vista("inspect", file) == 2
    assert "in use" in capsys.readouterr().err


def test_a_memory_that_is_open_is_asked(file: Path, capsys: pytest.CaptureFixture[str]):
    with RoboMemory(file, embedder=HashingEmbedder()):
        assert vista("ask", file, "Where's the mug?") == 0
        assert vista("ask", file, "where is the unicorn") == 0
    mug, unicorn = capsys.readouterr().out.splitlines()
    assert mug.startswith("The blue mug is in tray, at (0.50, 0.10, 0.00) m")
    assert unicorn == "Nothing known is called 'unicorn'."


def test_it_forgets_by_words_age_and_number(file: Path, capsys: pytest.CaptureFixture[str]):
    with RoboMemory(file, embedder=HashingEmbedder()) as memory:
        memory.remember([Note("episodic", f"wiped table {i}", i * 86_400 * 10**9) for i in range(1, 11)])
    assert vista("forget", file) == 2
    assert vista("forget", file, "--older-than", "yesterday") == 2
    assert vista("forget", file, "--older-than", "5d", "--kind", "episodic") == 0
    assert "5 records forgotten, 7 left" in capsys.readouterr().out
    assert vista("forget", file, "--keep", "2", "--kind", "episodic") == 0
    assert vista("forget", file, "--words", "mug tray") == 0
    with RoboMemory(file, embedder=HashingEmbedder()) as memory:
        assert [r.text for r in memory.records()] == ["wiped table 9", "wiped table 10"]
        assert memory.scene().facts == ()


NAMES = (
    "mug [/red]",
    "[bold]mug",
    "\x1b[31mred mug",
    r"$\frac$",
    ":mug:",
    "<mug>",
    "☕",
    "\u202emug",
    "a\x85b",
)


def test_names_are_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "odd.sqlite3"
    with RoboMemory(path, embedder=HashingEmbedder()) as memory:
        for i, name in enumerate(NAMES):
            memory.remember(
                [Note("spatial", f"{name} in {name}", i, (name,), (0.1 * i, 0, 0), (name, "in", "tray"))]
            )
    assert vista("inspect", path) == 0
    shown = capsys.readouterr().out
    for name in ("mug [/red]", "[bold]mug", r"$\frac$", ":mug:", "<mug>", r"\x1b[31mred mug", r"\u202emug"):
        assert name in shown
    assert all(c.isprintable() or c == "\n" for c in shown)
    for ending in ("jsonl", "graphml", "svg", "png"):
        assert vista("export", path, "--out", tmp_path / f"out.{ending}") == 0
    assert vista("import", tmp_path / "copy.sqlite3", "--from", tmp_path / "out.jsonl") == 0


def test_an_import_of_what_is_no_text_is_one_sentence(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe\x00 no text")
    assert vista("import", file, "--from", tmp_path / "bytes.jsonl") == 2
    assert "not a text in UTF-8" in capsys.readouterr().err


def test_a_memory_that_is_open_is_backed_up(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with RoboMemory(file, embedder=HashingEmbedder()) as memory:
        memory.remember([Note("episodic", f"wiped table {i}", i) for i in range(50)])
        assert vista("backup", file, tmp_path / "monday.sqlite3") == 0
        assert "a whole copy" in capsys.readouterr().out
    with RoboMemory(tmp_path / "monday.sqlite3", embedder=HashingEmbedder()) as copy:
        assert len(copy.records()) == 52


def test_everything_is_forgotten_only_when_that_is_said(file: Path, capsys: pytest.CaptureFixture[str]):
    assert vista("forget", file, "--everything", "--kind", "episodic") == 0
    assert "1 records forgotten, 1 left" in capsys.readouterr().out
    assert vista("forget", file, "--everything") == 0
    assert "1 records forgotten, 0 left" in capsys.readouterr().out


def test_age_counts_the_time_that_the_robot_was_running(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A clock that begins at 0 with every run does not tell how long it was off."""
    path, second = tmp_path / "runs.sqlite3", 10**9
    with RoboMemory(path, embedder=HashingEmbedder()) as memory:
        for run in range(3):
            memory.begin_run(0)
            memory.remember([Note("episodic", f"run {run} at {t} s", t * second) for t in (0, 50, 100)])
    assert vista("forget", path, "--older-than", "30d") == 0
    assert "0 records forgotten, 9 left" in capsys.readouterr().out
    assert vista("forget", path, "--older-than", "120s") == 0
    assert "5 records forgotten, 4 left" in capsys.readouterr().out
    with RoboMemory(path, embedder=HashingEmbedder()) as memory:
        assert [r.text for r in memory.records()] == [
            "run 1 at 100 s", "run 2 at 0 s", "run 2 at 50 s", "run 2 at 100 s"
        ]  # fmt: skip


@pytest.mark.parametrize("action", ["inspect", "export", "forget", "backup"])
def test_an_empty_file_is_no_empty_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str):
    """Such as what a full disk leaves of a copy."""
    empty = tmp_path / "scene.sqlite3"
    empty.touch()
    more = {"export": ["--out", tmp_path / "a.svg"], "forget": ["--everything"], "backup": [tmp_path / "b"]}
    assert vista(action, empty, *more.get(action, [])) == 2
    assert "an empty file, and no memory" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [empty]
    assert empty.stat().st_size == 0


def test_an_export_does_not_replace_its_memory(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    memory = file.rename(tmp_path / "scene.svg")
    (tmp_path / "link.svg").symlink_to(memory)
    before = memory.read_bytes()
    monkeypatch.chdir(tmp_path)
    for out in (memory, "scene.svg", "../" + tmp_path.name + "/scene.svg", "link.svg"):
        assert vista("export", memory, "--out", out) == 2
        assert "is the memory itself" in capsys.readouterr().err
    assert memory.read_bytes() == before
