"""Several memories' answers into one, within a deadline."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import TypeVar

from robomemory.records import MemoryKind, MemoryRecord, Recall, RecallResult
from robomemory.update_protocol import Asked

_log = logging.getLogger(__name__)
T = TypeVar("T")


def collect(
    jobs: Mapping[MemoryKind, Future[T]], deadline: float, timeout_s: float, doing: str
) -> tuple[dict[MemoryKind, T], dict[MemoryKind, str]]:
    """The answers that were ready at ``deadline`` [s, time.monotonic], and why the others are missing.
    ``timeout_s`` and ``doing`` are for the message. A job that has not started by then is cancelled."""
    wait(set(jobs.values()), timeout=max(0.0, deadline - time.monotonic()))
    ready: dict[MemoryKind, T] = {}
    missing: dict[MemoryKind, str] = {}
    for kind, job in jobs.items():
        if not job.done() or job.cancelled():
            job.cancel()
            missing[kind] = f"{doing} took longer than {timeout_s} s"
        elif (error := job.exception()) is not None:
            _log.error("%s memory: %s failed", kind, doing, exc_info=error)
            missing[kind] = f"{doing} failed: {error}"
        else:
            ready[kind] = job.result()
    return ready, missing


RANK = 60
"""The constant of reciprocal-rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

AGE_WEIGHT = 0.1
"""Likeness and words say what fits; age only decides between what fits about as well."""


def reciprocal(likeness: Sequence[int], words: Sequence[int], age: Sequence[int]) -> list[int]:
    """The keys of three rankings in one order, best first, by the sum of 1 / (60 + rank). A key that is
    missing in a ranking gets nothing from it; age weighs :data:`AGE_WEIGHT`."""
    total: dict[int, float] = {}
    for ranking, weight in ((likeness, 1.0), (words, 1.0), (age, AGE_WEIGHT)):
        for place, key in enumerate(ranking):
            total[key] = total.get(key, 0.0) + weight / (RANK + place)
    return sorted(total, key=lambda key: -total[key])


def _newest_first(record: MemoryRecord) -> tuple[int, int]:
    run, ns = record.moment
    return -run, -ns


def merge(
    asked: Sequence[Asked],
    answers: Mapping[MemoryKind, Sequence[Sequence[Recall]]],
    missing: Mapping[MemoryKind, str],
) -> RecallResult:
    """One list, best first: of each query the best record of each memory, then the best of the rest, up to
    its k. Scores of different memories are not the same measure, so each memory gets a word in."""
    best: dict[int, Recall] = {}
    for i, question in enumerate(asked):
        ranked = [
            (place > 0, -recall.score, recall)
            for answer in answers.values()
            for place, recall in enumerate(answer[i])
        ]
        if question.query.text:
            ranked.sort(key=lambda entry: entry[:2])
        else:  # all fit equally well, whatever memory they are of
            ranked.sort(key=lambda entry: (entry[1], *_newest_first(entry[2].record)))
        for _, _, recall in ranked[: question.k]:
            known = best.get(recall.record.id)
            if known is None or recall.score > known.score:
                best[recall.record.id] = recall
    ordered = sorted(best.values(), key=lambda r: (-r.score, *_newest_first(r.record), r.record.id))
    partial = bool(missing)
    return RecallResult((replace(r, rank=i, partial=partial) for i, r in enumerate(ordered)), missing)
