"""Writing so that a reader, a crash or a full disk never meets half a file."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from vista.errors import VistaError

_ADVICE = {
    errno.ENOSPC: "free some space or choose another folder",
    errno.EDQUOT: "free some space or choose another folder",
    errno.EACCES: "choose a folder that may be written to",
    errno.EPERM: "choose a folder that may be written to",
    errno.EROFS: "choose a folder that may be written to",
}


class RecordingError(VistaError, OSError):
    """A run could not be written down; the message names the file, the reason and what to do."""


def recording_error(path: Path, error: OSError) -> RecordingError:
    """``error`` in one sentence."""
    why = error.strerror or str(error) or type(error).__name__
    advice = _ADVICE.get(error.errno or 0)
    return RecordingError(f"cannot write {path}: {why}" + (f"; {advice}" if advice else ""))


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``, whole or not at all; what was there stays until then.

    Raises:
        RecordingError: the folder is full, read-only or gone.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise recording_error(path, error) from error
