"""The documents hold what they promise: short, with links that lead somewhere and commands that exist."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import HOWTO, ROOT, anchors, blocks, documents, prose
from vista.cli import main as cli

README = ROOT / "README.md"
RECIPES = ("robot", "policy", "world_model", "task", "data", "memory", "deployment", "detector", "teach")
OURS = [path for path in documents() if "ros2_ws" not in path.parts]
TODAYS = [path for path in OURS if "history" not in path.parts and path.name != "CHANGELOG.md"]
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_SAID = re.compile(r"(?:\./run|(?<![./\w-])vista) ([a-z][a-z-]*)(?![\w./-])")
_FILE = re.compile(
    r"(?<![\w./-])(?:vista|robomemory|sim|bench|tests|config|launch|scripts|ros|cli|fuzz)/[\w./-]+\.\w+"
)
_DOTTED = re.compile(r"(?<![\w./])(?:vista|robomemory|vista_sim|vista_bench)(?:\.\w+)+(?![*\w/]|\.\w*/)")
SCRIPT_WORDS = ("setup", "test", "help")


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_readme_is_short():
    text = README.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(text.split()) <= 1000
    assert len(lines) <= 150
    assert max(map(len, lines)) <= 160


def test_every_recipe_is_there():
    assert all((HOWTO / f"{name}.md").is_file() for name in RECIPES)
    listed = set(_LINK.findall((HOWTO / "README.md").read_text(encoding="utf-8")))
    assert {f"{name}.md" for name in RECIPES} <= listed


@pytest.mark.parametrize(("place", "name"), [(0, "lockstep.py"), (1, "memory.py")])
def test_the_readme_shows_the_examples_as_they_are(place: int, name: str):
    shown = [block.text for block in blocks(README) if block.language == "python"][place]
    example = (ROOT / "examples" / name).read_text(encoding="utf-8")
    code = re.sub(r'\A""".*?"""\s*', "", example, flags=re.DOTALL)
    assert shown.strip() == code.strip()
    assert len([line for line in shown.splitlines() if line.startswith(("from ", "import "))]) <= 3
    assert len([line for line in shown.splitlines() if line.strip()]) <= 10


def test_the_example_of_the_memory_answers(tmp_path: Path):
    run = [sys.executable, str(ROOT / "examples" / "memory.py")]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert "left drawer" in done.stdout
    assert "right" not in done.stdout
    assert "camera" in done.stdout


@pytest.mark.parametrize("path", OURS, ids=names)
def test_links_lead_to_something(path: Path):
    for link in _LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        where, _, anchor = link.partition("#")
        target = (path.parent / where).resolve() if where else path
        assert target.exists(), f"{link}: no such file"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("path", OURS, ids=names)
def test_every_command_that_is_named_exists(path: Path):
    code = [*re.findall(r"`[^`\n]+`", prose(path)), *(b.text for b in blocks(path) if b.language == "bash")]
    named = {word for each in code for word in _SAID.findall(each)}
    assert not named - set(cli.COMMANDS) - set(SCRIPT_WORDS)


@pytest.mark.parametrize("path", TODAYS, ids=names)
def test_every_module_that_is_named_exists(path: Path):
    """Paths of files, and dotted names of modules and what is in them."""
    text = path.read_text(encoding="utf-8")
    code = [*re.findall(r"`([^`\n]+)`", text), *(block.text for block in blocks(path))]
    for each in code:
        for file in _FILE.findall(each):
            there = (ROOT / file).exists() or (ROOT / "tests" / file).exists()
            assert there, f"{path.name}: {file} does not exist"
        for dotted in _DOTTED.findall(each):
            assert found(dotted), f"{path.name}: {dotted} does not exist"


def found(dotted: str) -> bool:
    """Whether ``dotted`` is a module, or something in one."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            thing: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError as error:
            if error.name is not None and not dotted.startswith(error.name):
                return True  # it needs a package that is not installed here
            continue
        try:
            for part in parts[count:]:
                thing = getattr(thing, part)
        except AttributeError:
            return False
        return True
    return False
