"""Which embedder to take: the best one that is installed, or the one that a store was written with."""

from __future__ import annotations

import logging
import re

from robomemory.embed.embedder import ClosableEmbedder, HashingEmbedder
from robomemory.embed.minilm import MiniLMEmbedder, MiniLMInt8Embedder

_log = logging.getLogger(__name__)


def default_embedder() -> ClosableEmbedder:
    """MiniLM where it is installed, in 8 bits before full precision (see docs/memory.md); else the hashing
    embedder, said in the log."""
    for embedder in (MiniLMInt8Embedder, MiniLMEmbedder):
        if not embedder.missing():
            return embedder()
    missing = ", ".join(MiniLMInt8Embedder.missing())
    _log.warning("%s not installed: texts are matched by their letters, not by meaning", missing)
    return HashingEmbedder()


def embedder_named(name: str) -> ClosableEmbedder | None:
    """The embedder that calls itself ``name`` in a store; None if there is none of that name here.

    Raises:
        MissingDependencyError: it needs packages that are not installed.
    """
    for embedder in (MiniLMInt8Embedder, MiniLMEmbedder):
        if embedder.name == name:
            return embedder()
    hashing = re.fullmatch(r"hashing-(\d+)", name)
    return HashingEmbedder(int(hashing[1][:9])) if hashing else None
