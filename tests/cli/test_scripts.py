"""The scripts that tell whether two benches ended alike, and that keep a machine busy beside one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
EPISODE: dict[str, object] = {
    "cell": "two", "method": "ours", "seed": 7, "fingerprint": "f", "success": True, "outcome": "success",
    "cause": "done", "steps": 20, "seconds": 8.0, "subtasks": [["grasp the mug", "reached", "", 1.0]],
    "wall_s": 3.1,
}  # fmt: skip


def run(script: str, *words: object) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, str(SCRIPTS / script), *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, timeout=120)


def bench(folder: Path, *episodes: dict[str, object]) -> Path:
    folder.mkdir()
    (folder / "episodes.jsonl").write_text("".join(json.dumps(e) + "\n" for e in episodes))
    return folder


def test_episodes_are_alike_whatever_time_they_took(tmp_path: Path):
    one = bench(tmp_path / "one", EPISODE, EPISODE | {"seed": 8})
    two = bench(tmp_path / "two", EPISODE | {"seed": 8, "wall_s": 99}, EPISODE | {"wall_s": 99})
    done = run("compare_runs.py", one, two / "episodes.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "2 of 2 episodes alike, 0 in one of the two only\n"


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "stopped"}, {"cause": "late"}, {"steps": 21}, {"success": False}, {"subtasks": []},
        {"seed": 9},
    ],
    ids=str,
)  # fmt: skip
def test_what_ended_otherwise_is_told(change: dict[str, object], tmp_path: Path):
    one, two = bench(tmp_path / "one", EPISODE), bench(tmp_path / "two", EPISODE | change)
    done = run("compare_runs.py", one, two)
    assert done.returncode == 1
    assert "seed 7" in done.stdout
    assert "1 of 1 episodes alike" not in done.stdout


def test_subtasks_are_alike_by_sentence_and_state(tmp_path: Path):
    one = bench(tmp_path / "one", EPISODE)
    other = EPISODE | {"subtasks": [["grasp the mug", "reached", "said in other words", 1.0]]}
    assert run("compare_runs.py", one, bench(tmp_path / "two", other)).returncode == 0
    failed = EPISODE | {"subtasks": [["grasp the mug", "failed", "", 1.0]]}
    assert run("compare_runs.py", one, bench(tmp_path / "three", failed)).returncode == 1


@pytest.mark.parametrize("text", ["", "nonsense\n", "[]\n", "{}\n", '{"success": true}\n'])
def test_what_is_no_bench_is_not_alike(text: str, tmp_path: Path):
    one = bench(tmp_path / "one", EPISODE)
    (tmp_path / "bad.jsonl").write_text(text)
    for words in ((one, tmp_path / "bad.jsonl"), (one, tmp_path / "nowhere"), (one,)):
        done = run("compare_runs.py", *words)
        assert done.returncode == 2
        assert done.stderr.startswith("compare_runs: ")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["4"], ["0", "ls"], ["-1", "ls"], ["x", "ls"], ["99999", "ls"]])
def test_a_busy_machine_needs_a_number_and_a_command(words: list[str]):
    done = run("busy.py", *words)
    assert done.returncode == 2
    assert done.stderr.startswith("busy: expected a number from 1 to 1024 and a command")


@pytest.mark.parametrize(("code", "status"), [("raise SystemExit(3)", 3), ("print('done')", 0)])
def test_a_command_runs_beside_busy_processes_and_none_is_left(code: str, status: int):
    look = (
        "import os; mine = os.getppid(); kids = [p for p in os.listdir('/proc') if p.isdigit() and "
        "open(f'/proc/{p}/stat').read().rpartition(')')[2].split()[1] == str(mine)];"
        "print('beside', len(kids) >= 3);"
    )
    done = run("busy.py", 2, sys.executable, "-c", look + code)
    assert (done.returncode, done.stderr) == (status, "")
    assert "beside True" in done.stdout
