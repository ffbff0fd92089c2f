"""The moments that a question means: "an hour ago", "yesterday", "since I left"."""

from __future__ import annotations

from robomemory.asking.times import S, TimeKind, TimeSaid, is_wall, midnight_ns, span_words
from robomemory.belief.relations import RELATIONS
from robomemory.errors import InvalidQueryError
from robomemory.memory import RoboMemory
from robomemory.names import name_key, thing_name
from robomemory.timestamps import FOREVER_NS, Moment

PERSONS = ("person", "human", "user", "operator", "i", "me", "somebody", "someone", "owner")
"""What a note calls the one who asks, where it says that they left."""

LEAVING = frozenset(
    RELATIONS.meaning(wording).relation
    for wording in (
        "left", "leaves", "has left", "is leaving", "left from", "went out of", "goes out of", "exited",
        "exits",        "departed from", "walked out of", "went away from",
    )
)  # fmt: skip
DAY_NS = 86_400 * S


class Since:
    """Moments of ``memory``, whose newest one is ``now``; ``since_ns`` as the caller said it, or None."""

    def __init__(self, memory: RoboMemory, now: Moment, since_ns: int | None) -> None:
        self._memory, self._said = memory, since_ns
        # A wall clock goes on while nothing is told: an hour ago is an hour before this call.
        self.now = Moment(now.run, max(now.ns, memory.clock_ns())) if is_wall(now) else now

    def at(self, said: TimeSaid) -> tuple[Moment, str]:
        """(the moment that ``said`` means, how it is said in a sentence).

        Raises:
            InvalidQueryError: the clock of this memory can't tell it.
        """
        now = self.now
        if said.kind is TimeKind.AGO:
            ns = now.ns - said.ns
            if ns < 0:
                return Moment(
                    now.run, 0
                ), f"at the beginning of run {now.run} (it is {span_words(now.ns)} old)"
            return Moment(now.run, ns), f"{span_words(said.ns)} ago"
        if said.kind is TimeKind.STAMP:
            return Moment(now.run, said.ns), f"at {said.ns / S:g} s"
        if said.kind is TimeKind.DAY:
            midnight = self._midnight(said.ns)
            if said.since or said.ns == 0:
                return Moment(now.run, midnight), "today" if said.ns == 0 else "since yesterday"
            return Moment(now.run, midnight + DAY_NS - 1), "at the end of yesterday"
        if said.kind is TimeKind.RUN:
            if said.ns and not said.since:
                return Moment(max(0, now.run - 1), FOREVER_NS), "at the end of the run before this one"
            return self._run_began()
        if said.kind is TimeKind.LEFT:
            return self._left(said.who)
        raise InvalidQueryError(f"ask: {said.kind!r} is no moment")

    def since(self, said: TimeSaid | None) -> tuple[Moment, str]:
        """(the moment after which changes count, how it is said). Without a time: what the caller said, else
        a day for a wall clock and this run for any other. Raises as :meth:`at`."""
        if said is not None and said.kind is TimeKind.RUN and said.ns:
            return Moment(max(0, self.now.run - 2), FOREVER_NS), "since the run before this one began"
        if said is not None and said.kind not in (TimeKind.BEFORE, TimeKind.EVER, TimeKind.FIRST):
            at, words = self.at(said)
            if said.since and words.endswith(" ago"):
                words = f"in the last {words.removesuffix(' ago')}"
            elif said.since and not words.startswith("since"):
                words = f"since {words.removeprefix('at ')}"
            return at, words
        if self._said is not None:
            return Moment(self.now.run, self._said), f"since {self._said / S:g} s"
        if is_wall(self.now):
            return Moment(self.now.run, max(0, self.now.ns - DAY_NS)), "in the last 24 hours"
        return self._run_began()

    def _run_began(self) -> tuple[Moment, str]:
        """The last moment before this run: what it began with at stamp 0 is among its changes."""
        run = self.now.run
        if run == 0:
            return Moment(0, -1), "since the beginning"
        return Moment(run - 1, FOREVER_NS), f"since run {run} began"

    def _left(self, who: str) -> tuple[Moment, str]:
        names = (who,) if who else PERSONS
        asked = {name_key(thing_name(n)) for n in names}
        left = [
            at
            for name in names
            for thing in self._memory.named(name)
            if name_key(thing.name) in asked
            if (at := self._memory.last_said(thing, LEAVING)) is not None
        ]
        if left:
            return max(left), f"since {who or 'you'} left"
        if self._said is not None:
            return Moment(self.now.run, self._said), f"since {self._said / S:g} s"
        if who or not self._earlier_run():
            person = who or "person"
            raise InvalidQueryError(
                f"ask: no record says when {who or 'you'} left; say since_ns, or relate({person!r}, "
                f"'left', …)"
            )
        at, _ = self._run_began()
        return at, "since the end of the run before this one"

    def _earlier_run(self) -> bool:
        run = self.now.run
        return run > 1 or any(thing.run < run for thing in self._memory.scene().objects)

    def _midnight(self, days_back: int) -> int:
        if not is_wall(self.now):
            raise InvalidQueryError(
                "ask: the robot's clock begins anew with every run and knows no days; say since_ns, or"
                " 'in this run'"
            )
        return midnight_ns(self.now.ns, days_back)
