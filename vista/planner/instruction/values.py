"""What an instruction asks for, as values, and what it is understood against."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from vista.types import F64
from vista.types.dialogue import Refusal
from vista.types.spatial import Direction, Spatial


@dataclass(frozen=True, slots=True)
class PlaceGoal:
    """All ``things`` shall be in ``relation`` to ``places``: one name, two for ``BETWEEN``, or a part of the
    table ("front left", "middle") for ``CORNER`` and ``SIDE``."""

    things: tuple[str, ...]
    relation: Spatial
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MoveGoal:
    """``thing`` shall be moved in ``direction`` by ``distance_m`` [m]; None: it is not said how far."""

    thing: str
    direction: Direction
    distance_m: float | None = None


@dataclass(frozen=True, slots=True)
class OpenGoal:
    """The drawer ``thing`` shall be open."""

    thing: str


@dataclass(frozen=True, slots=True)
class CloseGoal:
    """The drawer ``thing`` shall be closed."""

    thing: str


@dataclass(frozen=True, slots=True)
class GraspGoal:
    """The hand shall hold ``thing``."""

    thing: str


@dataclass(frozen=True, slots=True)
class ClearGoal:
    """Nothing shall be left in, or on, ``place``."""

    place: str


AnyGoal = PlaceGoal | MoveGoal | OpenGoal | CloseGoal | GraspGoal | ClearGoal


@dataclass(frozen=True, slots=True)
class Understood:
    """``goals`` to be reached one after the other; ``taken``: what words were taken for, in words, to be said
    back ("'block': taken for cube")."""

    goals: tuple[AnyGoal, ...]
    taken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """``why`` it is not done, and the ``reason`` in words; ``missing``: phrases that name nothing that is
    seen or known, for a second look."""

    why: Refusal
    reason: str
    missing: tuple[str, ...] = ()


class UserAsks(StrEnum):
    """What a question about the scene asks for."""

    WHERE = "where"
    WHAT_IS_IN = "what_is_in"
    WHAT_IS_THERE = "what_is_there"
    HOW_MANY = "how_many"
    IS_IT = "is_it"
    PAST = "past"


@dataclass(frozen=True, slots=True)
class UserQuestion:
    """The user asks about the scene. ``question``: the sentence; ``things`` and ``places``: names that it is
    about, as far as they are known; ``phrase``: its words for them."""

    kind: UserAsks
    question: str
    things: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    phrase: str = ""


class Sort(StrEnum):
    """What can be done with something that is known."""

    THING = "thing"
    CONTAINER = "container"
    DRAWER = "drawer"
    SURFACE = "surface"


@dataclass(frozen=True, slots=True, eq=False)
class Nameable:
    """Something with a ``name``. ``position`` f64 (3,) in the base frame [m], where it is known; ``inside``:
    the container, drawer or thing that it is in or on, as far as is known; ``width_m``: its smallest width
    [m], where known; ``entity``: its key in the memory (0: none); ``seen``: it is in view now."""

    name: str
    sort: Sort = Sort.THING
    position: F64 | None = None
    inside: str = ""
    width_m: float | None = None
    entity: int = 0
    seen: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """What an instruction may be about.

    ``known``: what is seen, remembered or part of the workplace. ``labels``: names that could be looked for
    where something may be hidden; empty: nothing that is not known can be there. ``aliases`` {words of the
    user: name}: what was taught. ``recent``: things that were moved last, oldest first. ``held``: the thing
    in the hand. ``most_width_m``: what the gripper can span [m].
    """

    known: tuple[Nameable, ...]
    labels: frozenset[str] = frozenset()
    aliases: dict[str, str] = field(default_factory=dict)
    recent: tuple[str, ...] = ()
    held: str = ""
    most_width_m: float | None = None

    def of(self, *sorts: Sort) -> list[Nameable]:
        """What is known of the given sorts, in order."""
        return [each for each in self.known if each.sort in sorts]

    def get(self, name: str) -> Nameable | None:
        """What is called ``name``."""
        return next((each for each in self.known if each.name == name), None)
