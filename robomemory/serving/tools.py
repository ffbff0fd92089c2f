"""The tools that an agent can call: what each takes, what it does and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from robomemory.asking.times import is_wall
from robomemory.errors import InvalidQueryError
from robomemory.front.door import Memory
from robomemory.serving import shapes
from robomemory.timestamps import FOREVER_NS

MOST_K = 50
SHOWN = 50
_NAME = Field(min_length=1, max_length=300, description='The name of a thing, such as "red mug" or "mug"')
_K = Field(default=10, ge=1, le=MOST_K, description="Most items")
_LIMIT = Field(default=SHOWN, ge=1, le=shapes.MOST_ITEMS, description="Most items a list")
_RUN = Field(default=None, ge=0, description="The run of the robot's clock; null: the current one")
_SOURCE = Field(default="mcp", min_length=1, max_length=200, description="Who tells it")
_SURE = Field(default=1.0, ge=0.0, le=1.0, description="How sure, 0 to 1")
_AT = Field(default=None, description="Seconds of the robot's clock; null: now", ge=0.0, le=9e9)


class Arguments(BaseModel):
    """The arguments of a tool; others are refused."""

    model_config = ConfigDict(extra="forbid")


class AskArguments(Arguments):
    question: str = Field(
        min_length=1,
        max_length=2_000,
        description='In English: "where is the red mug, since when, who saw it", "what was in the drawer '
        'before", "what changed since I left"',
    )
    since_s: float | None = Field(
        default=None, ge=0.0, le=9e9,
        description="Since when things have changed, where the question leaves that open, in seconds of "
                    "the robot's clock",
    )  # fmt: skip
    k: int = Field(default=5, ge=1, le=MOST_K, description="Most records, where the answer is records")
    min_score: float | None = Field(
        default=None,
        ge=0.0,
        le=1.0,
        description="What is less like the question is no answer; null: as measured",
    )


class NameArguments(Arguments):
    name: str = _NAME


class HistoryArguments(NameArguments):
    limit: int = _LIMIT


class BallArguments(Arguments):
    x: float = Field(description="metres")
    y: float = Field(description="metres")
    z: float = Field(description="metres")
    radius_m: float = Field(gt=0.0, description="metres")


class FindArguments(Arguments):
    text: str = Field(default="", max_length=2_000, description="Words that the records shall fit")
    kinds: list[Literal["spatial", "temporal", "episodic", "semantic"]] | None = None
    near: BallArguments | None = Field(default=None, description="Only what was seen in this ball")
    since_s: float | None = Field(default=None, ge=0.0, le=9e9, description="Only from this time on")
    until_s: float | None = Field(default=None, ge=0.0, le=9e9, description="Only up to this time")
    run: int | None = _RUN
    relation: str | None = Field(default=None, max_length=100, description='Only facts of it, such as "in"')
    source: str | None = Field(default=None, max_length=200, description="Only what this source told")
    metadata: dict[str, str | float | bool | None] | None = Field(default=None, max_length=20)
    k: int = _K
    min_score: float = Field(default=0.0, ge=0.0, le=1.0)


class SceneArguments(Arguments):
    at_s: float | None = _AT
    run: int | None = _RUN
    limit: int = _LIMIT


class ChangesArguments(Arguments):
    since_s: float = Field(ge=0.0, le=9e9, description="After this time, in seconds of the robot's clock")
    until_s: float | None = Field(default=None, ge=0.0, le=9e9, description="Up to this time; null: now")
    run: int | None = _RUN
    limit: int = _LIMIT


class IdArguments(Arguments):
    id: int = Field(ge=1, le=2**63 - 1, description="The key of a record")


class AddArguments(Arguments):
    text: str = Field(min_length=1, max_length=10_000)
    kind: Literal["spatial", "temporal", "episodic", "semantic"] | None = Field(
        default=None, description="null: spatial where a position is given, else semantic (true in general)"
    )
    about: list[str] = Field(
        default_factory=list, max_length=50, description="Names of the things it is about"
    )
    position: tuple[float, float, float] | None = Field(default=None, description="(x, y, z) in metres")
    at_s: float | None = _AT
    confidence: float = _SURE
    source: str = _SOURCE
    metadata: dict[str, str | float | bool | None] | None = Field(default=None, max_length=20)


class RelateArguments(Arguments):
    subject: str = _NAME
    relation: str = Field(min_length=1, max_length=100, description='"in", "on", "is", "no longer in", ...')
    object: str = _NAME
    position: tuple[float, float, float] | None = Field(default=None, description="of the subject, metres")
    at_s: float | None = _AT
    confidence: float = _SURE
    source: str = _SOURCE


class NotSeenArguments(BallArguments):
    at_s: float | None = _AT
    source: str = _SOURCE


class Tools:
    """The tools over ``memory``."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def ask(self, a: AskArguments) -> shapes.AnswerShape:
        since = None if a.since_s is None else _ns(a.since_s)
        answer = self._memory.ask(a.question, since_ns=since, k=a.k, min_score=a.min_score)
        return shapes.answer_shape(answer, SHOWN)

    def where(self, a: NameArguments) -> shapes.CandidatesShape:
        found, more = shapes.bounded(self._memory.where(a.name), SHOWN)
        return shapes.CandidatesShape(candidates=[shapes.candidate_shape(c) for c in found], left_out=more)

    def find(self, a: FindArguments) -> shapes.RecordsShape:
        near = None if a.near is None else ((a.near.x, a.near.y, a.near.z), a.near.radius_m)
        between = None
        if a.since_s is not None or a.until_s is not None:
            between = (_ns(a.since_s or 0.0), FOREVER_NS if a.until_s is None else _ns(a.until_s))
        elif a.run is not None:
            between = (0, FOREVER_NS)
        found = self._memory.find(
            a.text, kinds=a.kinds, near=near, between=between, run=a.run, relation=a.relation,
            source=a.source, metadata=a.metadata, k=a.k, min_score=a.min_score,
        )  # fmt: skip
        return shapes.RecordsShape(records=[shapes.record_shape(f.record, f.score) for f in found])

    def history(self, a: HistoryArguments) -> shapes.HistoryShape:
        stays, more = shapes.bounded(self._memory.history(a.name), a.limit, newest=True)
        return shapes.HistoryShape(stays=[shapes.stay_shape(s) for s in stays], left_out=more)

    def scene(self, a: SceneArguments) -> shapes.SceneShape:
        robo = self._memory.robo
        scene = robo.scene() if a.at_s is None else robo.scene(_ns(a.at_s), run=a.run)
        if a.at_s is None and a.run is not None:
            raise InvalidQueryError(f"scene: run {a.run} without at_s, which is a time of it")
        things = sorted(scene.objects, key=lambda thing: thing.last_seen, reverse=True)
        shown, more_things = shapes.bounded(things, a.limit)
        facts, more_facts = shapes.bounded(scene.facts, a.limit, newest=True)
        now = robo.now()
        return shapes.SceneShape(
            now_s=shapes.seconds(now.ns), run=now.run, things=[shapes.thing_shape(t) for t in shown],
            facts=[shapes.fact_shape(f) for f in facts], left_out=more_things + more_facts,
        )  # fmt: skip

    def changes(self, a: ChangesArguments) -> shapes.ChangesShape:
        until = None if a.until_s is None else _ns(a.until_s)
        every = self._memory.changes(_ns(a.since_s), until, run=a.run)
        changes, more = shapes.bounded(every, a.limit, newest=True)
        return shapes.ChangesShape(changes=[shapes.change_shape(c) for c in changes], left_out=more)

    def get(self, a: IdArguments) -> shapes.RecordOrNone:
        record = self._memory.get(a.id)
        return shapes.RecordOrNone(record=None if record is None else shapes.record_shape(record))

    def add(self, a: AddArguments) -> shapes.KeptShape:
        key = self._memory.add(
            a.text, kind=a.kind, about=a.about, position=a.position, stamp_ns=self._stamp(a.at_s),
            confidence=a.confidence, source=a.source, metadata=a.metadata,
        )  # fmt: skip
        return shapes.KeptShape(id=key)

    def relate(self, a: RelateArguments) -> shapes.KeptShape:
        key = self._memory.relate(
            a.subject, a.relation, a.object, position=a.position, stamp_ns=self._stamp(a.at_s),
            confidence=a.confidence, source=a.source,
        )  # fmt: skip
        return shapes.KeptShape(id=key)

    def retract(self, a: IdArguments) -> shapes.DoneShape:
        self._memory.retract(a.id)
        return shapes.DoneShape(
            done=f"record {a.id} was never true; what was believed before holds again", records=1
        )

    def not_seen(self, a: NotSeenArguments) -> shapes.DoneShape:
        region = ((a.x, a.y, a.z), a.radius_m)
        self._memory.not_seen(region, stamp_ns=self._stamp(a.at_s), source=a.source)
        return shapes.DoneShape(
            done="what was not seen in that ball is no longer believed to be there", records=0
        )

    def forget(self, a: IdArguments) -> shapes.DoneShape:
        gone = self._memory.forget(a.id)
        return shapes.DoneShape(done=f"{gone} records are gone", records=gone)

    def _stamp(self, at_s: float | None) -> int:
        """``at_s`` in nanoseconds; without it the present of the robot's clock, as far as it is known."""
        if at_s is not None:
            return _ns(at_s)
        now = self._memory.robo.now()
        return self._memory.robo.clock_ns() if is_wall(now) or now.ns == 0 else now.ns


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool: its ``name``, its ``about`` for the model that calls it, the models of its ``arguments`` and
    its ``result``, and what is ``needed`` to be allowed it ("": nothing, "writes", "forget")."""

    name: str
    about: str
    arguments: type[Arguments]
    result: type[BaseModel]
    needed: str = ""

    def bound(self, tools: Tools) -> Callable[[Any], BaseModel]:
        """The tool over a memory."""
        found: Callable[[Any], BaseModel] = getattr(tools, self.name)
        return found


TOOLS = (
    ToolSpec(
        "ask",
        "Ask the robot's memory in words: where something is or was, what is or was in a place, since "
        "when, who saw it "
        "or said so, what changed since a time or since someone left, where it has been, how many there "
        "are, what the "
        "robot did last and why it failed. Several questions can be asked at once, separated by commas. "
        "The answer comes "
        "from recorded facts, as a sentence and as fields; 'nothing' means that nothing fits.",
        AskArguments, shapes.AnswerShape,
    ),
    ToolSpec(
        "where",
        "Every thing that a name may mean, with its position, its holder, since when and by whom that is "
        "known.",
        NameArguments, shapes.CandidatesShape,
    ),
    ToolSpec(
        "find",
        "Records that fit every given condition, best first: words, kinds of memory, a ball in space, a "
        "span of time, "
        "a relation, a source, metadata. At least one condition is needed.",
        FindArguments, shapes.RecordsShape,
    ),
    ToolSpec("history", "Everywhere that a thing has been, oldest "
                        "first.", HistoryArguments, shapes.HistoryShape),
    ToolSpec(
        "scene", "All things with their positions and the facts between them, now or at a time.",
        SceneArguments, shapes.SceneShape,
    ),
    ToolSpec(
        "changes", "What changed in the scene after a time: facts that began or ended, things at another "
                   "place.",
        ChangesArguments, shapes.ChangesShape,
    ),
    ToolSpec("get", "The record of a key; null if none stands.", IdArguments, shapes.RecordOrNone),
    ToolSpec("add", "Remember a text; gives its record's key.", AddArguments, shapes.KeptShape, "writes"),
    ToolSpec(
        "relate",
        "Remember a fact between two things, such as mug, in, drawer; 'no longer in' ends one. Gives the "
        "key.",
        RelateArguments, shapes.KeptShape, "writes",
    ),
    ToolSpec(
        "retract",
        "Say that a record was never true: what was believed without it holds again. For what is no "
        "longer so, relate "
        "with 'no longer'.",
        IdArguments, shapes.DoneShape, "writes",
    ),
    ToolSpec(
        "not_seen",
        "Say that a ball in space was in view: what is remembered there and was not seen is not there any "
        "more.",
        NotSeenArguments, shapes.DoneShape, "writes",
    ),
    ToolSpec(
        "forget", "Erase a record for good, with all that was derived from it. It can't be undone.",
        IdArguments, shapes.DoneShape, "forget",
    ),
)  # fmt: skip


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
