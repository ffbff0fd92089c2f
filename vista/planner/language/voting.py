"""Votes with red flags for steps that go wrong easily (MAKER, arXiv 2511.09030, first-to-ahead-by-k).

Samples are drawn until one answer leads the next one by k. A malformed or overlong sample is a sign of a
model that has lost its way: it is discarded, not repaired. With p the chance that a sample is right and two
answers to choose from, the vote is right with 1 / (1 + ((1 - p) / p)^k).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from vista.errors import InvalidValueError, VistaError
from vista.planner.language.answers import MalformedAnswerError

T = TypeVar("T")


class NoMajorityError(VistaError):
    """No answer was ahead far enough within the samples that were allowed; the message holds the count."""


@dataclass(frozen=True, slots=True)
class Vote(Generic[T]):
    """The ``winner``, the ``counts`` by key, and why samples were ``flagged``."""

    winner: T
    counts: Mapping[str, int]
    flagged: tuple[str, ...] = field(default=())

    @property
    def samples(self) -> int:
        return sum(self.counts.values()) + len(self.flagged)


def first_to_ahead_by(
    ahead: int, sample: Callable[[int], T], key: Callable[[T], str], *, most: int, workers: int = 4
) -> Vote[T]:
    """The answer that is first ``ahead`` votes in front of every other.

    Samples are drawn in parallel, never more at once than are needed at least, and counted in the order of
    their numbers, so that the result depends on the samples alone.

    Args:
        sample: Draws sample number i; a MalformedAnswerError red-flags it, any other error ends the vote.
        key: What two answers share that are one vote.
        most: Samples allowed, red-flagged ones included.

    Raises:
        NoMajorityError: none is ahead after ``most`` samples.
    """
    if ahead < 1 or most < ahead or workers < 1:
        raise InvalidValueError(
            f"vote: ahead by {ahead} in at most {most} samples, {workers} at once; "
            "expected 1 <= ahead <= most"
        )
    counts: Counter[str] = Counter()
    first: dict[str, T] = {}
    flagged: list[str] = []
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="vote") as pool:
        drawn = 0
        while drawn < most:
            batch = min(_needed(counts, ahead), most - drawn, workers)
            futures = [pool.submit(sample, drawn + i) for i in range(batch)]
            drawn += batch
            for future in futures:
                try:
                    answer = future.result()
                except MalformedAnswerError as error:
                    flagged.append(str(error))
                    continue
                name = key(answer)
                first.setdefault(name, answer)
                counts[name] += 1
            if _needed(counts, ahead) == 0:
                winner = counts.most_common(1)[0][0]
                return Vote(first[winner], dict(counts), tuple(flagged))
    told = ", ".join(f"{n} x {name!r}" for name, n in counts.most_common(5)) or "no valid answer"
    why = f"; last red flag: {flagged[-1]}" if flagged else ""
    if flagged and flagged[0] != flagged[-1]:
        why += f"; first: {flagged[0]}"
    raise NoMajorityError(
        f"no answer is ahead by {ahead} after {drawn} samples ({len(flagged)} red-flagged): {told}{why}"
    )


def _needed(counts: Counter[str], ahead: int) -> int:
    """How many further votes the leader needs at least."""
    best = [n for _, n in counts.most_common(2)] + [0, 0]
    return max(0, ahead - (best[0] - best[1]))
