"""What the tests of RoboMemory share: an embedder without weights, a fresh store and short notes."""

from collections.abc import Callable, Iterator

import pytest

from robomemory import HashingEmbedder, Helpers, Note, RoboMemory
from tests.postgres import server

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


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.long)])
def reopen(path, request) -> Iterator[Callable[..., RoboMemory]]:
    """Opens the store at ``path``, or in the long tests one in PostgreSQL; called again it closes the one
    before first. A test of the file itself takes the first of ``params`` only."""
    where = path if request.param == "file" else server().url()
    opened: list[RoboMemory] = []

    def open_again(**more) -> RoboMemory:
        if opened:
            opened[-1].close()
        opened.append(RoboMemory(where, embedder=HashingEmbedder(), **more))
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


@pytest.fixture
def helped(path) -> Iterator[Callable[..., RoboMemory]]:
    """Opens a memory in a file with the helpers that are given by name."""
    opened = []

    def make(at=path, **helpers):
        opened.append(RoboMemory(at, embedder=HashingEmbedder(), helpers=Helpers(**helpers)))
        return opened[-1]

    yield make
    for memory in opened:
        memory.close()
