"""What the tests of RoboMemory share: an embedder without weights, a fresh store and short notes."""

from collections.abc import Callable, Iterator

import pytest

from robomemory import HashingEmbedder, RoboMemory
from vista.types import Note

S = 1_000_000_000


@pytest.fixture
def note() -> Callable[..., Note]:
    """``note("episodic", "a text", t_s, name, ..., at=(x, y, z), says=(s, r, o))``."""

    def make(kind, text, t_s=1.0, *names, at=None, says=None, confidence=1.0, source="test"):
        return Note(kind, text, round(t_s * S), names, at, says, confidence, source)

    return make


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scene.sqlite3"


@pytest.fixture
def reopen(path) -> Iterator[Callable[..., RoboMemory]]:
    """Opens the store at ``path``; called again it closes the one before first."""
    opened: list[RoboMemory] = []

    def open_again(**more) -> RoboMemory:
        if opened:
            opened[-1].close()
        opened.append(RoboMemory(path, embedder=HashingEmbedder(), **more))
        return opened[-1]

    yield open_again
    for memory in opened:
        memory.close()


@pytest.fixture
def both(memory, reopen) -> Callable[[], Iterator[RoboMemory]]:
    """The memory as it stands, then the same one reopened: a test that loops over them checks both."""

    def one_after_the_other():
        yield memory
        yield reopen()

    return one_after_the_other


@pytest.fixture
def memory(reopen) -> RoboMemory:
    return reopen()
