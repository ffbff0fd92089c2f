"""One frame of a camera: everything that was seen at one moment, and what was in view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from robomemory import checks
from robomemory.errors import InvalidNoteError
from robomemory.front.pictures import AnyPicture, picture_from
from robomemory.graph.note_rules import EMPTY_BOX, EMPTY_RELATION
from robomemory.notes import Note, Plain, Position
from robomemory.places.regions import Ball, Box

THE_VIEW = "the view"
"""The subject of a record that says that a region was in view."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A thing called ``name`` that was seen at ``position`` (3,) [m], with ``confidence`` [0, 1];
    ``picture`` (as in :meth:`robomemory.Memory.add`) shows it."""

    name: str
    position: Position
    confidence: float = 1.0
    picture: AnyPicture | None = field(default=None, compare=False)
    metadata: Mapping[str, Plain] = field(default_factory=dict, hash=False)


def frame_notes(
    seen: Sequence[Seen], stamp_ns: int, view: Ball | Box | None, source: str, frame: str, run: int,
    picture: AnyPicture | None,
) -> list[Note]:  # fmt: skip
    """The notes of one camera frame: one for each of ``seen``, in order; then one for the ``view`` [m, the
    memory's frame] and one for the ``picture`` of all of it, where those are given.

    Raises:
        InvalidNoteError: ``seen`` is no sequence of :class:`Seen`, or a picture is none.
    """
    if isinstance(seen, str | bytes) or not isinstance(seen, Sequence):
        raise InvalidNoteError(f"add_frame: seen {checks.shown(seen)}, expected a sequence of Seen")
    notes = []
    for i, each in enumerate(seen):
        if not isinstance(each, Seen):
            raise InvalidNoteError(f"add_frame: seen[{i}] {checks.shown(each)}, expected a Seen")
        where = f"add_frame: seen[{i}].picture"
        shown = None if each.picture is None else picture_from(where, each.picture, InvalidNoteError)
        if each.position is None:
            raise InvalidNoteError(f"add_frame: seen[{i}].position: None, expected (x, y, z) [m]")
        checks.text(f"add_frame: seen[{i}].name", each.name, InvalidNoteError)
        notes.append(
            Note(
                "spatial", each.name, stamp_ns, (each.name,), each.position, None, each.confidence, source,
                run, metadata=each.metadata, frame=frame, picture=shown,
            )
        )  # fmt: skip
    if view is not None:
        notes.append(view_note(view, stamp_ns, 1.0, source, run))
    if picture is not None:
        shown = picture_from("add_frame: picture", picture, InvalidNoteError)
        names = tuple(dict.fromkeys(each.name for each in seen))
        text = f"saw {', '.join(names)}"[: checks.MAX_TEXT] if names else "saw nothing that has a name"
        notes.append(Note("episodic", text, stamp_ns, names, source=source, run=run, picture=shown))
    return notes


def view_note(view: Ball | Box, stamp_ns: int, confidence: float, source: str, run: int) -> Note:
    """The note that nothing but what was seen is in ``view`` [m, the memory's frame]."""
    if isinstance(view, Box):
        center = view.ball[0]
        size = " x ".join(f"{b - a:g}" for a, b in zip(view.low, view.high, strict=True))
        text, relation = f"nothing else was seen in the box of {size} m around {_said(center)}", EMPTY_BOX
        measure = " ".join(map(repr, view.numbers))
    else:
        center, radius = view
        text, relation = f"nothing else was seen within {radius:g} m of {_said(center)}", EMPTY_RELATION
        measure = f"{radius!r} m"
    return Note("spatial", text, stamp_ns, (), center, (THE_VIEW, relation, measure), confidence, source, run)


def _said(spot: Position) -> str:
    return f"({', '.join(f'{v:g}' for v in spot)})"
