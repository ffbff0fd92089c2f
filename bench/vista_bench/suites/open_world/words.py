"""The sentences of words_open.yaml and words_sealed.yaml with their right readings, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vista.files.yaml_file import Reader, read_yaml
from vista.messages.plain_text import plain
from vista.values import shown

FOLDER = Path(__file__).parent
SCENES = FOLDER / "scenes"
OPEN, SEALED = FOLDER / "words_open.yaml", FOLDER / "words_sealed.yaml"

RELATIONS = ("in", "on", "left_of", "right_of", "next_to", "in_front_of", "behind", "between")
CORNERS = ("front left", "front right", "back left", "back right")
SIDES = ("left", "right", "front", "back", "middle")
DIRECTIONS = ("left", "right", "forward", "backward")
REFUSALS = (
    "negation", "condition", "unsupported", "unknown_action", "language", "no_task", "not_there",
    "impossible",
)  # fmt: skip
ASKS = ("which", "spelling", "missing")
ANSWERS = ("where", "what_is_in", "what_is_there", "how_many", "is_it", "past")
GOAL_KEYS = {
    "place": ("thing", "relation", "place"),
    "move": ("thing", "direction", "distance_m"),
    "open": ("thing",),
    "close": ("thing",),
    "grasp": ("thing",),
    "clear": ("place",),
}
PARTS_OF_TABLE = {"corner": CORNERS, "side": SIDES}
MOST_DISTANCE_M = 2.0
LONGEST_SENTENCE = 500


@dataclass(frozen=True, slots=True)
class SaidGoal:
    """One goal: ``kind`` one of :data:`GOAL_KEYS`; ``things`` and ``places`` as the scene names them.

    ``relation``: of a placing, one of :data:`RELATIONS`, "corner" or "side", whose place is a part of the
    table. ``direction`` and ``distance_m``: of a move; None: the sentence says no distance.
    """

    kind: str
    things: tuple[str, ...] = ()
    relation: str = ""
    places: tuple[str, ...] = ()
    direction: str = ""
    distance_m: float | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """All things and places of the scene that it names; parts of the table are none."""
        return self.things if self.relation in PARTS_OF_TABLE else (*self.things, *self.places)


@dataclass(frozen=True, slots=True)
class RightReading:
    """Exactly one of ``goals``, ``refuse``, ``ask`` and ``answer``; ``about``: the words that are asked
    about."""

    goals: tuple[SaidGoal, ...] = ()
    refuse: str = ""
    ask: str = ""
    about: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """``say`` as it is typed in ``scene``, a file of :data:`SCENES`; ``run``: the bench executes it.

    ``readings``: the right one, and perhaps a second that is right, too.
    """

    say: str
    scene: str
    run: bool
    readings: tuple[RightReading, ...]

    @property
    def named(self) -> frozenset[str]:
        """All things and places of the scene that its readings name."""
        goals = (goal for reading in self.readings for goal in reading.goals)
        return frozenset(name for goal in goals for name in goal.named)


def read_words(path: Path) -> tuple[Sentence, ...]:
    """The sentences of one file, in its order.

    Raises:
        ConfigError: it can't be read, or an entry has an unknown key or a wrong value; file and entry are
            named.
    """
    read = Reader(f"words {plain(path.name)}")
    data = read_yaml(path, "words")
    if not isinstance(data, list) or not data:
        raise read.fail("", f"{shown(data)}, expected a list of sentences")
    said: dict[str, int] = {}
    out = []
    for i, entry in enumerate(data):
        sentence = _sentence(read, entry, f"[{i}]")
        first = said.setdefault(sentence.say.casefold(), i)
        if first != i:
            raise read.fail(f"[{i}].say", f"{shown(sentence.say)} stands in [{first}] already")
        out.append(sentence)
    return tuple(out)


def _sentence(read: Reader, entry: object, key: str) -> Sentence:
    answers = ("do", "refuse", "ask", "answer")
    item = read.mapping(entry, key, ("say", "scene", "run", *answers, "about", "or"), ("say", "scene", "run"))
    say = read.text(item["say"], f"{key}.say", LONGEST_SENTENCE)
    scenes = sorted(path.stem for path in SCENES.glob("*.yaml"))
    scene = read.word(item["scene"], f"{key}.scene", scenes)
    run = item["run"]
    if not isinstance(run, bool):
        raise read.fail(f"{key}.run", f"{shown(run)}, expected true or false")
    if run and "do" not in item:
        raise read.fail(f"{key}.run", "true, but nothing is to be done")
    given = {name: item[name] for name in (*answers, "about") if name in item}
    readings = [_reading(read, given, key, say)]
    if "or" in item:
        other = read.mapping(item["or"], f"{key}.or", (*answers, "about"))
        readings.append(_reading(read, other, f"{key}.or", say))
        if readings[0] == readings[1]:
            raise read.fail(f"{key}.or", "the same reading again")
    return Sentence(say, scene, run, tuple(readings))


def _reading(read: Reader, item: Mapping[str, object], key: str, say: str) -> RightReading:
    kinds = [name for name in item if name != "about"]
    if len(kinds) != 1:
        raise read.fail(key, f"{', '.join(kinds) or 'no answer'}, expected one of do, refuse, ask, answer")
    kind = kinds[0]
    if ("about" in item) != (kind == "ask"):
        raise read.fail(f"{key}.about", "expected with `ask`, and only there")
    if kind == "refuse":
        return RightReading(refuse=read.word(item[kind], f"{key}.refuse", REFUSALS))
    if kind == "answer":
        return RightReading(answer=read.word(item[kind], f"{key}.answer", ANSWERS))
    if kind == "ask":
        about = read.text(item["about"], f"{key}.about", LONGEST_SENTENCE)
        if about.casefold() not in say.casefold():
            raise read.fail(f"{key}.about", f"{shown(about)} does not stand in {shown(say)}")
        return RightReading(ask=read.word(item[kind], f"{key}.ask", ASKS), about=about)
    goals = item[kind]
    if not isinstance(goals, list) or not goals:
        raise read.fail(f"{key}.do", f"{shown(goals)}, expected a list of goals")
    return RightReading(goals=tuple(_goal(read, goal, f"{key}.do[{i}]") for i, goal in enumerate(goals)))


def _goal(read: Reader, entry: object, key: str) -> SaidGoal:
    every = {name for names in GOAL_KEYS.values() for name in names}
    item = read.mapping(entry, key, ("goal", *sorted(every)), ("goal",))
    kind = read.word(item["goal"], f"{key}.goal", tuple(GOAL_KEYS))
    keys = GOAL_KEYS[kind]
    read.mapping(entry, key, ("goal", *keys), keys)
    things = read.texts(item["thing"], f"{key}.thing") if "thing" in keys else ()
    if kind != "place" and len(things) > 1:
        raise read.fail(f"{key}.thing", f"{len(things)} things, expected one for {kind}")
    if kind == "move":
        direction = read.word(item["direction"], f"{key}.direction", DIRECTIONS)
        far = item["distance_m"]
        metres = None if far is None else read.number(far, f"{key}.distance_m", 0.001, MOST_DISTANCE_M)
        return SaidGoal(kind, things, direction=direction, distance_m=metres)
    places = read.texts(item["place"], f"{key}.place") if "place" in keys else ()
    if kind != "place":
        return SaidGoal(kind, things, places=_counted(read, places, f"{key}.place", int("place" in keys)))
    relation = read.word(item["relation"], f"{key}.relation", (*RELATIONS, *PARTS_OF_TABLE))
    _counted(read, places, f"{key}.place", 2 if relation == "between" else 1)
    if relation in PARTS_OF_TABLE:
        read.word(places[0], f"{key}.place", PARTS_OF_TABLE[relation])
    return SaidGoal(kind, things, relation, places)


def _counted(read: Reader, names: Sequence[str], key: str, count: int) -> tuple[str, ...]:
    if len(names) != count:
        raise read.fail(key, f"{len(names)} names, expected {count}")
    return tuple(names)


__all__ = ["OPEN", "SCENES", "SEALED", "RightReading", "SaidGoal", "Sentence", "read_words"]
