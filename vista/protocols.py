"""The seams of the stack. Everything behind one of these can be swapped by configuration.

None of the methods may block for ever: each either takes a deadline or computes in bounded time.
Unless a method says otherwise an object is used from one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from vista.types import (
    F32,
    ActionChunk,
    ActionSpace,
    Detection,
    Digest,
    Grounding,
    NextStep,
    Observation,
    Progress,
    RobotSpec,
    Subgoal,
    Subtask,
    SubtaskResult,
    Verdict,
)

ShouldStop = Callable[[], str | None]
"""Asked at every step: None to go on, else the cause to end."""


@runtime_checkable
class Robot(Protocol):
    """An arm with cameras: simulated, behind ROS, or a mock; the loop cannot tell them apart."""

    @property
    def spec(self) -> RobotSpec: ...

    def observe(self, timeout_s: float = 1.0) -> Observation:
        """The newest observation, at least as new as the end of what was sent last.

        Raises:
            StaleObservationError: none arrived within ``timeout_s`` [s]; the silent source is named.
        """
        ...

    def send(self, chunk: ActionChunk) -> None:
        """Start to execute ``chunk``. A lockstep robot runs it to its end before it returns; a robot in
        free running time returns at once. A later chunk replaces what is left of an earlier one.

        Raises:
            RobotStoppedError: the robot was stopped; the message holds the cause.
        """
        ...

    def stop(self, cause: str) -> None:
        """Hold still from now on. Idempotent, safe from any thread; the first cause is kept."""
        ...


@runtime_checkable
class Lockstep(Protocol):
    """A robot that says whether its time waits for whoever plans: then only ``send`` moves its clock. One
    that does not say so runs free."""

    @property
    def lockstep(self) -> bool: ...


@runtime_checkable
class Detector(Protocol):
    """Finds things in an observation's images. Never reads simulator truth (except the named oracle).
    :class:`vista.perception.DetectorBase` does all but :meth:`detect`."""

    @property
    def labels(self) -> frozenset[str] | None:
        """The names that it knows; None for a detector that looks for any words."""
        ...

    @property
    def exhaustive(self) -> bool:
        """Whether it overlooks and misnames nothing: what it does not report is not in view."""
        ...

    def detect(self, obs: Observation) -> Sequence[Detection]:
        """Everything that is seen, best first."""
        ...

    def find(self, obs: Observation, label: str) -> Detection | None:
        """What fits ``label`` best, with how well [0, 1] as its score, however badly; None where nothing fits
        at all."""
        ...

    def evidence(self, obs: Observation, label: str, above_m: float | None = None) -> F32 | None:
        """How well each cell of a square grid over the first camera's image fits ``label``, f32 (N, N) in
        [0, 1]. With ``above_m`` the map is of the point right above the thing at that height [m, base frame].
        None for a detector that has no such map."""
        ...


@runtime_checkable
class Planner(Protocol):
    """Chooses the next subtask from what is seen, told and recalled."""

    def reset(self) -> None:
        """A new plan begins: the last subtask failed or was rejected, or there was none."""
        ...

    def next(
        self,
        obs: Observation,
        instruction: str,
        recall: Sequence[MemoryItem],
        last: SubtaskResult | None = None,
    ) -> NextStep:
        """The next subtask. ``recall``: what the memory says, remarks of the loop first; ``last``: how the
        subtask before this one ended, None for the first and after one that was rejected. A question or an
        answer ends the task; before the first subtask nothing has moved."""
        ...


@runtime_checkable
class Critic(Protocol):
    """May reject a subtask before it is tried: None accepts, a sentence rejects and says why."""

    def review(
        self, obs: Observation, instruction: str, subtask: Subtask, recall: Sequence[MemoryItem]
    ) -> str | None: ...


@runtime_checkable
class Preprocessor(Protocol):
    """Turns an observation into a summary and queries to the memory, in bounded time (RoboMemory's
    information preprocessor, arXiv 2508.01415)."""

    def digest(
        self,
        obs: Observation,
        instruction: str,
        seen: Sequence[Detection],
        last: SubtaskResult | None = None,
    ) -> Digest: ...


@runtime_checkable
class WorldModel(Protocol):
    """Imagines what the cameras see when a subtask is done."""

    def imagine(
        self, obs: Observation, subtask: Subtask, seed: int = 0, grounding: Grounding | None = None
    ) -> Subgoal:
        """The goal images of ``subtask`` begun from ``obs``. ``grounding``: where its thing and place are;
        None for a sentence that is no skill, and where nothing was looked for."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Plans a short chunk of actions towards a subgoal."""

    @property
    def action_space(self) -> ActionSpace: ...

    def reset(self) -> None:
        """Forget the last subgoal; called whenever a new one starts."""
        ...

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk: ...


@runtime_checkable
class Switcher(Protocol):
    """Decides when a subgoal is reached, is failing, or has taken too long."""

    def reset(self, subgoal: Subgoal, start_stamp_ns: int) -> None: ...

    def judge(self, obs: Observation, chunk: ActionChunk) -> Progress: ...


@runtime_checkable
class Guard(Protocol):
    """Stands between everything learned and the motors."""

    def reset(self) -> None: ...

    def check(self, chunk: ActionChunk, obs: Observation) -> Verdict: ...


class MemoryItem(Protocol):
    """The slice of a recalled item that planners read; RoboMemory's ``Recall`` satisfies it."""

    @property
    def text(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def score(self) -> float: ...


class Note(Protocol):
    """What a memory keeps; made by :meth:`Memory.note`, in the memory's own type (``robomemory.Note``)."""

    @property
    def kind(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def stamp_ns(self) -> int: ...

    @property
    def entities(self) -> tuple[str, ...]: ...

    @property
    def position(self) -> tuple[float, float, float] | None: ...

    @property
    def triple(self) -> tuple[str, str, str] | None: ...

    @property
    def confidence(self) -> float: ...

    @property
    def source(self) -> str: ...


@runtime_checkable
class Memory(Protocol):
    """RoboMemory as the loop sees it; several memories are written and recalled in parallel behind it."""

    def begin_run(self, start_ns: int) -> int:
        """The number, from 1, of the run of the robot's clock that begins at ``start_ns`` [ns]: what is noted
        in a later run is newer, whatever its stamps say."""
        ...

    def note(
        self,
        kind: str,
        text: str,
        stamp_ns: int,
        *,
        entities: tuple[str, ...] = (),
        position: tuple[float, float, float] | None = None,
        confidence: float = 1.0,
        source: str = "",
        run: int = 0,
        step: tuple[str, str, str, str, str] | None = None,
    ) -> Note:
        """A note that :meth:`remember` takes. ``kind``: "spatial", "temporal", "episodic" or "semantic";
        ``entities``: names of what it is about; ``position`` (3,) of the first [m, base frame]; ``run``: from
        :meth:`begin_run`, of whose clock ``stamp_ns`` is; ``step``: (verb, thing, relation, place, state) of
        a step that was tried."""
        ...

    def remember(self, notes: Sequence[Note]) -> object:
        """Keep ``notes``, all or none. Returns once they are durable."""
        ...

    def recall(self, queries: Sequence[str], *, k: int = 5, timeout_s: float = 1.0) -> Sequence[MemoryItem]:
        """What fits the queries best, best first. A memory that misses the deadline is left out."""
        ...
