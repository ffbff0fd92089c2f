"""Where a shared memory is: ``postgresql://robot@host:5432/database?scene=kitchen``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from robomemory.checks import shown
from robomemory.errors import StoreError
from robomemory.store.postgres.secrets import conceal, spellings

SCHEMES = ("postgresql://", "postgres://")
SCENE = "scene"
ON_A_SERVER = (
    "a memory on a server is copied with the server's own pg_dump; 'vista memory export' writes records"
)


def is_url(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` says a database rather than a file."""
    said = os.fspath(path)
    return isinstance(said, str) and said.strip().casefold().startswith(SCHEMES)


def with_scene(url: str, scene: str) -> str:
    """``url`` with ``?scene=``; one that names a scene already keeps it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise StoreError("the memory's URL can't be read: its host or port is malformed") from None
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
    secrets: frozenset[str] = field(repr=False, default=frozenset())

    @classmethod
    def parse(cls, url: str) -> Address:
        """The address in ``url``; whatever libpq takes may stand in it, and ``scene`` (default "scene").

        Raises:
            StoreError: no URL of a database, or ``scene`` can't be a name. The URL is not repeated: there may
                be a password in it.
        """
        url = url.strip()
        try:
            parts = urlsplit(url)
            _check_spelling(url, parts.netloc)
            parts.port  # noqa: B018  (checks it)
        except ValueError:
            raise StoreError("the memory's URL can't be read: its host or port is malformed") from None
        query = parse_qsl(parts.query, keep_blank_values=True)
        said = dict(query)
        scene = said.get(SCENE, "scene")
        if not re.fullmatch(r"[\w-]{1,50}", scene) or len(f"memory_{scene}".encode()) > _LONGEST:
            raise StoreError(
                f"scene {shown(scene)} in the memory's URL: allowed are 1 to 50 letters, digits, '-', '_',"
                f" and {_LONGEST - len('memory_')} bytes"
            )
        plain = urlunsplit(
            parts._replace(query=urlencode([q for q in query if q[0] != SCENE], quote_via=quote), fragment="")
        )
        host = parts.hostname or said.get("host") or os.environ.get("PGHOST") or "local socket"
        port = parts.port or said.get("port") or os.environ.get("PGPORT")
        database = (
            parts.path.lstrip("/") or said.get("dbname") or os.environ.get("PGDATABASE") or "default database"
        )
        where = f"{host}:{port}" if port else host
        given = [parts.password, os.environ.get("PGPASSWORD"), os.environ.get("PGSSLPASSWORD")]
        given += [value for key, value in query if "pass" in key.casefold() or "secret" in key.casefold()]
        secrets = frozenset(each for one in given if one for each in spellings(one))
        name = conceal(_in_one_line(f"postgresql://{where}/{database} (scene {scene})"), secrets)
        return cls(plain, name, f"memory_{scene}", secrets)

    def conceal(self, text: object) -> str:
        """``text`` in one line, without a password."""
        return conceal(_in_one_line(conceal(str(text), self.secrets)), self.secrets)


_LONGEST = 63  # bytes of a name in PostgreSQL, which cuts longer ones, so that two would be one


def _check_spelling(url: str, netloc: str) -> None:
    """Refuses what one library reads as a part of the password and another one as a host, a name, a setting.
    Nothing of it is repeated."""
    if any(not c.isprintable() or c.isspace() for c in url):
        raise StoreError(
            "the memory's URL can't be read: white space and control characters have to be written as %20 or"
            " the like"
        )
    rest = url.split("://", 1)[1][len(netloc) :]
    if "@" in rest.split("?")[0] or netloc.count("@") > 1 or ("@" in rest and "@" not in netloc):
        raise StoreError(
            "the memory's URL can't be read: '@', '/', '?' and '#' in a user or password have to be written"
            " as %40, %2F, %3F and %23"
        )
    if "#" in rest:
        raise StoreError("the memory's URL can't be read: '#' has to be written as %23")
    if re.search(r"%(?![0-9A-Fa-f]{2})", url) or "%00" in url:
        raise StoreError(
            "the memory's URL can't be read: a '%' is not followed by the two digits of a character"
        )


def _in_one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
