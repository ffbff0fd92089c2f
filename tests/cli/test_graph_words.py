"""The command line of the graph: what is wrong is said in one sentence, status 2, before anything starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vista.cli import demo, main, run_task, up
from vista.errors import InstructionError, InvalidValueError
from vista.graph import running
from vista.graph.checks import instruction_text, ros_namespace
from vista.graph.running import Running

TASK = "put the blue mug in the tray"


@pytest.fixture(autouse=True)
def nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*_: object, **__: object) -> int:
        pytest.fail("something was started")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(running, "state_folder", lambda: tmp_path / "state")
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    monkeypatch.setattr(up, "supervise", started)
    monkeypatch.setattr(demo, "GraphProcess", started)
    monkeypatch.setattr(run_task, "carry_out", started)
    up_already = Running(os.getpid(), "a", 7, "", ("sim", "agent"), 0.0, "")
    monkeypatch.setattr(run_task, "find_running", lambda *_, **__: up_already)
    monkeypatch.setattr(running, "running", list)


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence that ``vista WORDS`` ends with."""
    assert main.main(words) == 2
    out = capsys.readouterr()
    assert out.out == ""
    (line,) = out.err.splitlines()
    assert line.startswith("vista: ")
    return line


@pytest.mark.parametrize("command", ["run", "demo"])
@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("--timeout=-5", "--timeout: '-5', expected a finite number from 0 to 3600"),
        ("--timeout=nan", "--timeout: 'nan', expected a finite number"),
        ("--timeout=inf", "--timeout: 'inf', expected a finite number"),
        ("--timeout=1e400", "--timeout: '1e400', expected"),
        ("--timeout=soon", "--timeout: 'soon', expected"),
        ("--timeout=", "--timeout: '', expected"),
        ("--ready=-1", "--ready: '-1', expected"),
        ("--ready=nan", "--ready: 'nan', expected"),
        ("--seed=9223372036854775808", "eed: '9223372036854775808', expected integer"),
        ("--seed=-1", "eed: '-1', expected"),
        ("--seed=1.5", "eed: '1.5', expected"),
        ("--seed=1_000", "eed: '1_000', expected"),
        ("--namespace=left arm", "--namespace: 'left arm', expected a ROS name such as 'left'"),
        ("--namespace=1left", "--namespace: '1left'"),
        ("--namespace=a//b", "--namespace: 'a//b'"),
        ("--namespace=grün", "--namespace: 'grün'"),
        ("--namespace=~x", "--namespace: '~x'"),
        ("--namespace=" + "a" * 300, "--namespace: 'aaa"),
        ("--namespace=\x1b[31m", "--namespace: '\\x1b[31m'"),
        ("--domain=999", "--domain: '999', expected integer from 0 to 232"),
        ("--domain=-1", "--domain: '-1'"),
        ("--domain=seven", "--domain: 'seven'"),
        ("--domain=", "--domain: ''"),
        ("--domain=\u0667", "--domain: '\u0667'"),
        ("--robot=unicorn", "unknown robot 'unicorn'"),
        (
            "--runs=/dev/null",
            "--runs: '/dev/null', expected a folder that can be written: a file stands there",
        ),
        ("--runs=/dev/null/x", "--runs: '/dev/null/x', expected a folder that can be written"),
        ("--runs=/proc/x", "--runs: '/proc/x', expected a folder that can be written"),
        ("--runs=a\0b", "a\\x00b', expected text"),
        ("--runs=\ud800", "\\ud800', expected text"),
        ("--runs=" + "r" * 300, "--runs: 'rrr"),
    ],
)
def test_words_of_a_task(command: str, word: str, sentence: str, capsys: pytest.CaptureFixture[str]):
    assert sentence in said([command, word, TASK], capsys)


@pytest.mark.parametrize("command", ["run", "demo"])
@pytest.mark.parametrize(
    ("instruction", "sentence"),
    [
        ("", "the instruction is empty; expected a sentence such as 'put the blue mug in the tray'"),
        (" \n ", "the instruction is empty"),
        ("put the\0mug away", "'put the\\x00mug away', expected text"),
        ("put the mug\ud800 away", "'put the mug\\ud800 away', expected text"),
        ("put \x1b[31mthe mug away", "'put \\x1b[31mthe mug away' holds control characters"),
        ("x" * 100_000, "the instruction has 100,000 characters"),
    ],
)
def test_instructions(command: str, instruction: str, sentence: str, capsys: pytest.CaptureFixture[str]):
    assert sentence in said([command, instruction], capsys)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--nodes", "gard"], "unknown node 'gard'; known: sim, guard"),
        (["--nodes", ""], "unknown node ''"),
        (["--nodes", "sim", "guard", "sim"], "--nodes: 'sim' is named 2 times"),
        (
            ["--real", "--nodes", "sim"],
            "--nodes: 'sim' is the arm of another graph; a real arm",
        ),
        (["--seed=-3"], "--seed: '-3', expected"),
        (["--seed=many"], "seed: 'many', expected int"),
        (["--seed=9223372036854775808"], "seed: '9223372036854775808', expected int"),
        (["--distractors=-3"], "--distractors: '-3', expected"),
        (["--task=juggle"], "juggle"),
        (["--target=unicorn"], "unicorn"),
        (["--scene=nowhere.yaml"], "nowhere.yaml"),
        (["--objects=nowhere"], "nowhere"),
        (["--robot=unicorn"], "unknown robot 'unicorn'"),
        (["--scene-name=mug\ud83d"], "mug\\ud83d', expected text in UTF-8"),
        (["--target=a\0b"], "a\\x00b', expected text in UTF-8 without the character NUL"),
        (["--logs=/dev/null"], "--logs: '/dev/null', expected a folder that can be written: a file stands"),
        (["--logs=/proc/1/x"], "--logs: '/proc/1/x', expected a folder"),
        (["--domain=233"], "--domain: '233', expected integer from 0 to 232"),
        (["--namespace=left arm"], "--namespace: 'left arm'"),
    ],
)
def test_words_of_a_graph(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]):
    assert sentence in said(["up", *words], capsys)


@pytest.mark.parametrize("given", ["abc", "-1", "233", "²", "1.0", "0x7", "9" * 400])
@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_domain_of_the_environment_is_checked(
    command: str, given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("ROS_DOMAIN_ID", given)
    assert "ROS_DOMAIN_ID in the environment: " in said([command], capsys)


def test_what_is_right_is_taken_as_it_is():
    assert [ros_namespace(n) for n in ("", "/", "left", "/cell/left_2/", "_a")] == [
        "", "", "left", "cell/left_2", "_a"
    ]  # fmt: skip
    assert instruction_text("  leg die grüne Tasse 🤖 weg\n") == "leg die grüne Tasse 🤖 weg"
    with pytest.raises(InvalidValueError, match="--namespace: '///'"):
        ros_namespace("///")
    for text in ("a\0b", "mug\ud800", "mug\x7f"):
        with pytest.raises(InstructionError, match="holds control characters or characters that are no"):
            instruction_text(text)
