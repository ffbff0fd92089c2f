"""A house in symbols: things that move, a robot that sees some of it, and questions answered by the truth.

The robot moves things itself and sees that; others move things behind its back, and it finds out when it
looks into the place. Its detector is unsure: a thing may be called by its noun alone ("mug") or by another
word for it ("cup"), which the robot is told once to mean the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robomemory.records import MemoryKind, MemoryRecord

S = 10**9
PLACES = {
    "tray": (0.5, -0.3, 0.0), "top drawer": (0.7, 0.3, 0.3), "bottom drawer": (0.7, 0.3, 0.1),
    "shelf": (0.2, 0.6, 0.5), "basket": (0.1, -0.6, 0.0), "sink": (0.9, 0.0, 0.0),
}  # fmt: skip
THINGS = {  # name -> another word for it
    "blue mug": "cup", "green bottle": "flask", "red bowl": "dish", "white plate": "saucer",
    "black pan": "skillet", "grey cloth": "rag", "yellow sponge": "scrubber", "silver spoon": "ladle",
}  # fmt: skip
STEPS = 160
STEP_S = 30
LOOSE = 0.15  # share of sightings under the noun alone
OTHER = 0.15  # and under the other word
SEEN = 0.7  # share of moves that the robot makes itself


@dataclass(frozen=True, slots=True)
class HouseQuestion:
    """``text`` about the time ``at_ns`` (0: now); right are answers with one of ``right`` in them; with
    ``all_of`` each of them is looked for by itself."""

    kind: str
    text: str
    right: tuple[tuple[str, ...], ...]
    at_ns: int = 0
    all_of: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """The records that the robot was given, one batch a step, and the questions at the end."""

    batches: tuple[tuple[MemoryRecord, ...], ...]
    questions: tuple[HouseQuestion, ...]


def make_run(seed: int) -> Run:
    """One long run and its questions, from ``seed`` alone."""
    return _House(np.random.default_rng(seed)).run()


class _House:
    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._places = list(PLACES)
        self._at = {thing: self._pick(self._places) for thing in THINGS}
        self._track: dict[str, list[tuple[int, str]]] = {t: [(0, p)] for t, p in self._at.items()}
        self._told: list[tuple[MemoryRecord, ...]] = []
        self._parcels: list[tuple[str, MemoryRecord]] = []  # code, record
        self._last_attempt: dict[str, MemoryRecord] = {}  # by the place
        self._now = S

    def run(self) -> Run:
        self._told.append(tuple(self._sighting(thing, thing) for thing in THINGS))
        self._told.append(tuple(self._same(thing, other) for thing, other in THINGS.items()))
        for step in range(STEPS):
            self._now += STEP_S * S
            batch = [self._parcel(step), self._attempt(step)]
            thing = self._pick(list(THINGS))
            place = self._pick([p for p in self._places if p != self._at[thing]])
            self._at[thing] = place
            self._track[thing].append((self._now, place))
            if self._rng.random() < SEEN:
                batch.append(self._sighting(thing, self._called(thing)))
            else:  # somebody else moved it; the robot looks into a place of its own choice
                looked = self._pick(self._places)
                inside = [each for each, where in self._at.items() if where == looked]
                batch += [self._sighting(each, self._called(each)) for each in inside]
            self._told.append(tuple(batch))
        self._now += STEP_S * S
        # A last look around, under either word.
        last = [(thing, self._pick([thing, other])) for thing, other in THINGS.items()]
        self._told.append(tuple(self._sighting(thing, called) for thing, called in last))
        return Run(tuple(self._told), tuple(self._questions()))

    def _pick(self, among: list[str]) -> str:
        return among[int(self._rng.integers(len(among)))]

    def _called(self, thing: str) -> str:
        chance = self._rng.random()
        if chance < LOOSE:
            return thing.split()[-1]
        return THINGS[thing] if chance < LOOSE + OTHER else thing

    def _sighting(self, thing: str, called: str) -> MemoryRecord:
        place = self._at[thing]
        offset = 0.06 * (list(THINGS).index(thing) - 3.5)  # each has its corner of a place
        jitter = self._rng.normal(0, 0.004, 3)
        x, y, z = np.array(PLACES[place]) + np.array((offset, 0.0, 0.0)) + jitter
        says = (called, "in", place)
        return MemoryRecord(
            0, MemoryKind.SPATIAL, self._now, f"the {called} is in the {place}", (called,),
            (float(x), float(y), float(z)), says, 0.9, "detector",
        )  # fmt: skip

    def _same(self, thing: str, other: str) -> MemoryRecord:
        text = f"a {other} is the same thing as the {thing}"
        return MemoryRecord(
            0, MemoryKind.SPATIAL, self._now, text, (), None, (other, "same as", thing), 1.0, "user"
        )

    def _parcel(self, step: int) -> MemoryRecord:
        code = f"{'QXKZ'[step % 4]}{100 + (step * 37) % 900}"
        place = self._pick(self._places)
        text = f"delivered parcel {code} to the {place}: success"
        record = MemoryRecord(0, MemoryKind.EPISODIC, self._now, text, source="agent")
        self._parcels.append((code, record))
        return record

    def _attempt(self, step: int) -> MemoryRecord:
        place = self._places[step % len(self._places)]
        cause = self._pick(
            ["success", "it was stuck", "the hand slipped", "the way was blocked", "it was locked"]
        )
        text = f"tried to open the {place}: {cause}"
        record = MemoryRecord(0, MemoryKind.EPISODIC, self._now, text, source="agent")
        self._last_attempt[place] = record
        return record

    def _questions(self) -> list[HouseQuestion]:
        found = [
            HouseQuestion("location", f"where is the {thing}?", ((thing, place),))
            for thing, place in self._at.items()
        ]
        for thing, track in self._track.items():
            at = int(self._rng.integers(track[0][0] + S, self._now))
            held = [place for stamp, place in track if stamp <= at][-1]
            found.append(HouseQuestion("time", f"where was the {thing}?", ((thing, held),), at))
        for place in self._places:
            inside = tuple((thing, place) for thing, where in self._at.items() if where == place)
            if inside:
                found.append(HouseQuestion("relation", f"what is in the {place}?", inside, all_of=True))
        for i in self._rng.choice(len(self._parcels), 6, replace=False):
            code, record = self._parcels[int(i)]
            found.append(HouseQuestion("identifier", f"where did parcel {code} go?", ((record.text,),)))
        for place in self._places:
            last = self._last_attempt[place]
            text = f"how did the last try to open the {place} go?"
            found.append(HouseQuestion("latest", text, ((last.text, str(last.stamp_ns)),)))
        return found
