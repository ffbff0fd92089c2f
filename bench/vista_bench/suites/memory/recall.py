"""Cell ``recall`` of suite ``memory``: how often the right record comes back, by the truth of a long run.

Success is the right record first; ``recall_at_5`` among the first five, as a question about several things
has several answers, each looked for. All methods are told and asked the same, through ``recall`` alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from robomemory.embed.available import default_embedder
from robomemory.embed.embedder import CachedEmbedder
from robomemory.memory import RoboMemory
from robomemory.memory_parts import MemoryParts
from robomemory.names import normal_name
from robomemory.records import MemoryKind, MemoryRecord, Query
from robomemory.vectors.index import VectorIndex
from vista_bench.jobs import EpisodeJob
from vista_bench.results import Counted, Episode, wilson
from vista_bench.suites.base import BenchSettings, Cell, Opener, Suite, seeds_of
from vista_bench.suites.memory.house import THINGS, HouseQuestion, make_run

K = 5
KINDS = ("location", "time", "relation", "identifier", "latest")
Options = Mapping[str, bool]
"""What is left out, as :meth:`MemoryParts.build` takes it."""

OPTIONS: Mapping[str, Options | None] = {
    "robomemory": {},
    "no-validity": {"validity": False},
    "no-merging": {"merging": False},
    "no-words": {"lexical": False},
    "no-age": {"recency": False},
    "vectors": None,  # a plain vector store: every text with its time, nothing else
}
_NAMES = {**{other: thing for thing, other in THINGS.items()}, **{t.split()[-1]: t for t in THINGS}}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallEpisode(Episode):
    """One run: of the questions that were ``asked`` {kind: number}, those answered by the ``first`` record
    and by the first ``five``."""

    first: Mapping[str, int]
    five: Mapping[str, int]
    asked: Mapping[str, int]


class RecallCell(Suite[RecallEpisode]):
    name = "memory"
    kind = RecallEpisode
    cells = ("recall",)
    methods = tuple(OPTIONS)
    default_cells = cells
    default_methods = methods
    default_episodes = 20
    whole = True  # questions are counted, not runs: a missing run would change the questions

    def seeds(self, settings: BenchSettings, cell: str, count: int) -> Sequence[int]:
        return seeds_of(settings, count)

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        return {"options": str(OPTIONS[method]), "embedder": _embedder().name}

    def opener(self, cell: str) -> Opener[RecallEpisode]:
        return open_recall

    def describe(self, found: Sequence[Counted[RecallEpisode]]) -> Cell:
        """Counted by questions, not by runs."""
        hits = {each: Counter[str]() for each in ("first", "five", "asked")}
        for each in found:
            hits["first"].update(each.episode.first)
            hits["five"].update(each.episode.five)
            hits["asked"].update(each.episode.asked)
        asked, first, five = (sum(hits[w].values()) for w in ("asked", "first", "five"))
        # What has several answers can't have them all first: it counts among five alone.
        single = asked - hits["asked"]["relation"]
        return {
            "runs": len(found),
            "n": single,
            "success_rate": first / single if single else None,
            "interval": list(wilson(first, single)),
            "recall_at_5": round(five / asked, 4) if asked else None,
            **{f"{k}_at_1": _share(hits["first"][k], hits["asked"][k]) for k in KINDS if k != "relation"},
            **{f"{k}_at_5": _share(hits["five"][k], hits["asked"][k]) for k in KINDS},
        }


def _share(hits: int, asked: int) -> float | None:
    return round(hits / asked, 3) if asked else None


@cache
def _embedder() -> CachedEmbedder:
    return CachedEmbedder(default_embedder(), size=50_000)


def open_recall(settings: BenchSettings) -> Callable[[EpisodeJob], RecallEpisode]:
    """One run is told and asked within one process; its texts are embedded once for all methods."""

    def run(job: EpisodeJob) -> RecallEpisode:
        story = make_run(job.seed)
        options = OPTIONS[job.method]
        ask = _plain(story.batches) if options is None else _remembering(story.batches, options)
        counts = {each: Counter[str]() for each in ("first", "five", "asked")}
        for question in story.questions:
            answer = ask(question)
            for right in question.right if question.all_of else question.right[:1]:
                places = [i for i, record in enumerate(answer) if _is(record, right)]
                counts["asked"][question.kind] += 1
                counts["first"][question.kind] += bool(places and places[0] == 0 and not question.all_of)
                counts["five"][question.kind] += bool(places)
        return RecallEpisode(
            success=True, first=dict(counts["first"]), five=dict(counts["five"]), asked=dict(counts["asked"])
        )

    return run


def _remembering(
    batches: Sequence[Sequence[MemoryRecord]], options: Options
) -> Callable[[HouseQuestion], list[MemoryRecord]]:
    memory = RoboMemory(
        ":memory:", embedder=_embedder(), make_parts=lambda made_from: MemoryParts.build(made_from, **options)
    )
    for batch in batches:
        memory.remember(batch)

    def ask(question: HouseQuestion) -> list[MemoryRecord]:
        kind = MemoryKind.EPISODIC if question.kind in ("identifier", "latest") else MemoryKind.SPATIAL
        between = (
            (question.at_ns, question.at_ns) if question.at_ns and options.get("validity", True) else None
        )
        query = Query(question.text, {kind}, K, None, between)
        return [item.record for item in memory.recall([query], timeout_s=60)]

    return ask


def _plain(batches: Sequence[Sequence[MemoryRecord]]) -> Callable[[HouseQuestion], list[MemoryRecord]]:
    records = [r for batch in batches for r in batch]
    index = VectorIndex(_embedder().dim)
    index.put(range(len(records)), _embedder().embed([f"{_clock(r.stamp_ns)}: {r.text}" for r in records]))

    def ask(question: HouseQuestion) -> list[MemoryRecord]:
        text = f"{_clock(question.at_ns)}: {question.text}" if question.at_ns else question.text
        (vector,) = _embedder().embed([text])
        return [records[key] for key, _ in index.search(vector, K)]

    return ask


def _clock(stamp_ns: int) -> str:
    minutes, seconds = divmod(stamp_ns // 10**9, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


def _is(record: MemoryRecord, right: tuple[str, ...]) -> bool:
    """Whether ``record`` is the right answer: (thing, place) of a sighting under any of the thing's names,
    (text,) or (text, stamp) of an episode."""
    if record.triple is not None:
        thing, _, place = record.triple
        name = normal_name(thing)
        return (_NAMES.get(name, name), place) == right
    return record.text == right[0] and (len(right) < 2 or str(record.stamp_ns) == right[1])
