"""Serves the memory in a file, or in a database, until the client is gone."""

from __future__ import annotations

import importlib.util
import os
import re

from robomemory.embed.embedder import Embedder
from robomemory.errors import InvalidQueryError, MissingDependencyError
from robomemory.front.door import Memory
from robomemory.memory import RoboMemory

NAME = "robomemory"


def serve_memory(
    path: str | os.PathLike[str],
    *,
    name: str = NAME,
    version: str = "",
    allow_writes: bool = False,
    allow_forget: bool = False,
    embedder: Embedder | None = None,
) -> None:
    """Serves the memory at ``path`` over MCP on stdin and stdout, under ``name``, until stdin ends. Nothing
    listens on a network. Unless something may be written, the file is opened beside the robot that writes it.

    Raises:
        MissingDependencyError: the SDK is not installed. InvalidQueryError: ``name`` is no name. StoreError:
            the memory can't be opened.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w .-]{0,63}", name):
        raise InvalidQueryError(
            f"serve: name {name!r}, expected 1 to 64 letters, digits, spaces, '.', '_' or '-', a letter "
            f"or digit first"
        )
    if importlib.util.find_spec("mcp") is None:
        raise MissingDependencyError(
            "a memory is served with the MCP SDK, which is not installed; './run setup' or"
            " pip install 'vista-stack[mcp]' brings it"
        )
    import anyio

    from robomemory.serving.server import MemoryServer

    writes = allow_writes or allow_forget
    allowed = frozenset([*(["writes"] if allow_writes else []), *(["forget"] if allow_forget else [])])
    with RoboMemory(path, embedder=embedder, mode="rw" if writes else "r") as robo:
        anyio.run(MemoryServer(Memory.over(robo), name, version, allowed).serve_stdio)
