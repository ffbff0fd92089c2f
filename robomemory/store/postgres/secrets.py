"""Keeps the passwords of an address out of every message, in whatever spelling a library repeats them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, unquote_plus

HIDDEN = "***"
_SHORT = 4  # a password of fewer characters is hidden only where it stands as a word: "a" is in every text


def spellings(secret: str) -> frozenset[str]:
    """``secret`` as it may be written: raw, percent-encoded, escaped by Python or JSON."""
    found: set[str] = set()
    for raw in {secret, unquote(secret), unquote_plus(secret)}:
        found |= {raw, quote(raw, safe=""), quote(raw), quote_plus(raw), repr(raw)[1:-1], ascii(raw)[1:-1]}
        found |= {json.dumps(raw)[1:-1], raw.replace("'", "\\'").replace('"', '\\"'), " ".join(raw.split())}
        found |= {each.lower() for each in (quote(raw, safe=""), quote_plus(raw)) if "%" in each}
    return frozenset(each for each in found if each.strip())


def conceal(text: str, secrets: Iterable[str]) -> str:
    """``text`` with ``***`` in the place of each of ``secrets``, the longest first."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORT:
            text = text.replace(secret, HIDDEN)
        else:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    return re.sub(r"(://[^\s:/@]*):[^\s@]*@", rf"\1:{HIDDEN}@", text)
