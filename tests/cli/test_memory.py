"""vista memory: looks into a memory, writes it out and reads it in."""

from __future__ import annotations

from pathlib import Path

import pytest

from robomemory.embedding import HashingEmbedder
from robomemory.memory import RoboMemory
from vista.cli import main as cli
from vista.types import Note


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
        (("export", "FILE", "--out", "no/such/a.jsonl"), "does not exist"),
        (("import", "new.sqlite3", "--from", "no.jsonl"), "no.jsonl: no such file"),
    ],
)
def test_bad_input_is_one_sentence(
    words: tuple[str, ...], said: str, file: Path, capsys: pytest.CaptureFixture[str]
):
    assert vista(*(file if word == "FILE" else word for word in words)) == 2
    assert said in capsys.readouterr().err


def test_a_memory_that_is_open_is_not_touched(file: Path, capsys: pytest.CaptureFixture[str]):
    with RoboMemory(file, embedder=HashingEmbedder()):
        assert vista("inspect", file) == 2
    assert "in use" in capsys.readouterr().err


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
