"""Vector indices kept on the disk beside the store, so that opening a large one is quick.

The store is the truth. A saved index says up to which update it holds the vectors; later ones are read
from the store. A file that is missing, torn, of another embedder or does not add up is not used.
"""

from __future__ import annotations

import json
import logging
import os
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

from robomemory.store.forks import Owner
from robomemory.vectors.ivf_index import IvfIndex

VERSION = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Label:
    """What a saved index is: of the memory ``kind``, with vectors up to the update ``seq``. ``newest_ns`` is
    when the newest record in it was recorded: in a copy of the store that went on by itself it was not;
    ``store_id`` tells it from the index of another store."""

    kind: str
    seq: int
    embedder: str
    dim: int
    trained_for: int
    size: int
    crc32: int
    file: str
    newest_ns: int
    store_id: str
    version: int = VERSION


class IndexFiles:
    """The saved indices of the store at ``path``, in a folder beside it; None for a store in memory."""

    def __init__(self, path: str, embedder: str, dim: int, store_id: str) -> None:
        self._folder = None if path == ":memory:" else Path(f"{os.path.abspath(path)}-index")
        self._embedder, self._dim, self._store_id = embedder, dim, store_id
        self._owner = Owner(str(self._folder))

    def save(self, kind: str, lists: IvfIndex, seq: int, newest_ns: int) -> None:
        """Keeps ``lists``: the vectors first, then the label that makes them count, each written beside,
        synced and moved into place. A disk that is full leaves what was there."""
        self._owner.check()
        if self._folder is None:
            return
        name = f"{kind}-{seq}.faiss"
        try:
            self._folder.mkdir(exist_ok=True)
            scratch = self._folder / f"{name}.part"
            lists.write(scratch)
            size, crc = _sum(scratch)
            _sync(scratch)
            os.replace(scratch, self._folder / name)
            made_for = (self._embedder, self._dim, lists.trained_for)
            label = Label(kind, seq, *made_for, size, crc, name, newest_ns, self._store_id)
            note = self._folder / f"{kind}.json.part"
            note.write_text(json.dumps(asdict(label)), encoding="utf-8")
            _sync(note)
            os.replace(note, self._folder / f"{kind}.json")
            _sync(self._folder)
            for old in self._folder.glob(f"{kind}-*.faiss*"):
                if old.name != name:
                    old.unlink()
        except (OSError, RuntimeError) as error:  # FAISS tells of a full disk with a RuntimeError
            _log.warning("%s: the index of the %s memory was not saved: %s", self._folder, kind, error)

    def load(self, kind: str) -> tuple[IvfIndex, int, int] | None:
        """The saved lists of ``kind``, the update they hold, and when the newest record in them was recorded
        [ns]; None if there are none to trust."""
        self._owner.check()
        if self._folder is None:
            return None
        try:
            said = json.loads((self._folder / f"{kind}.json").read_text(encoding="utf-8"))
            label = Label(**said)
            path = self._folder / label.file
            if (label.version, label.embedder, label.dim) != (VERSION, self._embedder, self._dim):
                raise ValueError(f"made for {label.embedder!r}, {label.dim} numbers, version {label.version}")
            if label.store_id != self._store_id:
                raise ValueError("it is the index of another store")
            if label.file != f"{kind}-{label.seq}.faiss" or _sum(path) != (label.size, label.crc32):
                raise ValueError(f"{label.file} is not the file that was saved")
            return IvfIndex.read(path, label.trained_for), label.seq, label.newest_ns
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            _log.warning("%s: the saved %s index is rebuilt: %s", self._folder, kind, error)
            return None


def _sum(path: Path) -> tuple[int, int]:
    size = crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size, crc = size + len(block), zlib.crc32(block, crc)
    return size, crc


def _sync(path: Path) -> None:
    held = os.open(path, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
