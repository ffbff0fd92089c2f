"""What can be asked of a scene, besides recall: where, since when, what is inside, what has changed."""

from __future__ import annotations

from collections.abc import Callable, Collection

from robomemory import checks
from robomemory.belief.relations import RELATIONS
from robomemory.errors import InvalidQueryError
from robomemory.graph.history import History
from robomemory.graph.scene import Entity, SceneChange, SceneGraph, Stay, Whereabouts
from robomemory.graph.spatial import SpatialMemory
from robomemory.names import PLACE, SAME
from robomemory.records import MemoryKind, MemoryRecord, Query
from robomemory.timestamps import FOREVER, Moment


def holding(relations: object) -> frozenset[str]:
    """``relations`` in their usual words: "in", "on", "held by".

    Raises:
        InvalidQueryError: one is another relation, or there is none.
    """
    given = checks.names("inside: relations", relations, InvalidQueryError)
    meant = [RELATIONS.meaning(said) for said in given]
    wrong = [s for s, m in zip(given, meant, strict=True) if m.relation not in PLACE or m.turned or m.denied]
    if wrong or not given:
        raise InvalidQueryError(
            f"inside: relations {checks.shown(wrong or relations)}, allowed are {', '.join(sorted(PLACE))}"
        )
    return frozenset(m.relation for m in meant)


