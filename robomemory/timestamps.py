"""When something happened: in which run of the robot's clock, and at what stamp of it."""

from __future__ import annotations

from typing import NamedTuple

FOREVER_NS = 2**63 - 1
MAX_RUN = 2**32 - 1
"""What the message of a note holds."""

MOST_AHEAD = 1_000_000
"""A note names no run so many beyond the one that the store is in: after the last number that there is, no
run could begin any more."""

WALL_NS = 10**18
"""Stamps from here on are those of a wall clock (2001 and later). A robot's own clock that begins at 0 gets
there after 31 years."""


class Moment(NamedTuple):
    """Stamp ``ns`` [ns] of the robot's clock in the run ``run``. A clock that begins at 0 with every run
    tells nothing about another run, so moments compare by their runs first: a later run is newer."""

    run: int
    ns: int


FOREVER = Moment(FOREVER_NS, FOREVER_NS)


def next_run(run: int, start_ns: int | None, new_start_ns: int) -> int:
    """The number of a run that begins at ``new_start_ns``, after the run ``run`` that began at ``start_ns``
    (None: nobody said when). A wall clock never begins anew: where both runs have its stamps they are one."""
    if start_ns is not None and start_ns >= WALL_NS and new_start_ns >= WALL_NS:
        return run
    return run + 1
