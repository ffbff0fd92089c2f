"""Names of files and folders for any text."""

from __future__ import annotations

import hashlib
import unicodedata

LONGEST_BYTES = 120
"""Of a name in UTF-8. File systems take 255 bytes, and what is written needs room for an ending."""
_KEPT = "-_.+"


def file_name(text: str, longest_bytes: int = LONGEST_BYTES) -> str:
    """A name for a file or folder that stands for ``text``: one component, no path, never hidden.

    A text that can be a name is its own; from any other, what cannot stand in a name is replaced by "_", what
    is too long is cut, and a short hash of the whole text follows, so that two texts get two names.
    """
    whole = unicodedata.normalize("NFC", text)
    kept = "".join(c if c.isalnum() or c in _KEPT else "_" for c in whole).strip("._") or "unnamed"
    size = max(16, longest_bytes)
    if kept == text and len(kept.encode()) <= size and not kept.startswith("-"):
        return kept
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    head = kept.encode()[: size - len(mark) - 1].decode(errors="ignore").strip("-._") or "unnamed"
    return f"{head}-{mark}"
