"""``Memory``: the same memory for whoever knows other libraries of this kind: add, find, update, retract."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from robomemory import checks
from robomemory.asking.answers import Answer
from robomemory.asking.ask import Asking
from robomemory.errors import InvalidNoteError, InvalidQueryError
from robomemory.front.candidates import Candidate, candidates_of
from robomemory.front.pictures import AnyPicture, Compared, Exemplar, Recognition, picture_from, with_picture
from robomemory.graph.scene import SceneChange, SceneFact, SceneGraph, Stay, Whereabouts
from robomemory.memory import RoboMemory
from robomemory.notes import Note, Plain, Position
from robomemory.records import MemoryKind, MemoryRecord, Query, check_k, check_kinds

Ball = tuple[Position, float]
Box = tuple[Position, Position]
MANY = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """A record that was found: its ``id``, the ``record``, and how well it fits, ``score`` [0, 1]."""

    id: int
    record: MemoryRecord
    score: float

    @property
    def text(self) -> str:
        return self.record.text

    @property
    def metadata(self) -> Mapping[str, Plain]:
        return self.record.metadata


@dataclass(frozen=True, slots=True)
class Then:
    """The memory as of the stamp ``at_ns`` [ns, the robot's clock] of ``run``, as it was known at
    ``known_ns`` [ns, the computer's clock] (None: as it is known now)."""

    memory: RoboMemory
    at_ns: int
    known_ns: int | None
    run: int | None

    @property
    def scene(self) -> SceneGraph:
        """Things, facts that held, facts that had ended."""
        return self.memory.scene(self.at_ns, self.known_ns, run=self.run)

    @property
    def facts(self) -> tuple[SceneFact, ...]:
        """The facts that held."""
        return self.scene.facts

    def where(self, name: str) -> Whereabouts | None:
        """Where the thing called ``name`` was; None if that was not known."""
        if self.known_ns is None:
            return self.memory.where_was(name, self.at_ns, run=self.run)
        thing = self.memory.where_is(name)
        label = name if thing is None else thing.name
        scene = self.scene
        said = tuple(str(fact) for fact in scene.facts if fact.subject == label)
        seen = next((each for each in scene.objects if each.name == label), None)
        if seen is None:
            return None
        return Whereabouts(label, seen.position, seen.last_seen_ns, said, "", seen.run)

    def inside(self, name: str) -> tuple[str, ...]:
        """Names of what was in the thing called ``name``, and in those."""
        if self.known_ns is None:
            return self.memory.inside(name, self.at_ns, run=self.run)
        found, edge = dict[str, None](), [name]
        facts = self.facts
        while edge:
            inner = [f.subject for f in facts if f.relation == "in" and f.object in edge]
            edge = [each for each in inner if each not in found and each != name]
            found.update(dict.fromkeys(edge))
        return tuple(found)


class Memory:
    """What a robot knows, in the file ``path`` (``":memory:"``: kept until ``close``), or in a database.

    Stamps are nanoseconds of the robot's clock; where none is given, of the computer's. ``settings`` go to
    :class:`robomemory.RoboMemory`, which ``robo`` is: the same memory for a robot's loop. Any number of
    threads may call any method.

    Raises:
        StoreError: the file can't be used.
    """

    def __init__(self, path: str | os.PathLike[str] = ":memory:", **settings: Any) -> None:
        self.robo = RoboMemory(path, **settings)

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
    ) -> int:
        """Remembers ``text`` and gives the key of its record. ``kind``: "semantic" (what is true in general;
        the default), "episodic" (what was done), "temporal" (a step), "spatial" (of things in the scene; the
        default where a ``position`` [m] of the first thing in ``about`` is given). ``picture`` shows what it
        is about: the bytes of a PNG or JPEG file, a :class:`robomemory.Picture`, or an array u8 (H, W, 3).

        Raises:
            InvalidNoteError: a value breaks the contract of a note; it is named.
        """
        said = kind or ("spatial" if position is not None and about else "semantic")
        names = checks.names("add: about", about, InvalidNoteError)
        shown = None if picture is None else picture_from("add: picture", picture, InvalidNoteError)
        return self._keep(
            Note(
                said, text, self._stamp(stamp_ns), names, position, None, confidence, source, run,
                metadata={} if metadata is None else metadata, picture=shown,
            )
        )  # fmt: skip

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
    ) -> int:
        """Remembers that ``subject`` ``relation`` ``object`` ("mug", "in", "drawer"; "mug", "no longer in",
        "drawer") and gives the key of the record that says so. ``position`` [m] of the subject. Raises as
        :meth:`add`."""
        checks.names("relate", (subject, relation, object), InvalidNoteError)
        text = f"{subject} {relation} {object}"[: checks.MAX_TEXT]
        return self._keep(
            Note(
                "spatial",
                text,
                self._stamp(stamp_ns),
                (),
                position,
                (subject, relation, object),
                confidence,
                source,
                run,
                metadata={} if metadata is None else metadata,
            )
        )

    def where(self, name: str) -> tuple[Candidate, ...]:
        """Every thing that ``name`` may mean, seen last first, with where it is and how that is known; empty
        if nothing is known of that name. Raises as :meth:`RoboMemory.where_is`."""
        return candidates_of(self.robo, name)

    def find(
        self,
        text: str = "",
        *,
        kinds: Collection[str] | None = None,
        near: Ball | None = None,
        box: Box | None = None,
        between: tuple[int, int] | None = None,
        run: int | None = None,
        relation: str | None = None,
        source: str | None = None,
        metadata: Mapping[str, Plain] | None = None,
        k: int | None = None,
        min_score: float = 0.0,
        picture: AnyPicture | None = None,
        name: str | None = None,
    ) -> tuple[Found, ...]:
        """The records that fit every given condition, best first: like ``text``; of ``kinds``; seen in the
        ball ``near`` ((x, y, z), radius) [m] or the ``box`` (low corner, high corner) [m]; of the span
        ``between`` [ns] of ``run``; whose triple has ``relation``; told by ``source``; with these values in
        their ``metadata``. The ``k`` best (None: 10 with a text, else all). What scores less than
        ``min_score`` is not found: nothing fits is an answer.

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
        if k is not None:
            check_k("find: k", k)
        corners = None if box is None else _corners(box)
        wanted = None if relation is None else Note("spatial", "-", 0, triple=("a", relation, "b")).triple
        asked = check_kinds("find: kinds", kinds) or frozenset(MemoryKind)
        filtered = source is not None or metadata is not None or corners is not None or wanted is not None

        def holds(record: MemoryRecord) -> bool:
            return (
                (source is None or record.source == source)
                and (wanted is None or _relates(record, wanted[1]))
                and (corners is None or _in_box(record.position, corners))
                and all(record.metadata.get(key, ...) == value for key, value in (metadata or {}).items())
            )

        if picture is not None:
            within = Query("-", None, None, near, between, run, box, relation, source, metadata)
            alike = self.robo.alike(
                picture, name=name, kinds=kinds, k=k or 10, min_score=min_score, within=within
            )
            return Compared((Found(r.record.id, r.record, r.score) for r in alike), alike.not_comparable)
        if text or near is not None or between is not None:
            query = Query(text, asked, MANY if filtered or not text else k or 10, near, between, run)
            found = [Found(r.record.id, r.record, r.score) for r in self.robo.recall([query], timeout_s=30.0)]
        elif filtered:
            standing = self.robo.standing(asked)
            found = [
                Found(r.id, r, 1.0) for r in sorted(standing, key=lambda r: (r.moment, r.id), reverse=True)
            ]
        else:
            raise InvalidQueryError(
                "find: no condition is given; expected a text, a place, a time or a value"
            )
        fit = [each for each in found if each.score >= min_score and holds(each.record)]
        return tuple(fit[: k or (10 if text else len(fit))])

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
        """Everywhere the thing called ``name`` has been, oldest first."""
        return self.robo.history(name)

    def update(self, id: int, **changes: Any) -> int:
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
        new = replace(record, **changes)
        if set(changes) == {"metadata"}:
            self.robo.annotate(id, new.metadata)
            return id
        shown = self.robo.picture(id)
        self.robo.retract(id)
        return self._keep(with_picture(replace(new, id=0), shown))

    def retract(self, id: int) -> None:
        """The record ``id`` was never true: what was believed without it holds again. For what is no longer
        so, :meth:`relate` with "no longer"."""
        self.robo.retract(id)

    def forget(self, id: int | None = None, **rules: Any) -> int:
        """Forgets the record ``id``, or what ``rules`` choose; see :meth:`RoboMemory.forget`. Gives how many
        records are gone, from the disk and from every answer."""
        if id is not None:
            rules["ids"] = [id]
        return self.robo.forget(**rules)

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

    def not_seen(self, region: Ball, *, stamp_ns: int | None = None, source: str = "") -> None:
        """The ball ``region`` was in view, and what was not seen in it is not there; see
        :meth:`RoboMemory.not_seen`."""
        self.robo.not_seen(region, self._stamp(stamp_ns), source=source)

    def close(self) -> None:
        """Gives the file back."""
        self.robo.close()

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stamp(self, stamp_ns: int | None) -> int:
        return self.robo.clock_ns() if stamp_ns is None else stamp_ns

    def _keep(self, note: Note | MemoryRecord) -> int:
        return self.robo.remember([note])[0]


def _relates(record: MemoryRecord, relation: str) -> bool:
    from robomemory.names import normal_triple

    if record.triple is None:
        return False
    return normal_triple(*record.triple)[1] == normal_triple("a", relation, "b")[1]


def _corners(box: object) -> Box:
    err = InvalidQueryError
    if not isinstance(box, tuple | list) or len(box) != 2:
        raise err(f"find: box {checks.shown(box)}, expected (low corner, high corner)")
    low, high = (checks.position("find: box [m]", corner, err) for corner in box)
    if any(a > b for a, b in zip(low, high, strict=True)):
        raise err(f"find: box {checks.shown(box)}: a low coordinate is above the high one")
    return low, high


def _in_box(spot: Position | None, box: Box) -> bool:
    return spot is not None and all(a <= v <= b for v, a, b in zip(spot, *box, strict=True))
