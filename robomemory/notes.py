"""What is handed to a memory: notes, with the values of steps and failures beside the text for people.

No part reads a text to learn a fact: a step that was tried, what failed and what was learned are fields.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from robomemory import checks
from robomemory.errors import InvalidNoteError

Position = tuple[float, float, float]
Triple = tuple[str, str, str]

Plain = str | int | float | bool | None
"""What a value of the metadata is."""

MAX_METADATA = 100  # values of one note
MAX_FAILURES = 1_000  # of one note
MAX_PICTURE = 4 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step that was tried: ``verb`` ("grasp", "place"), the ``thing`` it was done with, ``relation`` and
    ``place`` ("in", "tray"; empty where there is none), the ``state`` that it ended in ("reached", "failed",
    "timed_out") and the ``cause``, if one is known.

    Raises:
        InvalidNoteError: a field is no text, or there is no verb.
    """

    verb: str
    thing: str
    relation: str = ""
    place: str = ""
    state: str = ""
    cause: str = ""

    def __post_init__(self) -> None:
        _set_words(self, ("verb", "thing", "relation", "place", "state", "cause"), required=("verb",))


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed: its ``act`` ("grasp"), what it was ``about``, the ``condition`` of that thing when
    it was tried ("in left drawer"; two tries in the same condition are alike) and the ``cause``.

    Raises:
        InvalidNoteError: a field is no text, or there is no act.
    """

    act: str
    about: str
    condition: str
    cause: str

    def __post_init__(self) -> None:
        _set_words(self, ("act", "about", "condition", "cause"), required=("act",))

    @property
    def text(self) -> str:
        """The failure for people."""
        return f"failed step: {self.act} | {self.about} | {self.condition} | {self.cause or 'unknown'}"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of what a note is about, such as a crop of a camera's image: ``data``, the bytes of a PNG or
    JPEG file, and the unit vector f32 ``vector`` that the encoder of the name ``encoder`` made of it (None:
    none was made).

    Raises:
        InvalidNoteError: the data is empty, or larger than ``MAX_PICTURE`` bytes; or a vector without the
            name of its encoder.
    """

    data: bytes
    vector: tuple[float, ...] | None = field(default=None, repr=False)
    encoder: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.data, bytes) or not 0 < len(self.data) <= MAX_PICTURE:
            said = f"{len(self.data)} bytes" if isinstance(self.data, bytes) else type(self.data).__name__
            raise InvalidNoteError(f"Picture.data: {said}, expected 1 to {MAX_PICTURE} bytes of PNG or JPEG")
        if self.encoder != "":
            checks.text("Picture.encoder", self.encoder, InvalidNoteError)
        if self.vector is not None:
            if not self.encoder:
                raise InvalidNoteError("Picture.encoder: empty, expected the name of what made the vector")
            n = len(self.vector)
            vector = checks.numbers("Picture.vector", self.vector, n, InvalidNoteError)
            object.__setattr__(self, "vector", vector)


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to remember; ``remember`` checks it as :class:`robomemory.MemoryRecord`.

    ``kind``: "spatial", "temporal", "episodic" or "semantic"; ``text`` for people; ``stamp_ns`` [ns] of the
    robot's clock in the run ``run`` (0: the run that the memory is in); ``entities``: names of what it is
    about; ``position`` (3,) [m] of the first of them, or of the triple's subject, in the frame ``frame``
    (empty: the memory's own); ``triple``
    (subject, relation, object): a fact of a spatial note, a lesson of a semantic one; ``confidence`` [0, 1];
    ``source`` says who told it; ``step``: the step that a temporal note is about; ``failures``: what
    failed in the attempt that an episodic note is about; ``metadata`` {name: text, number, bool or None} is
    kept and can be asked for; ``picture`` shows what it is about.
    """

    kind: str
    text: str
    stamp_ns: int
    entities: tuple[str, ...] = ()
    position: Position | None = None
    triple: Triple | None = None
    confidence: float = 1.0
    source: str = ""
    run: int = 0
    step: StepDone | None = None
    failures: tuple[Failure, ...] = ()
    metadata: Mapping[str, Plain] = field(default_factory=dict, hash=False)
    frame: str = ""
    picture: Picture | None = None


class NoteLike(Protocol):
    """What ``remember`` accepts: any object with these attributes, such as a :class:`Note`. It may also have
    ``run``, ``step``, ``failures``, ``metadata``, ``frame`` and ``picture``, as a :class:`Note` has them."""

    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def stamp_ns(self) -> int: ...
    @property
    def entities(self) -> tuple[str, ...]: ...
    @property
    def position(self) -> Position | None: ...
    @property
    def triple(self) -> Triple | None: ...
    @property
    def confidence(self) -> float: ...
    @property
    def source(self) -> str: ...


def step_from(where: str, value: object) -> StepDone | None:
    """``value`` as a step; it may be one, None, or a sequence of its first five or six fields.

    Raises:
        InvalidNoteError: it is none of these.
    """
    if value is None or isinstance(value, StepDone):
        return value
    return StepDone(*_fields(where, value, (5, 6), "(verb, thing, relation, place, state)"))


def failures_from(where: str, value: object) -> tuple[Failure, ...]:
    """``value`` as failures; each may be one, or a sequence of its four fields.

    Raises:
        InvalidNoteError: it is no sequence of these, or holds more than ``MAX_FAILURES``.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidNoteError(f"{where}: {checks.shown(value)}, expected a sequence of failures")
    given = tuple(itertools.islice(value, MAX_FAILURES + 1))
    if len(given) > MAX_FAILURES:
        raise InvalidNoteError(f"{where}: more than {MAX_FAILURES} failures")
    expected = "(act, about, condition, cause)"
    return tuple(
        each if isinstance(each, Failure) else Failure(*_fields(f"{where}[{i}]", each, (4,), expected))
        for i, each in enumerate(given)
    )


def metadata_from(where: str, value: object) -> dict[str, Plain]:
    """``value`` as metadata.

    Raises:
        InvalidNoteError: it is no mapping of names to texts, finite numbers, bools or None, or too large.
    """
    if not isinstance(value, Mapping) or len(value) > MAX_METADATA:
        raise InvalidNoteError(
            f"{where}: {checks.shown(value)}, expected at most {MAX_METADATA} names with a value each"
        )
    found: dict[str, Plain] = {}
    for name, said in value.items():
        checks.text(f"{where}: name", name, InvalidNoteError)
        plain = isinstance(said, str | bool) or said is None
        if isinstance(said, str) and said:
            checks.text(f"{where}[{checks.shown(name)}]", said, InvalidNoteError)
        if isinstance(said, int | float) and not plain:
            plain = math.isfinite(said) and abs(said) < 2**63
        if not plain:
            raise InvalidNoteError(
                f"{where}[{checks.shown(name)}]: {checks.shown(said)}, expected a text, a finite number, a"
                " bool or None"
            )
        found[str.__str__(name)] = said
    return dict(sorted(found.items()))


def _fields(where: str, value: object, sizes: tuple[int, ...], expected: str) -> tuple[str, ...]:
    if not isinstance(value, tuple | list) or len(value) not in sizes:
        raise InvalidNoteError(f"{where}: {checks.shown(value)}, expected {expected}")
    return tuple(value)


def _set_words(record: StepDone | Failure, names: tuple[str, ...], required: tuple[str, ...]) -> None:
    """Checks the texts of a frozen ``record`` and sets them as plain ``str``."""
    for name in names:
        where, value = f"{type(record).__name__}.{name}", getattr(record, name)
        if value != "" or name in required:
            checks.text(where, value, InvalidNoteError)
        object.__setattr__(record, name, str.__str__(value))
