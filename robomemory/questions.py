"""What can be asked of a scene, besides recall: where, since when, what is inside, what has changed."""

from __future__ import annotations

from robomemory import checks
from robomemory.errors import InvalidQueryError
from robomemory.records import Query
from robomemory.scene import FOREVER_NS, Entity, Scene, SceneChange, Stay, Whereabouts
from robomemory.spatial import SpatialMemory


class SceneQuestions:
    """The part of ``RoboMemory`` that asks its spatial memory."""

    _spatial: SpatialMemory

    def _up_to_date(self) -> None:
        """Open, and knows what others have committed.

        Raises:
            MemoryClosedError, StoreError.
        """
        raise NotImplementedError

    def scene(self, at_ns: int | None = None, known_ns: int | None = None) -> Scene:
        """What is known of the scene now: things with positions, facts that hold, facts that ended.

        ``at_ns``: what was true then [ns, the robot's clock]. ``known_ns``: as it was believed then [ns, the
        clock of recording], before what was learned later.

        Raises:
            InvalidQueryError: a time is no whole number of nanoseconds.
        """
        self._up_to_date()
        if at_ns is None and known_ns is None:
            return self._spatial.snapshot()
        for name, value in (("at_ns", at_ns), ("known_ns", known_ns)):
            if value is not None:
                checks.stamp(f"scene: {name}", value, InvalidQueryError)
        return self._spatial.past.scene(at_ns, known_ns)

    def where_is(self, name: str) -> Whereabouts | None:
        """Where the thing called ``name`` is, None if none is known; see ``SpatialMemory.where_is``.

        Raises:
            InvalidQueryError: ``name`` is empty.
        """
        self._up_to_date()
        return self._spatial.where_is(Query(name).text)

    def where_was(self, name: str, at_ns: int | None = None) -> Whereabouts | None:
        """Where the thing called ``name`` was at ``at_ns`` [ns]; without a time, where it was before it came
        to where it is now. None if nothing is known of that. Raises as :meth:`where_is`."""
        entity = self._called(name)
        if entity is None:
            return None
        if at_ns is None:
            return self._spatial.past.before(entity)
        return self._spatial.past.where_was(
            entity, checks.stamp("where_was: at_ns", at_ns, InvalidQueryError)
        )

    def history(self, name: str) -> tuple[Stay, ...]:
        """Everywhere the thing called ``name`` has been, oldest first. Raises as :meth:`where_is`."""
        entity = self._called(name)
        return () if entity is None else self._spatial.past.stays(entity)

    def inside(self, name: str, at_ns: int | None = None) -> tuple[str, ...]:
        """Names of the things in the thing called ``name``, and in those, now or at ``at_ns`` [ns]. Raises
        as :meth:`where_is`."""
        entity = self._called(name)
        if entity is None:
            return ()
        if at_ns is None:
            return tuple(self._spatial.inside(entity.label))
        at_ns = checks.stamp("inside: at_ns", at_ns, InvalidQueryError)
        return tuple(self._spatial.past.inside(entity, at_ns))

    def changes(self, since_ns: int, until_ns: int | None = None) -> tuple[SceneChange, ...]:
        """What changed in the scene after ``since_ns`` [ns] and up to ``until_ns`` (None: now), oldest
        first.

        Raises:
            InvalidQueryError: a time is no whole number of nanoseconds.
        """
        self._up_to_date()
        until = FOREVER_NS if until_ns is None else until_ns
        first, last = (checks.stamp("changes [ns]", t, InvalidQueryError) for t in (since_ns, until))
        return self._spatial.past.changes(first, last)

    def _called(self, name: str) -> Entity | None:
        self._up_to_date()
        return self._spatial.called(Query(name).text)
