"""Errors in one line for people."""

from __future__ import annotations

from vista.messages.plain_text import plain
from vista.messages.redaction import conceal


def describe(error: BaseException) -> str:
    """One line for ``error``, fit for every output and without secrets; those that this library raises on
    purpose speak for themselves."""
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be read)"
    # Concealed twice: an escape may split a secret, and what stands in the text may be escaped already.
    text = conceal(plain(conceal(text)))
    if not text:
        return kind
    return text if on_purpose(error) else f"{kind}: {text}"


def on_purpose(error: BaseException) -> bool:
    """Whether a library raised ``error`` on purpose, with a sentence for people."""
    return bool(getattr(error, "for_people", False))