class SceneQuestions:
    """Asks the ``spatial`` memory. A time is a stamp of the robot's clock [ns] in the run ``run`` (None: in
    the run that the store is in, which ``current_run`` gives).

    Args:
        up_to_date: Checks that the memory is open and brings it up to what others have committed; raises
            MemoryClosedError, StoreError.
    """

    def __init__(
        self, spatial: SpatialMemory, current_run: Callable[[], int], up_to_date: Callable[[], None]
    ) -> None:
        self._spatial, self._run, self._up_to_date = spatial, current_run, up_to_date

    def scene(
        self, at_ns: int | None = None, known_ns: int | None = None, *, run: int | None = None
    ) -> SceneGraph:
        """What is known of the scene now: things with positions, facts that hold, facts that ended.

        ``at_ns``: what was true then [ns, the robot's clock]. ``known_ns``: as it was believed then [ns, the
        clock of recording], before what was learned later.

        Raises:
            InvalidQueryError: a time is no whole number of nanoseconds, or ``run`` is given without one.
        """
        self._up_to_date()
        then = self._maybe("scene: at_ns", at_ns, run)
        if then is None and known_ns is None:
            return self._spatial.snapshot()
        at = FOREVER if then is None else then
        if known_ns is not None:
            known_ns = checks.stamp("scene: known_ns", known_ns, InvalidQueryError)
        return self._spatial.past.scene(at, known_ns)

    def moment(self, where: str, ns: object, run: object) -> Moment:
        """The moment ``ns`` [ns] of ``run``; ``where`` names both in messages ("method: argument").

        Raises:
            InvalidQueryError: one of them is no such number.
        """
        stamp = checks.stamp(where, ns, InvalidQueryError)
        if run is None:
            return Moment(self._run(), stamp)
        return Moment(checks.run(f"{where.partition(':')[0]}: run", run, InvalidQueryError), stamp)

    def _maybe(self, where: str, ns: object, run: object) -> Moment | None:
        """None for no time; a run without a time of it would be left out without a word."""
        if ns is not None:
            return self.moment(where, ns, run)
        if run is not None:
            method, _, name = where.partition(": ")
            raise InvalidQueryError(
                f"{method}: run {checks.shown(run)} without {name}, which is a time of it"
            )
        return None

    def where_is(self, name: str) -> Whereabouts | None:
        """Where the thing called ``name`` is, None if none is known; see ``SpatialMemory.where_is``.

        Raises:
            InvalidQueryError: ``name`` is empty.
        """
        self._up_to_date()
        return self._spatial.where_is(Query(name).text)

    def where_was(self, name: str, at_ns: int | None = None, *, run: int | None = None) -> Whereabouts | None:
        """Where the thing called ``name`` was at ``at_ns`` [ns]; without a time, where it was before it came
        to where it is now. None if nothing is known of that. Raises as :meth:`where_is`."""
        entity = self.called(name)
        at = self._maybe("where_was: at_ns", at_ns, run)
        if entity is None:
            return None
        past = self._spatial.past
        return past.before(entity) if at is None else past.where_was(entity, at)

    def history(self, name: str) -> tuple[Stay, ...]:
        """Everywhere the thing called ``name`` has been, oldest first. Raises as :meth:`where_is`."""
        entity = self.called(name)
        return () if entity is None else self._spatial.past.stays(entity)

    def inside(
        self, name: str, at_ns: int | None = None, *, run: int | None = None,
        relations: Collection[str] = ("in",),
    ) -> tuple[str, ...]:  # fmt: skip
        """Names of the things in the thing called ``name``, and in those, now or at ``at_ns`` [ns];
        ``relations``: which of "in", "on" and "held by" count. Raises as :meth:`where_is`."""
        wanted = holding(relations)
        entity = self.called(name)
        at = self._maybe("inside: at_ns", at_ns, run)
        if entity is None:
            return ()
        if at is None:
            return tuple(self._spatial.inside(entity.label, wanted))
        return tuple(self._spatial.past.inside(entity, at, wanted))

    def changes(
        self, since_ns: int, until_ns: int | None = None, *, run: int | None = None
    ) -> tuple[SceneChange, ...]:
        """What changed in the scene after ``since_ns`` [ns] and up to ``until_ns`` (None: now), oldest
        first.

        Raises:
            InvalidQueryError: a time is no whole number of nanoseconds, or the last is before the first.
        """
        self._up_to_date()
        since = self.moment("changes: since_ns", since_ns, run)
        until = FOREVER if until_ns is None else self.moment("changes: until_ns", until_ns, run)
        if until < since:
            raise InvalidQueryError(f"changes: until {until.ns} ns is before since {since.ns} ns")
        return self._spatial.past.changes(since, until)

    def named(self, name: str) -> list[Entity]:
        """Every thing that ``name`` may mean, seen last first. Raises as :meth:`where_is`."""
        self._up_to_date()
        found = self._spatial.all_called(Query(name).text)
        return sorted(found, key=lambda e: (e.last_seen, -e.ordinal), reverse=True)

    def candidates(self, name: str) -> list[Entity]:
        """As :meth:`named`, then the things whose names say more, seen last first."""
        found = self.named(name)
        more = [e for e in self._spatial.may_mean(Query(name).text) if e not in found]
        return [*found, *sorted(more, key=lambda e: (e.last_seen, -e.ordinal), reverse=True)]

    def now(self) -> Moment:
        """The newest moment of the current run that anything is known of; its stamp 0, if nothing is."""
        self._up_to_date()
        newest, run = self._spatial.newest, self._run()
        return newest if newest.run >= run else Moment(run, 0)

    @property
    def past(self) -> History:
        """What is asked of one thing's past; as new as what others have committed."""
        self._up_to_date()
        return self._spatial.past

    def called(self, name: str) -> Entity | None:
        """The thing called ``name``; None if none is known. Raises as :meth:`where_is`."""
        self._up_to_date()
        return self._spatial.called(Query(name).text)

    def same_thing(self, name: str, other: str, stamp_ns: int = 0, run: int | None = None) -> MemoryRecord:
        """The record that says that ``name`` and ``other`` are one thing, at ``stamp_ns`` of ``run`` (0: when
        one of them was seen last).

        Raises:
            InvalidQueryError: one of the names is empty, or means nothing that is known; or a bad time.
        """
        stamp_ns = checks.stamp("merge: stamp_ns", stamp_ns, InvalidQueryError)
        one, two = sorted((self._known(each) for each in (name, other)), key=lambda e: -e.id)
        at = self._spatial.may_be_said(one, two)
        if stamp_ns:
            at = self.moment("merge: stamp_ns", stamp_ns, run)
        elif run is not None:
            raise InvalidQueryError(f"merge: run {checks.shown(run)} without stamp_ns, which is a time of it")
        text = f"{one.label} is the same thing as {two.label}"[: checks.MAX_TEXT]
        triple = (one.label, SAME, two.label)
        return MemoryRecord(0, MemoryKind.SPATIAL, at.ns, text, (), None, triple, 1.0, "merge", at.run)

    def _known(self, name: str) -> Entity:
        entity = self.called(name)
        if entity is None:
            raise InvalidQueryError(f"merge: nothing known is called {checks.shown(name)}")
        return self._spatial.told_of(name, entity)
