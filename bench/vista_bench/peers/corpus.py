"""One memory's worth of a robot's notes, of any size, and questions whose right answers are known.

The house's places and sentences, with many more things, so that 100,000 notes stay distinct: each of them
was seen in several places in turn, and other notes name it, too. Five kinds of questions, reported apart:

- ``likeness``: a lesson, asked in other words. Vectors alone can tell.
- ``code``: where a parcel of a code went.
- ``now``: where a thing is that has been moved about; right is where it was seen last.
- ``then``: where it was at a time; right is where it had been seen last by then.
- ``retracted``: where a thing is whose last sighting was false and was taken back; right is the place before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vista_bench.peers.drivers.protocol import FoundNote, ToldNote
from vista_bench.suites.memory.house import PLACES

KINDS = ("likeness", "code", "now", "then", "retracted")
BELIEF = ("now", "then", "retracted")
SHARES = {"spatial": 0.30, "episodic": 0.53, "semantic": 0.10, "temporal": 0.07}
S = 10**9
SIGHTINGS = 6  # of a thing, on average
AGAIN = 0.3  # share of sightings that find a thing where it was
COLOURS = ("red", "blue", "green", "white", "black", "yellow", "grey", "orange", "brown", "purple", "pink",
           "silver")  # fmt: skip
MATERIALS = ("steel", "glass", "wooden", "plastic", "ceramic", "rubber", "paper", "copper", "cotton", "stone")
SHAPES = (
    "mug", "cube", "bowl", "bottle", "spoon", "plate", "box", "can", "lid", "brush", "jar", "tray table",
    "teapot", "bucket", "candle", "clock", "comb", "cup", "fan", "fork", "funnel", "hammer", "hook", "kettle",
    "knife", "ladle", "lamp", "pan", "pitcher", "ruler", "scoop", "sieve", "stamp", "tongs", "torch", "tube",
    "vase", "whisk", "wrench", "tape",
)  # fmt: skip
LESSONS = (  # the lesson, what stands at "{}", the question in other words
    ("grasp the {thing} {value}", ("at the rim", "by the handle", "from above", "with both fingers flat",
     "near its base"), "how should I hold the {thing}?"),
    ("the {thing} weighs {value} grams", ("90", "150", "240", "310", "480"), "how heavy is the {thing}?"),
    ("wash the {thing} {value}", ("by hand", "with hot water", "without soap", "after every use",
     "with a soft cloth"), "how do I clean the {thing}?"),
    ("only {value} may use the {thing}", ("Ana", "Boris", "Chen", "Dora", "Emil"), "whose is the {thing}?"),
)  # fmt: skip
CAUSES = ("it slipped", "the way was blocked", "it was too heavy", "the hand was full", "it was out of reach")


@dataclass(frozen=True, slots=True)
class RightAnswer:
    """A question of ``kind`` about the time ``at_ns`` [ns] (0: now), and its answer: a note that says
    ``thing`` is in ``place``, else the note ``text``."""

    kind: str
    question: str
    at_ns: int
    text: str
    thing: str = ""
    place: str = ""

    def fits(self, found: FoundNote) -> bool:
        """Whether ``found`` says it."""
        if self.thing:
            return (found.thing, found.place) == (self.thing, self.place)
        return found.text == self.text


@dataclass(frozen=True, slots=True)
class NoteText:
    """A note without its vectors; fields as in :class:`ToldNote`."""

    kind: str
    text: str
    thing: str = ""
    place: str = ""
    position: tuple[float, float, float] | None = None

    def told(self, n: int, rows: dict[str, int]) -> ToldNote:
        """Note number ``n``; ``rows`` {text: row of its vector}."""
        known = {text: rows[text] for text in self.texts()}
        return ToldNote(n, self.kind, self.text, stamp(n), self.thing, self.place, self.position, known)

    def texts(self) -> tuple[str, ...]:
        """What may be needed as a vector: the sentence, and the names in it for a memory with a graph."""
        return (self.text, self.thing, self.place) if self.thing else (self.text,)


@dataclass(frozen=True, slots=True)
class Corpus:
    """``notes`` in their order, the numbers of those that are ``false`` and to be taken back, ``extra``
    notes to be told after the questions, and the ``asked`` questions."""

    notes: tuple[NoteText, ...]
    extra: tuple[NoteText, ...]
    false: tuple[int, ...]
    asked: tuple[RightAnswer, ...]

    def texts(self) -> list[str]:
        """All that is needed as a vector, once each."""
        told = [text for note in (*self.notes, *self.extra) for text in note.texts()]
        return list(dict.fromkeys([*told, *(each.question for each in self.asked)]))


def stamp(n: int) -> int:
    """The time of note number ``n`` [ns]: they come a second apart."""
    return (n + 1) * S


def make_corpus(size: int, extra: int, questions: int, seed: int) -> Corpus:
    """``size`` notes and up to ``questions`` of each kind; fewer where so few notes can't answer more."""
    return _Writer(size, extra, questions, np.random.default_rng(seed)).corpus()


