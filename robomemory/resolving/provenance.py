"""Where a record came from that a helper's answer became: its source, and names of its metadata."""

from __future__ import annotations

import re
from collections.abc import Iterable

from robomemory.records import MemoryRecord

RAISED_BY = "raised_by"
"""The keys of the records that raised the question, in one text."""

VOIDS = "voids"
"""The keys of the records whose claims an edit took back."""

REVISED_BY = "revised_by"
"""The helper that decided on a semantic record, or wrote the line of old steps."""

_RESOLVER = "resolver:"
_MOST_KEYS = 400


def source_of(role: str, name: str) -> str:
    """The source of what the helper of the ``name`` says in its ``role``: "resolver:rules"."""
    return f"{role}:{name}"


def name_of(helper: object) -> str:
    """The name of a helper: its attribute ``name``, or that of its function or class; one short word."""
    said = getattr(helper, "name", None) or getattr(helper, "__name__", None) or type(helper).__name__
    return re.sub(r"[^\w.\-/]+", "-", str(said)).strip("-")[:60] or "helper"


def keys_text(keys: Iterable[int]) -> str:
    """The ``keys`` as a value of metadata, the last 400 of them."""
    return " ".join(map(str, list(keys)[-_MOST_KEYS:]))


def voided_by(record: MemoryRecord) -> list[int]:
    """The keys of the records whose claims the edit ``record`` took back; none if it is no edit."""
    said = record.metadata.get(VOIDS)
    if not record.source.startswith(_RESOLVER) or not isinstance(said, str):
        return []
    return [int(key) for key in said.split() if re.fullmatch(r"\d{1,18}", key, re.ASCII)]
