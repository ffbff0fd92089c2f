"""Writes files whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from vista.errors import VistaError
from vista.files.file_names import file_name
from vista.messages.plain_text import plain

_ADVICE = {
    errno.ENOSPC: "free some space or choose another folder",
    errno.EDQUOT: "free some space or choose another folder",
    errno.EACCES: "choose a folder that may be written to",
    errno.EPERM: "choose a folder that may be written to",
    errno.EROFS: "choose a folder that may be written to",
    errno.ENOTDIR: "choose a folder, which that is not",
    errno.ENAMETOOLONG: "choose a shorter name",
}


class RecordingError(VistaError, OSError):
    """A run could not be written down; the message names the file, the reason and what to do."""


def recording_error(path: Path, error: OSError | ValueError) -> RecordingError:
    """``error`` in one sentence."""
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    advice = _ADVICE.get(getattr(error, "errno", None) or 0)
    return RecordingError(f"cannot write {plain(str(path))}: {why}" + (f"; {advice}" if advice else ""))


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``, whole or not at all; what was there stays until then.

    Raises:
        RecordingError: the folder is full, read-only or gone.
    """
    try:
        draft = path.with_name(f".{file_name(path.name, 60)}.{os.getpid()}")
    except ValueError as error:  # a path without a name
        raise recording_error(path, error) from error
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError, ValueError):
            draft.unlink(missing_ok=True)
        raise recording_error(path, error) from error