class _Writer:
    def __init__(self, size: int, extra: int, questions: int, rng: np.random.Generator) -> None:
        self._size, self._extra, self._rng = size, extra, rng
        names = [f"{c} {m} {s}" for c in COLOURS for m in MATERIALS for s in SHAPES]
        names = [names[i] for i in rng.permutation(len(names))]
        count = round(size * SHARES["spatial"] / SIGHTINGS)
        self._things = names[: min(len(names), max(12, count))]
        self._questions = min(questions, len(self._things) // 3)
        pairs = rng.permutation(len(names) * len(LESSONS))
        self._lessons = [(names[i // len(LESSONS)], i % len(LESSONS)) for i in pairs]
        self._track: dict[str, list[tuple[int, str]]] = {}  # thing -> (number of the note, place)
        self._parcels: list[tuple[str, str]] = []  # code, text
        self._told_lessons: list[tuple[str, str]] = []  # question, text

    def corpus(self) -> Corpus:
        kinds = list(SHARES)
        drawn = self._rng.choice(len(kinds), self._size + self._extra, p=list(SHARES.values()))
        notes = [self._note(n, kinds[int(kind)]) for n, kind in enumerate(drawn)]
        told, extra = tuple(notes[: self._size]), tuple(notes[self._size :])
        false, asked = self._ask()
        return Corpus(told, extra, false, asked)

    def _pick(self, among: Sequence[str]) -> str:
        return among[int(self._rng.integers(len(among)))]

    def _note(self, n: int, kind: str) -> NoteText:
        kept = n < self._size  # what is told after the questions has no part in them
        if kind == "spatial":
            return self._sighting(n, kept)
        if kind == "semantic":
            return self._lesson(kept)
        place = self._pick(list(PLACES))
        if kind == "temporal":
            return NoteText(kind, f"step {n}: moved to the {place}")
        if self._rng.random() < 0.5:
            return NoteText(kind, f"try {n} to lift the {self._pick(self._things)}: {self._pick(CAUSES)}")
        code = f"{'QXKZ'[n % 4]}{(n * 7_919) % 9_000_000 + 1_000_000}"
        text = f"delivered parcel {code} to the {place}: success"
        if kept:
            self._parcels.append((code, text))
        return NoteText(kind, text)

    def _sighting(self, n: int, kept: bool) -> NoteText:
        index = int(self._rng.integers(len(self._things)))
        thing = self._things[index]
        track = self._track.get(thing, [])
        place = self._pick(list(PLACES))
        if track and self._rng.random() < AGAIN:
            place = track[-1][1]
        if kept:
            self._track.setdefault(thing, []).append((n, place))
        # Each thing has its spot within a place, a few centimetres from those of others.
        spot = np.array(PLACES[place]) + 0.01 * np.array([index % 31 - 15, index // 31 % 31 - 15, 0.0])
        x, y, z = (round(float(v), 4) for v in spot + self._rng.normal(0, 0.003, 3))
        return NoteText("spatial", f"the {thing} is in the {place}", thing, place, (x, y, z))

    def _lesson(self, kept: bool) -> NoteText:
        thing, which = self._lessons.pop()
        said, values, question = LESSONS[which]
        text = said.format(thing=thing, value=self._pick(values))
        if kept:
            self._told_lessons.append((question.format(thing=thing), text))
        return NoteText("semantic", text)

    def _ask(self) -> tuple[tuple[int, ...], tuple[RightAnswer, ...]]:
        found: list[RightAnswer] = []
        for i in self._some(len(self._told_lessons)):
            question, text = self._told_lessons[i]
            found.append(RightAnswer("likeness", question, 0, text))
        for i in self._some(len(self._parcels)):
            code, text = self._parcels[i]
            found.append(RightAnswer("code", f"where did parcel {code} go?", 0, text))
        moved = [thing for thing, track in self._track.items() if len({place for _, place in track}) > 1]
        moved = [moved[i] for i in self._rng.permutation(len(moved))]
        false: list[int] = []
        for thing in moved:
            track = self._track[thing]
            if len(false) < self._questions and track[-1][1] != track[-2][1]:
                false.append(track[-1][0])
                found.append(_where("retracted", thing, track[-2][1]))
        taken = {each.thing for each in found}
        rest = [thing for thing in moved if thing not in taken]
        found += [_where("now", thing, self._track[thing][-1][1]) for thing in rest[: self._questions]]
        for thing in rest[-self._questions :]:
            track = self._track[thing]
            i = int(self._rng.integers(len(track) - 1))
            at = (stamp(track[i][0]) + stamp(track[i + 1][0])) // 2
            found.append(_where("then", thing, track[i][1], at))
        return tuple(false), tuple(found)

    def _some(self, count: int) -> list[int]:
        chosen = self._rng.choice(count, min(self._questions, count), replace=False)
        return [int(i) for i in chosen]


def _where(kind: str, thing: str, place: str, at_ns: int = 0) -> RightAnswer:
    verb = "was" if at_ns else "is"
    return RightAnswer(kind, f"where {verb} the {thing}?", at_ns, "", thing, place)
