"""What can be asked of a scene, besides recall: where, since when, what is inside, what has changed."""

from __future__ import annotations

from robomemory import checks
from robomemory.errors import InvalidQueryError
from robomemory.graph.scene import Entity, SceneChange, SceneGraph, Stay, Whereabouts
from robomemory.graph.spatial import SpatialMemory
from robomemory.records import Query
from robomemory.timestamps import FOREVER, Moment


class SceneQuestions:
    """The part of ``RoboMemory`` that asks its spatial memory. A time is a stamp of the robot's clock [ns] in
    the run ``run`` (None: in the run that the store is in)."""

    _spatial: SpatialMemory

    def _run(self) -> int:
        """The run that the store is in."""
        raise NotImplementedError

    def _up_to_date(self) -> None:
        """Open, and knows what others have committed.

        Raises:
            MemoryClosedError, StoreError.
        """
        raise NotImplementedError

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

    def _moment(self, where: str, ns: object, run: object) -> Moment:
        stamp = checks.stamp(where, ns, InvalidQueryError)
        if run is None:
            return Moment(self._run(), stamp)
        return Moment(checks.run(f"{where.partition(':')[0]}: run", run, InvalidQueryError), stamp)

    def _maybe(self, where: str, ns: object, run: object) -> Moment | None:
        """None for no time; a run without a time of it would be left out without a word."""
        if ns is not None:
            return self._moment(where, ns, run)
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
        entity = self._called(name)
        at = self._maybe("where_was: at_ns", at_ns, run)
        if entity is None:
            return None
        past = self._spatial.past
        return past.before(entity) if at is None else past.where_was(entity, at)

    def history(self, name: str) -> tuple[Stay, ...]:
        """Everywhere the thing called ``name`` has been, oldest first. Raises as :meth:`where_is`."""
        entity = self._called(name)
        return () if entity is None else self._spatial.past.stays(entity)

    def inside(self, name: str, at_ns: int | None = None, *, run: int | None = None) -> tuple[str, ...]:
        """Names of the things in the thing called ``name``, and in those, now or at ``at_ns`` [ns]. Raises
        as :meth:`where_is`."""
        entity = self._called(name)
        at = self._maybe("inside: at_ns", at_ns, run)
        if entity is None:
            return ()
        if at is None:
            return tuple(self._spatial.inside(entity.label))
        return tuple(self._spatial.past.inside(entity, at))

    def changes(
        self, since_ns: int, until_ns: int | None = None, *, run: int | None = None
    ) -> tuple[SceneChange, ...]:
        """What changed in the scene after ``since_ns`` [ns] and up to ``until_ns`` (None: now), oldest
        first.

        Raises:
            InvalidQueryError: a time is no whole number of nanoseconds, or the last is before the first.
        """
        self._up_to_date()
        since = self._moment("changes: since_ns", since_ns, run)
        until = FOREVER if until_ns is None else self._moment("changes: until_ns", until_ns, run)
        if until < since:
            raise InvalidQueryError(f"changes: until {until.ns} ns is before since {since.ns} ns")
        return self._spatial.past.changes(since, until)

    def _called(self, name: str) -> Entity | None:
        self._up_to_date()
        return self._spatial.called(Query(name).text)
