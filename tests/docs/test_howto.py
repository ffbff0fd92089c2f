"""Every recipe of docs/howto is run as it stands: its files are written and its commands called, a section a
test.

Sizes in the documents are the shell's (``${EPISODES:-50}``), and small here. What is installed and where
(``./run setup``), and what an installed ROS 2 does, is not run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.documents import HOWTO, ROOT, Block, blocks

SIZES = {
    "POLICY": "models/executor",
    "EPISODES": "1",
    "SCENES": "2",
    "STEPS": "2",
    "CALIBRATION": "6",
    "WAIT_S": "5",
}
NOT_HERE = ("./run setup", "ros2 ")
GRAPH = ("./run demo", "./run up")
LONG = (*GRAPH, "./run train", "./run calibrate")
"""Commands that take long, or start the graph; a section with one of them is marked."""
SLOW = (
    ("deployment", "Limits"), ("policy", "Change one that is there"), ("world_model", "Measure it"),
)  # fmt: skip
"""Further sections that are run with the long tests: with these the others would take more than 90 s."""
NEED_MODELS = ("executor", "world_model", "planner", "detector", "switcher")


# What some sections print, in words that show that they did what they say.
EXPECTED = {
    ("policy", "Measure it"): "no approach",
    ("policy", "In Python"): "in truth: False",
    ("task", "Try it with the expert"): "100.0%",
    ("task", "Your own objects"): "100.0%",
    ("task", "Your own scene"): "100.0%",
    ("detector", "Look through it"): "red cube 0.9 at",
    ("detector", "Use it in the loop"): "put the red cube in the tray: success",
    ("teach", "Pictures from a camera"): "my house: 12 pictures kept",
    ("teach", "In Python"): "purple house",
    ("instructions", "Try it"): "put the blue mag in the tray: question",
    ("memory", "Remember and recall"): "a blue mug in the tray",
    ("memory", "Ask in words"): "left drawer",
    ("memory", "In a task"): "mugs slip unless they are lifted slowly",
    ("robot", "Write the contract"): "my_arm: 7 joints",
    ("robot", "Try it in the simulator"): "100.0%",
    ("data", "Look at the data"): "front",
}
# Sections that need what another one made.
NEEDED = {
    ("robot", "Try it in the simulator"): ("Write the contract",),
    ("robot", "Put it under ROS 2"): ("Write the contract",),
    ("data", "Look at the data"): ("Make data and train",),
    ("data", "Use the model"): ("Make data and train",),
    ("teach", "In the running graph"): ("Objects of the simulator",),
    ("memory", "Ask in words"): ("The front door",),
    ("memory", "Look into it, back it up, forget"): ("Remember and recall",),
}


@dataclass(frozen=True)
class Section:
    """A section of a recipe with commands that can be run; ``files``: all files of the recipe by name."""

    recipe: str
    title: str
    commands: tuple[Block, ...]
    files: dict[str, str]


def sections() -> list[Section]:
    found = []
    for path in sorted(HOWTO.glob("*.md")):
        here = blocks(path)
        files = {block.file: block.text for block in here if block.file}
        shell = [block for block in here if block.language == "bash"]
        run = [b for b in shell if not any(line.startswith(NOT_HERE) for line in b.commands)]
        for title in dict.fromkeys(block.section for block in run):
            commands = tuple(block for block in run if block.section == title)
            found.append(Section(path.stem, title, commands, files))
    return found


def needed(section: Section) -> list[Section]:
    """The sections of the same recipe whose commands come first."""
    titles = NEEDED.get((section.recipe, section.title), ())
    return [each for each in sections() if each.recipe == section.recipe and each.title in titles]


def graph_of(section: Section) -> bool:
    """Whether a section starts nodes."""
    return any(line.startswith(GRAPH) for block in section.commands for line in block.commands)


def marked(section: Section) -> object:
    lines = [
        line for each in (*needed(section), section) for block in each.commands for line in block.commands
    ]
    slow = any(line.startswith(LONG) for line in lines) or (section.recipe, section.title) in SLOW
    marks = [pytest.mark.long] if slow else []
    marks += [pytest.mark.ros] if graph_of(section) else []
    return pytest.param(
        section, id=f"{section.recipe}: {section.title}", marks=[*marks, pytest.mark.timeout(600)]
    )


def workplace(folder: Path, files: dict[str, str]) -> dict[str, str]:
    """Lay out ``folder`` as the folder of ./run with the recipe's files; returns the environment."""
    for name in ("config", "examples", "models"):
        (folder / name).symlink_to(ROOT / name)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    run = folder / "run"
    run.write_text(f'#!/usr/bin/env bash\nexec {sys.executable} -m vista.cli "$@"\n')
    run.chmod(0o755)
    paths = [str(ROOT), str(ROOT / "sim"), str(ROOT / "bench"), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ, **SIZES, "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl"),
    }  # fmt: skip


def call(text: str, folder: Path, env: dict[str, str]) -> str:
    """Run a block of commands as it stands; returns what it printed."""
    log = folder / "said.txt"
    with log.open("w") as out:  # a file: a graph that is left running would hold a pipe open
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=env, stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT, timeout=580,
        )  # fmt: skip
    said = log.read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, f"{text}\n{said}"
    assert "Traceback" not in said, said
    return said


@pytest.mark.parametrize("section", [marked(each) for each in sections()])
def test_a_recipe_does_what_it_says(section: Section, tmp_path: Path):
    pytest.importorskip("mujoco")
    pytest.importorskip("torch")
    if not all((ROOT / "models" / name).is_dir() for name in NEED_MODELS):
        pytest.skip("no trained models ship")
    env = workplace(tmp_path, section.files)
    if graph_of(section):
        from vista.graph.running import free_domain

        env["ROS_DOMAIN_ID"] = str(free_domain())  # another graph of this machine stays out of it
    for block in (block for each in needed(section) for block in each.commands):
        call(block.text, tmp_path, env)
    try:
        said = "".join(call(block.text, tmp_path, env) for block in section.commands)
    finally:
        if graph_of(section):
            subprocess.run(["./run", "down"], cwd=tmp_path, env=env, capture_output=True, timeout=60)
    assert EXPECTED.get((section.recipe, section.title), "") in said


def test_what_is_expected_is_there():
    """No heading changes without the tables of this file."""
    there = {(each.recipe, each.title) for each in sections()}
    assert set(EXPECTED) | set(NEEDED) | set(SLOW) <= there
    assert {(recipe, title) for (recipe, _), titles in NEEDED.items() for title in titles} <= there


def test_every_recipe_is_run():
    assert {each.recipe for each in sections()} == {path.stem for path in HOWTO.glob("*.md")} - {"README"}
    assert shutil.which("bash") is not None


def test_every_file_of_a_recipe_is_code_that_can_be_read():
    for path in sorted(HOWTO.glob("*.md")):
        for block in blocks(path):
            if block.language == "python":
                assert block.file, f"{path.name}: a block without the name of its file"
                compile(block.text, block.file, "exec")
