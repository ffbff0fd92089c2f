"""Where a shared memory is: ``postgresql://robot@host:5432/database?scene=kitchen``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from robomemory.errors import StoreError

SCHEMES = ("postgresql://", "postgres://")
SCENE = "scene"


def is_url(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` says a database rather than a file."""
    return os.fspath(path).startswith(SCHEMES)


def with_scene(url: str, scene: str) -> str:
    """``url`` with ``?scene=``; one that names a scene already keeps it."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if not any(key == SCENE for key, _ in query):
        query.append((SCENE, scene))
    return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))


@dataclass(frozen=True, slots=True)
class Address:
    """``conninfo`` is what libpq is given, password and all, and is never shown; ``name`` says host, port and
    database, without any secret. ``schema`` is the PostgreSQL schema that holds the scene's tables."""

    conninfo: str = field(repr=False)
    name: str
    schema: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """The address in ``url``; whatever libpq takes may stand in it, and ``scene`` (default "scene").

        Raises:
            StoreError: no URL of a database, or ``scene`` can't be a name. The URL is not repeated: there may
                be a password in it.
        """
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018  (checks it)
        except ValueError as error:
            raise StoreError("the memory's URL can't be read: its host or port is malformed") from error
        query = parse_qsl(parts.query, keep_blank_values=True)
        said = dict(query)
        scene = said.get(SCENE, "scene")
        if not re.fullmatch(r"[\w-]{1,50}", scene):
            raise StoreError(
                f"scene {scene!r} in the memory's URL: allowed are 1 to 50 letters, digits, '-', '_'"
            )
        plain = urlunsplit(
            parts._replace(query=urlencode([q for q in query if q[0] != SCENE], quote_via=quote))
        )
        host = parts.hostname or said.get("host") or os.environ.get("PGHOST") or "local socket"
        port = parts.port or said.get("port") or os.environ.get("PGPORT")
        database = (
            parts.path.lstrip("/") or said.get("dbname") or os.environ.get("PGDATABASE") or "default database"
        )
        where = f"{host}:{port}" if port else host
        return cls(plain, f"postgresql://{where}/{database} (scene {scene})", f"memory_{scene}")
