"""Words and file names of a record as parts of a page: data, never markup."""

from __future__ import annotations

import html
from urllib.parse import quote

from vista.messages.plain_text import plain

LONGEST = 4000


def escape(text: str) -> str:
    """``text`` for HTML and for SVG in it: in one line, with what cannot be shown written as escapes."""
    return html.escape(plain(text, LONGEST))


def link(name: str) -> str:
    """The address of a file beside the page; it never leads to another scheme."""
    return html.escape(quote(name.encode("utf-8", "surrogatepass")))
