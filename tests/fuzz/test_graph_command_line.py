"""Words of `vista up`, `run`, `down` and `demo`: one sentence and status 2, or nodes that ROS can start."""

from __future__ import annotations

import contextlib
import io
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from vista.graph import running, supervision, table

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")

import rclpy
from hypothesis import strategies as st
from rclpy.validate_namespace import validate_namespace

from tests.fuzz.fuzzing import counts, explore
from tests.fuzz.hostile import FLOATS, INTEGERS, texts
from vista.cli import demo, down, main, up
from vista.errors import VistaError
from vista.graph.running import Running

KIND = "command line of the graph"
STACK = table.load_stack()
OF_A_STACK = ("--namespace", "--domain", "--logs", *(f"--{n.replace('_', '-')}" for n in STACK.arguments))
OF_A_TASK = ("--timeout", "--ready", "--runs")
OPTIONS = {
    "up": OF_A_STACK,
    "demo": (*OF_A_STACK, *OF_A_TASK),
    "run": (*OF_A_TASK, "--seed", "--reset", "--domain", "--namespace", "--robot"),
    "down": ("--domain", "--namespace"),
}
NODES = st.lists(st.one_of(st.sampled_from([n.name for n in STACK.nodes]), texts), min_size=1, max_size=4)
RIGHT = {
    "--task": ["pick_place", "stack", "drawer", "search"],
    "--seed": ["0", "7", "-1"],
    "--domain": ["0", "7", "232"],
    "--namespace": ["left", "/cell/left", ""],
    "--timeout": ["0", "2.5", "1e2"],
    "--robot": ["panda"],
    "--target": ["blue mug", ""],
    "--distractors": ["0", "3", "99"],
    "--logs": ["log", ""],
    "--runs": ["runs"],
}
values = st.one_of(texts, st.sampled_from([str(n) for n in (*INTEGERS, *FLOATS)]))


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """The words of one command: options with values right and wrong, an instruction, and stray words."""
    command = draw(st.sampled_from(sorted(OPTIONS)))
    words = [command]
    for option in draw(st.lists(st.sampled_from(OPTIONS[command]), max_size=3, unique=True)):
        right = RIGHT.get(option, [""])
        words.append(f"{option}={draw(st.one_of(st.sampled_from(right), values))}")
    if command in ("run", "demo") and draw(st.booleans()):
        words.append(draw(texts))
    if command == "up":
        if draw(st.booleans()):
            words += ["--nodes", *draw(NODES)]
        if draw(st.integers(0, 3)) == 0:
            words.append("--real")
    if command == "down" and draw(st.integers(0, 3)) == 0:
        words.append("--all")
    if draw(st.integers(0, 7)) == 0:
        words.insert(draw(st.integers(1, len(words))), draw(texts))
    return words


class StartedError(BaseException):
    """A command has come so far that it would start something, or speak to a graph."""


def parse(commands: Sequence[Sequence[str]]) -> None:
    """Have ROS read the command line of every node."""
    for words in commands:
        assert all(word.isascii() for word in words[1:]), words
        context = rclpy.Context()
        rclpy.init(args=list(words), context=context)
        rclpy.try_shutdown(context=context)


@pytest.fixture
def bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the step that would start a process or wait for one."""
    monkeypatch.chdir(tmp_path)
    # What these commands set in the environment ends with the test.
    monkeypatch.setenv("ROS_DOMAIN_ID", "7")
    alive = [
        Running(os.getpid(), "a", 7, "left", ("sim", "agent"), 0.0, ""),
        Running(os.getpid(), "b", 8, "", ("sim", "agent"), 0.0, ""),
    ]
    for module in (running, supervision, down):
        monkeypatch.setattr(module, "running", lambda: list(alive))
    monkeypatch.setattr(running, "state_folder", lambda: tmp_path / "state")
    for module, name in (
        (up, "clear_killed"),
        (up, "clear_old"),
        (down, "clear_killed"),
        (demo, "clear_killed"),
    ):
        monkeypatch.setattr(module, name, list)
    monkeypatch.setattr(down, "remove_orphans", lambda *_, **__: {})
    monkeypatch.setattr(down, "stop_graph", lambda state: None)
    monkeypatch.setattr(up, "supervise", supervise)
    monkeypatch.setattr(table, "find_executable", lambda *_: Path("/opt/ros/node"))
    monkeypatch.setattr(demo, "GraphProcess", Graph)

    class Client:
        def __init__(self, namespace: str, robot: str) -> None:
            validate_namespace(f"/{namespace}")
            raise StartedError

    monkeypatch.setattr("vista_ros.client.GraphClient", Client)


def supervise(nodes: Sequence[table.NodeEntry], commands: dict[str, list[str]], state: Running) -> int:
    assert nodes
    assert list(commands) == [node.name for node in nodes]
    parse(list(commands.values()))
    return 0


class Graph:
    """In place of the child process of a demo: what it would be told is read here."""

    def __init__(self, words: Sequence[str], domain: int) -> None:
        at = list(words).index("vista.cli.up")  # python -m vista.cli.up WORDS
        self._words = [*words[at + 1 :]]
        assert f"--domain={domain}" in self._words

    def __enter__(self) -> None:
        try:
            assert main.main(["up", *self._words]) == 0
        except VistaError as error:
            raise AssertionError(error) from error
        raise StartedError

    def __exit__(self, *_: object) -> None: ...


def check(words: list[str]) -> None:
    """Run the command as a terminal would, whose output takes no lone surrogates."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)
    os.environ["ROS_DOMAIN_ID"] = "7"
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status: object = main.main(words)
        except SystemExit as end:  # argparse: --help, or a word that is no option
            status = end.code
        except StartedError:
            return
    said = err.buffer.getvalue().decode()
    assert status in (0, 2), (status, said)
    assert "Traceback" not in said
    assert (status == 2) == bool(said.strip()), (status, said)
    if said.startswith("vista: "):
        assert len(said.splitlines()) == 1, said
        assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in said.rstrip("\n")), said


@pytest.mark.usefixtures("bounded")
@counts(60, 1000)
def test_words_of_the_graph(count: int) -> None:
    explore(KIND, lines(), check, count)
