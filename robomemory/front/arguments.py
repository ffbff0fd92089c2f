"""Errors name the argument that was typed, not the field that it ends up in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from robomemory.errors import InvalidNoteError, InvalidQueryError

_INNER = re.compile(r"^(?:notes\[(\d+)\](?:\.|: ))?(?:(?:MemoryRecord|Note|Query)(?:\.|: ))?")


@contextmanager
def arguments_of(
    call: str, names: Mapping[str, str] | None = None, *, items: Mapping[int, str] | None = None
) -> Iterator[None]:
    """Within it an error about a note or a query is about the arguments of ``call``; ``names`` {field:
    argument} where they differ, ``items`` {index of a note: the argument that it came from}."""
    try:
        yield
    except (InvalidNoteError, InvalidQueryError) as error:
        said = str(error)
        found = _INNER.match(said)
        if found is None or not found[0]:
            raise
        rest = said[found.end() :]
        for field, argument in (names or {}).items():
            rest = re.sub(rf"^{field}\b", argument, rest)
        index = -1 if found[1] is None else int(found[1])
        item = (items or {}).get(index, "")
        raise type(error)(f"{call}: {item}{rest}") from error
