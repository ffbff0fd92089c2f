"""Hostile words for every command that starts no graph: one sentence, the right exit status, no traceback."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.fuzz import hostile
from tests.fuzz.fuzzing import counts, explore

pytest.importorskip("mujoco")
pytest.importorskip("torch")

from robomemory import Note
from robomemory.embed.embedder import HashingEmbedder
from robomemory.memory import RoboMemory
from vista.cli import bench, calibrate, info
from vista.cli import main as cli
from vista.cli.shared.words import Parser
from vista.errors import VistaError
from vista.messages.plain_text import fit
from vista_bench import report, suites, training_data
from vista_bench.suites.base import BenchProgress, BenchSettings, Cell, Suite
from vista_bench.suites.basic import BasicSuite

STARTS_A_GRAPH = {"demo", "run", "up", "down"}
COMMANDS = tuple(name for name in cli.COMMANDS if name not in STARTS_A_GRAPH)
PLAUSIBLE = {  # so that what is hostile elsewhere is reached
    "--suite": tuple(suites.SUITES),
    "--cell": ("basic", "ros", "two", "latency", "recall", "pick_place"),
    "--method": ("imagined", "oracle", "ours", "scripted", "full"),
    "--split": ("bench", "tuning"),
    "--task": ("pick_place", "stack", "coin"),
    "--robot": ("panda",),
    "--episodes": ("1", "3"),
    "--seed": ("0", "7"),
    "--workers": ("1", "2"),
    "--records": ("1000",),
    "--policy": ("scripted", "mock", "no_such_module:Class", ":", "a:b@c", "./nowhere"),
    "--world-model": ("oracle", "mock"),
    "--planner": ("scripted", "whole", "memory"),
    "--detector": ("oracle", "none"),
    "--switcher": ("scripted",),
    "--stage": ("base", "long"),
    "--backend": ("processes", "ray"),
    "--embedder": ("hashing",),
    "--kind": ("episodic", "spatial"),
    "--older-than": ("1d", "0s", "99999999999999999999d"),
    "--keep": ("1",),
    "--words": ("mug",),
    "--latency": ("0", "300"),
    "--from": ("scene.jsonl",),
}
POSITIONAL = {
    "what": ("planner", "detector", "world-model", "executor"),
    "action": ("inspect", "export", "import", "forget", "backup"),
    "file": ("kept.sqlite3", "nowhere.sqlite3", ".", "torn.sqlite3"),
}
NEVER = {"--fresh", "--help", "-h"}  # deletes a folder by its design; ends in a text


@pytest.fixture(autouse=True)
def harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, and every heavy step replaced by one that says what it was given."""
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    with RoboMemory(folder / "kept.sqlite3", embedder=HashingEmbedder()) as memory:
        memory.remember([Note("episodic", "put the blue mug in the tray", 1)])
    (folder / "torn.sqlite3").write_bytes((folder / "kept.sqlite3").read_bytes()[:999])

    def made(name: str) -> Suite:
        suite = suites.make_suite(name)

        def measure(settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
            suite.check(settings)
            if isinstance(suite, BasicSuite):
                cell = (settings.cells or suite.default_cells)[0]
                suite.identity(settings, cell, (settings.methods or suite.default_methods)[0])
            return [{"cell": "one", "method": "a", "n": 1, "success_rate": 1.0, "interval": [0.2, 1.0]}]

        suite.measure = measure  # type: ignore[method-assign]
        return suite

    def stop(*args: object, **kwargs: object) -> None:
        raise VistaError("this would begin to work")

    monkeypatch.setattr(bench, "make_suite", made)
    monkeypatch.setattr(calibrate, "collect", stop)
    monkeypatch.setattr(training_data, "make_data", stop)
    monkeypatch.setattr(info, "rendering", lambda: {"renderer": "none"})
    monkeypatch.setattr(info, "device", lambda: {"learned parts run on": "cpu"})
    for module in (info, report):
        monkeypatch.setattr(module, "commit", lambda: "none")
    return folder


def actions(command: str) -> list[argparse.Action]:
    module = importlib.import_module(f"vista.cli.{cli.COMMANDS[command][0]}")
    parser = Parser(command, "")
    module.add_arguments(parser)
    return [a for a in parser._actions if not NEVER & set(a.option_strings)]


hostile_words = st.one_of(hostile.texts, hostile.integers.map(str), hostile.floats.map(str))


def value_of(name: str) -> st.SearchStrategy[str]:
    """What stands behind an option or in its place: mostly what it may be, else anything."""
    known = PLAUSIBLE.get(name) or POSITIONAL.get(name)
    plausible = st.sampled_from(known) if known else hostile_words
    return st.one_of(plausible, plausible, hostile_words)


@st.composite
def calls(draw: st.DrawFn) -> list[str]:
    """A command and words for it."""
    command = draw(st.sampled_from(COMMANDS))
    words = [command]
    for action in actions(command):
        needed = action.required or not action.option_strings
        if not (draw(st.integers(0, 19)) if needed else draw(st.integers(0, 9)) < 2):
            continue
        if not action.option_strings:
            words.append(draw(value_of(action.dest)))
        elif action.nargs == 0:
            words.append(action.option_strings[0])
        else:
            name, value = action.option_strings[0], draw(value_of(action.option_strings[0]))
            words += [f"{name}={value}"] if draw(st.booleans()) else [name, value]
    if draw(st.integers(0, 9)) == 0:
        words.insert(draw(st.integers(0, len(words))), draw(hostile_words))
    return words


@contextlib.contextmanager
def heard() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield out, err


def check(words: Sequence[str]) -> None:
    """One call ends with a status and a sentence, or with a result."""
    if words[0] in STARTS_A_GRAPH:
        return
    with heard() as (out, err):
        status = cli.main(list(words))
    said = err.getvalue()
    assert status in (0, 2), f"{words}: status {status}: {said}"
    assert "Traceback" not in said
    if status == 0:
        assert out.getvalue().strip(), f"{words}: a success that says nothing"
    elif words[0] in cli.COMMANDS:
        assert said.startswith("vista: "), said
        assert said.endswith("\n"), said
        assert said.count("\n") == 1, said
        assert all(fit(character) for character in said[:-1]), said
        said.encode("utf-8")
        assert out.getvalue() == "", "a failure that looks like a result"


@counts(120, 3_000)
def test_no_words_break_the_command_line(count: int):
    explore("command line", calls(), check, count)


def test_a_memory_outlives_every_call(harmless: Path):
    explore("command line", calls().filter(lambda words: words[0] == "memory"), check, 20)
    with RoboMemory(harmless / "kept.sqlite3", embedder=HashingEmbedder()) as memory:
        memory.records()
