"""``Memory``: the same memory for whoever knows other libraries of this kind: add, find, update, retract."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from robomemory import checks
from robomemory.asking.answers import Answer
from robomemory.asking.ask import Asking
from robomemory.errors import InvalidNoteError, InvalidQueryError
from robomemory.front.arguments import arguments_of
from robomemory.front.camera import Seen, frame_notes
from robomemory.front.candidates import Candidate, candidates_of
from robomemory.front.found import Conditions, Found, find, find_pictures, pose_at
from robomemory.front.frames import KnownFrames, in_frame
from robomemory.front.pictures import AnyPicture, Compared, Exemplar, Recognition, picture_from
from robomemory.front.then import Then
from robomemory.graph.scene import SceneChange, Stay
from robomemory.memory import RoboMemory
from robomemory.notes import Note, Plain, Position
from robomemory.places.regions import Ball, Box, Corners, region
from robomemory.records import MemoryRecord


class Memory:
    """What a robot knows, in the file ``path`` (``":memory:"``: kept until ``close``), or in a database.

    Stamps are nanoseconds of the robot's clock; where none is given, of the computer's. With ``mode="r"`` it
    is read beside the process that writes it. Positions are kept in the memory's own ``frame`` (None: the one
    that the store was made with, "base" for a new one); ``frames`` {name: :class:`robomemory.Pose`}, or a
    callable (frame, stamp_ns) -> Pose or None, says where others are in it. ``settings`` go to
    :class:`robomemory.RoboMemory`, which ``robo`` is: the same memory for a robot's loop. Any number of
    threads may call any method.

    Raises:
        StoreError: the file can't be used.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = ":memory:",
        *,
        mode: str = "rw",
        frame: str | None = None,
        frames: KnownFrames | None = None,
        **settings: Any,
    ) -> None:
        self.robo = RoboMemory(path, mode=mode, frame=frame, frames=frames, **settings)

    @classmethod
    def over(cls, robo: RoboMemory) -> Memory:
        """The same calls for ``robo``, which is open already. Closing one closes both."""
        door = cls.__new__(cls)
        door.robo = robo
        return door

    def add(
        self,
        text: str,
        *,
        kind: str | None = None,
        about: Collection[str] = (),
        position: Position | None = None,
        stamp_ns: int | None = None,
        run: int = 0,
        confidence: float = 1.0,
        source: str = "",
        metadata: Mapping[str, Plain] | None = None,
        picture: AnyPicture | None = None,
        frame: str = "",
    ) -> int:
        """Remembers ``text`` and gives the key of its record. ``kind``: "semantic" (what is true in general;
        the default), "episodic" (what was done), "temporal" (a step), "spatial" (of things in the scene; the
        default where a ``position`` [m, in ``frame``; empty: the memory's own] of the first thing in
        ``about`` is given). ``picture`` shows what it
        is about: the bytes of a PNG or JPEG file, a :class:`robomemory.Picture`, or an array u8 (H, W, 3).

        Raises:
            InvalidNoteError: a value breaks the contract of a note; it is named.
        """
        said = kind or ("spatial" if position is not None and about else "semantic")
        names = checks.names("add: about", about, InvalidNoteError)
        shown = None if picture is None else picture_from("add: picture", picture, InvalidNoteError)
        note = Note(
            said, text, self._stamp(stamp_ns), names, position, None, confidence, source, run,
            metadata={} if metadata is None else metadata, frame=frame, picture=shown,
        )  # fmt: skip
        with arguments_of("add", {"entities": "about"}):
            return self.robo.remember([note])[0]

    def add_frame(
        self,
        seen: Sequence[Seen],
        *,
        stamp_ns: int,
        view: Ball | Corners | Box | None = None,
        source: str = "",
        frame: str = "",
        run: int = 0,
        picture: AnyPicture | None = None,
    ) -> list[int]:
        """Remembers one frame of a camera, all or nothing: the things ``seen`` at ``stamp_ns`` [ns], several
        of one name too. ``view`` is the ball or box that was in view: what is known to be in it and is not
        among ``seen`` is not there. Positions and ``view`` [m] are in ``frame`` (empty: the memory's own);
        ``picture`` (as in :meth:`add`) shows all of it. Gives the keys of the records: one for each of
        ``seen``, in order, then that of the view and that of the picture, where those are given.

        Raises:
            InvalidNoteError: a value breaks the contract of a note. InvalidQueryError: ``view`` is no region.
        """
        stamp_ns = checks.stamp("add_frame: stamp_ns", stamp_ns, InvalidNoteError)
        if view is not None:
            pose = self.robo.frames.pose("add_frame: frame", frame, stamp_ns, InvalidNoteError)
            view = region("add_frame: view", view, pose)
        notes = frame_notes(seen, stamp_ns, view, source, frame, run, picture)
        with arguments_of("add_frame", items={i: f"seen[{i}]." for i in range(len(seen))}):
            return self.robo.remember(notes)

    def relate(
        self,
        subject: str,
        relation: str,
        object: str,
        *,
        position: Position | None = None,
        stamp_ns: int | None = None,
        run: int = 0,
        confidence: float = 1.0,
        source: str = "",
        metadata: Mapping[str, Plain] | None = None,
        frame: str = "",
    ) -> int:
        """Remembers that ``subject`` ``relation`` ``object`` ("mug", "in", "drawer"; "mug", "no longer in",
        "drawer") and gives the key of the record that says so. ``position`` [m, in ``frame``] of the subject.
        Raises as :meth:`add`."""
        for name, value in (("subject", subject), ("relation", relation), ("object", object)):
            checks.text(f"relate: {name}", value, InvalidNoteError)
        text = f"{subject} {relation} {object}"[: checks.MAX_TEXT]
        note = Note(
            "spatial", text, self._stamp(stamp_ns), (), position, (subject, relation, object), confidence,
            source, run, metadata={} if metadata is None else metadata, frame=frame,
        )  # fmt: skip
        with arguments_of("relate"):
            return self.robo.remember([note])[0]

    def where(self, name: str, *, frame: str = "", stamp_ns: int | None = None) -> tuple[Candidate, ...]:
        """Every thing that ``name`` may mean, with where it is and how that is known: those of that name,
        then those whose names say more ("my mug" of "mug"), each part seen last first; empty if nothing is
        known of that name. Positions are in ``frame`` (empty: the memory's own) as it was at ``stamp_ns``
        [ns] (None: at the newest moment known of).

        Raises:
            InvalidQueryError: ``name`` is empty, or the frame unknown.
        """
        with arguments_of("where", {"text": "name"}):
            found = candidates_of(self.robo, name)
        pose = pose_at(self.robo, "where: frame", frame, stamp_ns)
        return tuple(replace(c, position=in_frame(c.position, pose), frame=frame) for c in found)

    def inside(self, name: str, *, relations: Collection[str] = ("in",)) -> tuple[str, ...]:
        """Names of what is in the thing called ``name``, and in those; ``relations`` may also name "on" and
        "held by". Raises as :meth:`where`."""
        with arguments_of("inside", {"text": "name"}):
            return self.robo.inside(name, relations=relations)

    def find(
        self,
        text: str = "",
        *,
        kinds: Collection[str] | None = None,
        near: Ball | None = None,
        box: Corners | Box | None = None,
        between: tuple[int, int] | None = None,
        run: int | None = None,
        relation: str | None = None,
        source: str | None = None,
        metadata: Mapping[str, Plain] | None = None,
        k: int | None = None,
        min_score: float = 0.0,
        picture: AnyPicture | None = None,
        name: str | None = None,
        frame: str = "",
        stamp_ns: int | None = None,
    ) -> tuple[Found, ...]:
        """The records that fit every given condition, best first: like ``text``; of ``kinds``; seen in the
        ball ``near`` ((x, y, z), radius) [m] or the ``box`` (low corner, high corner) [m]; of the span
        ``between`` [ns] of ``run``; whose triple says ``relation``, in any wording; told by ``source``; with
        these values in their ``metadata``. The ``k`` best (None: 10 with a text, else all). What scores less
        than ``min_score`` is not found: nothing fits is an answer. The ball, the box and the positions of
        what is found are in ``frame`` (empty: the memory's own) as it was at ``stamp_ns`` [ns] (None: at the
        newest moment known of).

        With ``picture`` (the bytes of a PNG or JPEG file, a :class:`robomemory.Picture`, or an array u8
        (H, W, 3)) instead of a text, the records whose pictures look most like it, the 10 best unless ``k``
        says otherwise, with a thing called ``name`` in them; the answer's ``not_comparable`` says how many
        pictures have no vector of the same encoder.

        Raises:
            InvalidQueryError: a condition is out of range, or there is none; a text and a picture; a name
                without a picture. EmbeddingError: the encoder failed.
        """
        if picture is None and name is not None:
            raise InvalidQueryError(f"find: name {checks.shown(name)} without a picture; give it as the text")
        if picture is not None and text:
            raise InvalidQueryError("find: a text and a picture; expected one of them, or two calls")
        asked = Conditions(kinds, near, box, between, run, relation, source, metadata, min_score)
        if picture is not None:
            return find_pictures(self.robo, picture, name, k, asked, frame, stamp_ns)
        return find(self.robo, text, k, asked, frame, stamp_ns)

    def teach(
        self,
        name: str,
        pictures: Sequence[AnyPicture],
        *,
        source: str = "",
        stamp_ns: int | None = None,
        metadata: Mapping[str, Plain] | None = None,
    ) -> list[int]:
        """``pictures`` show a thing called ``name``: see :meth:`RoboMemory.teach`. Gives the keys of their
        records, all or none."""
        return self.robo.teach(name, pictures, source=source, stamp_ns=stamp_ns, metadata=metadata)

    def exemplars(self, name: str | None = None) -> dict[str, tuple[Exemplar, ...]]:
        """{name: the pictures that it was taught by}, of all things or of ``name`` alone."""
        return self.robo.exemplars(name)

    def know(self, picture: AnyPicture, k: int = 3) -> Compared[Recognition]:
        """Which of the taught things ``picture`` shows, the best first; see :meth:`RoboMemory.know`."""
        return self.robo.know(picture, k)

    def ask(
        self, question: str, *, since_ns: int | None = None, k: int = 5, min_score: float | None = None
    ) -> Answer:
        """The answer to a ``question`` in words ("where is the mug, since when", "what was in the drawer
        before", "what changed since I left"), from the graph; what no grammar reads is answered with the
        ``k`` best records that are like it by ``min_score`` [0, 1] at least (None: the floor of the
        embedder). ``since_ns`` [ns, the robot's clock]: since when things have changed, where the question
        leaves that open.

        Raises:
            InvalidQueryError: the question is empty, or says a time that this memory can't tell.
        """
        return Asking(self.robo, since_ns, k, min_score).answer(question)

    def get(self, id: int) -> MemoryRecord | None:
        """The record of the key ``id``; None if none of that key stands."""
        checks.whole("get: id", id, 2**63 - 1, "2**63 - 1", "keys of records", InvalidQueryError)
        return self.robo.record(id)

    def history(self, name: str) -> tuple[Stay, ...]:
        """Everywhere the thing called ``name`` has been, oldest first. Raises as :meth:`where`."""
        with arguments_of("history", {"text": "name"}):
            return self.robo.history(name)

    def update(self, /, id: int, **changes: Any) -> int:
        """Corrects the record ``id``: ``changes`` are fields of a :class:`robomemory.MemoryRecord` and their
        right values. What it said was never true, as by :meth:`retract`, and the corrected record takes its
        place; where only the ``metadata`` changes the record stays the same. Gives its key.

        Raises:
            InvalidQueryError: no such record or field. InvalidNoteError: a bad value; nothing was changed.
        """
        record = self.get(id)
        if record is None:
            raise InvalidQueryError(f"update: no record that stands has the key {id}")
        allowed = ("text", "stamp_ns", "entities", "position", "triple", "confidence", "source", "metadata")
        unknown = sorted(set(changes) - set(allowed))
        if unknown or not changes:
            raise InvalidQueryError(
                f"update: {checks.shown(unknown or 'nothing')} can't be changed; allowed are"
                f" {', '.join(allowed)}"
            )
        with arguments_of("update"):
            new = replace(record, **changes)
        if set(changes) == {"metadata"}:
            self.robo.annotate(id, new.metadata)
            return id
        return self.robo.correct(id, replace(new, id=0), self.robo.picture(id))

    def retract(self, id: int) -> None:
        """The record ``id`` was never true: what was believed without it holds again. For what is no longer
        so, :meth:`relate` with "no longer"."""
        self.robo.retract(id)

    def forget(self, /, id: int | None = None, **rules: Any) -> int:
        """Forgets the record ``id``, or what ``rules`` choose; see :meth:`RoboMemory.forget`. Gives how many
        records are gone, from the disk and from every answer."""
        if id is not None:
            rules["ids"] = [id]
        return self.robo.forget(**rules)

    def retain(self, /, **rules: str | int | None) -> dict[str, str | int]:
        """How long, or how many, records of each memory are kept; see :meth:`RoboMemory.retain`."""
        return self.robo.retain(**rules)

    def at(self, stamp_ns: int, *, known: int | None = None, run: int | None = None) -> Then:
        """The memory as of ``stamp_ns`` [ns, the robot's clock], as it was known at ``known`` [ns, the
        computer's clock; None: now].

        Raises:
            InvalidQueryError: a time is no whole number of nanoseconds.
        """
        checks.stamp("at: stamp_ns", stamp_ns, InvalidQueryError)
        if known is not None:
            checks.stamp("at: known", known, InvalidQueryError)
        return Then(self.robo, stamp_ns, known, run)

    def changes(
        self, since_ns: int, until_ns: int | None = None, *, run: int | None = None
    ) -> tuple[SceneChange, ...]:
        """What changed in the scene after ``since_ns`` [ns] and up to ``until_ns`` (None: now)."""
        return self.robo.changes(since_ns, until_ns, run=run)

    def not_seen(
        self,
        region: Ball | Corners | Box,
        *,
        stamp_ns: int | None = None,
        confidence: float = 1.0,
        source: str = "",
        run: int = 0,
        frame: str = "",
    ) -> int:
        """The ball or box ``region`` [m] was in view, and what was not seen in it is not there; gives the
        key of the record that says so. See :meth:`RoboMemory.not_seen`."""
        with arguments_of("not_seen"):
            return self.robo.not_seen(
                region, self._stamp(stamp_ns), confidence=confidence, source=source, run=run, frame=frame
            )

    def close(self) -> None:
        """Gives the file back."""
        self.robo.close()

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stamp(self, stamp_ns: int | None) -> int:
        return self.robo.clock_ns() if stamp_ns is None else stamp_ns
