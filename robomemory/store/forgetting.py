"""Which records to forget: typed rules, and the test of a query that both stores make."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from robomemory import checks
from robomemory.errors import InvalidQueryError
from robomemory.records import MemoryKind, Query, check_kinds
from robomemory.store.queries import tokens
from robomemory.timestamps import Moment
from robomemory.update_protocol import Change, RecordRow


@dataclass(frozen=True, slots=True)
class ForgetChoice:
    """Which records to forget: those that every given rule chooses, of ``kinds`` (None: of all).

    ``before_ns``: older than this stamp [ns, the robot's clock] of the run ``run`` (None: the run that the
    store is in); records of earlier runs are older. ``keep``: all but the newest so many of each kind;
    ``query``: whose texts and names hold all words of its text, within its place and time; ``ids``: these;
    ``everything``: all.

    Raises:
        InvalidQueryError: no rule is given, one is out of range, or one chooses nothing or everything by
            accident: no kind, no id, a query without a word.
    """

    kinds: Collection[str] | None = None
    before_ns: int | None = None
    keep: int | None = None
    query: Query | None = None
    ids: Collection[int] | None = None
    everything: bool = False
    run: int | None = None

    def __post_init__(self) -> None:
        err = InvalidQueryError
        if not isinstance(self.everything, bool):
            raise err(f"forget: everything {checks.shown(self.everything)}, expected True or False")
        if not self.everything and all(
            rule is None for rule in (self.before_ns, self.keep, self.query, self.ids)
        ):
            raise err(
                "forget: no rule given; expected at least one of before_ns, keep, query, ids, everything"
            )
        if self.before_ns is not None:
            object.__setattr__(self, "before_ns", checks.stamp("forget: before_ns [ns]", self.before_ns, err))
        if self.run is not None and self.before_ns is None:
            raise err(
                f"forget: run {checks.shown(self.run)} without before_ns, which is a time of it; a query"
                " names the run of its span"
            )
        if self.run is not None:
            object.__setattr__(self, "run", checks.run("forget: run", self.run, err))
        if self.keep is not None:
            keep = checks.whole("forget: keep", self.keep, 2**63 - 1, "2**63 - 1", "records", err)
            object.__setattr__(self, "keep", keep)
        if self.ids is not None:
            object.__setattr__(self, "ids", keys_of("forget: ids", self.ids))
        asked = check_kinds("forget: kinds", self.kinds)
        if self.query is not None:
            asked = self._with_query(self.query, asked)
        object.__setattr__(self, "kinds", asked)

    def _with_query(self, query: object, asked: frozenset[MemoryKind]) -> frozenset[MemoryKind]:
        """The kinds that the call and its query agree on; the query is checked."""
        err = InvalidQueryError
        if not isinstance(query, Query):
            raise err(f"forget: query {checks.shown(query)}, expected a text or a Query")
        if not tokens(query.text):
            raise err(
                f"forget: query {checks.shown(query.text)} holds no word of letters or digits, which would"
                " choose every record; say which words, or everything=True"
            )
        if query.k is not None:
            raise err(f"forget: query with k {query.k}: all records that fit are forgotten, so leave k out")
        if query.filtered or query.box is not None or query.min_score:
            raise err(
                "forget: a query chooses by text, kinds, near and between; find what has that box, relation,"
                " source, metadata or score, and forget it by ids"
            )
        mine = frozenset(MemoryKind(kind) for kind in query.kinds or ())
        if asked and mine and not asked & mine:
            raise err("forget: the kinds of the call and of its query have none in common")
        return asked & mine if asked and mine else asked | mine

    @property
    def before(self) -> Moment | None:
        """``before_ns`` as a moment of its run."""
        return None if self.before_ns is None else Moment(self.run or 0, self.before_ns)


def keys_of(where: str, ids: object) -> frozenset[int]:
    """``ids`` as keys of records, one at least.

    Raises:
        InvalidQueryError: they are none; ``where`` names them.
    """
    err = InvalidQueryError
    if isinstance(ids, str | bytes | Mapping) or not isinstance(ids, Iterable):
        raise err(f"{where} {checks.shown(ids)}, expected keys of records")
    keys = frozenset(checks.whole(where, i, 2**63 - 1, "2**63 - 1", "keys of records", err) for i in ids)
    if not keys:
        raise err(f"{where} is empty, which chooses no record; name at least one")
    return keys


@dataclass(frozen=True, slots=True)
class Forgotten:
    """``ids`` of the records that are gone, by kind."""

    ids: dict[MemoryKind, list[int]]

    @property
    def every(self) -> list[int]:
        """The keys of all of them, in order."""
        return sorted(key for keys in self.ids.values() for key in keys)

    def __len__(self) -> int:
        return sum(map(len, self.ids.values()))


@dataclass(frozen=True, slots=True)
class Consequences:
    """What follows from forgetting: the ``graph`` without it, ``lines`` that were drawn from it and are drawn
    anew, and the lines ``emptied`` of all that they were drawn from."""

    graph: Change
    lines: tuple[RecordRow, ...] = ()
    emptied: tuple[int, ...] = ()


def holds(query: Query) -> Callable[..., bool]:
    """Whether a record (text, names and triple as JSON, x, y, z) holds all words of ``query`` and lies in its
    ball."""
    wanted = set(tokens(query.text))

    def says(text: str, names: str, triple: str, x: float | None, y: float | None, z: float | None) -> bool:
        if not wanted <= {*tokens(text), *tokens(names), *tokens(triple)}:
            return False
        if query.near is None:
            return True
        if x is None or y is None or z is None:
            return False
        center, radius = query.near
        return math.dist((x, y, z), center) <= radius

    return says
