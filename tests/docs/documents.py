"""What stands in the documents: fenced blocks with the files that they are, links, and commands."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOWTO = ROOT / "docs" / "howto"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"# (\S+\.(?:py|yaml))$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its ``language``, ``text``, and the heading ``section`` that it stands under."""

    language: str
    text: str
    section: str

    @property
    def file(self) -> str:
        """The file that the block is, as its first line says; empty for a block that is none."""
        named = _NAMED.match(self.text.partition("\n")[0])
        return named[1] if named else ""

    @property
    def commands(self) -> list[str]:
        """The command lines of a block for a shell, continued lines joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for line in lines if line.strip() and not line.startswith("#")]


def documents() -> list[Path]:
    """Every document for people, but for what belongs to other projects."""
    said = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted(ROOT / line for line in said.stdout.splitlines() if (ROOT / line).is_file())


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a document, in order."""
    text = path.read_text(encoding="utf-8")
    inside = [found.span() for found in _FENCE.finditer(text)]
    headings = [
        (found.start(), found[1])
        for found in re.finditer(r"^#+ (.+)$", text, re.MULTILINE)
        if not any(begin < found.start() < end for begin, end in inside)
    ]

    def section(at: int) -> str:
        return next((name for where, name in reversed(headings) if where < at), "")

    return [Block(found[1], found[2], section(found.start())) for found in _FENCE.finditer(text)]


def prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """The names that links may go to inside a document, made as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found)
    return set(words)
