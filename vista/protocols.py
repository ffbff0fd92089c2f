"""The seams of the stack. Everything behind one of these can be swapped by configuration.

None of the methods may block for ever: each either takes a deadline or computes in bounded time.
Unless a method says otherwise an object is used from one thread at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from vista.types import (
    ActionChunk,
    ActionSpace,
    Detection,
    Done,
    Impossible,
    Note,
    Observation,
    Progress,
    RobotSpec,
    Subgoal,
    Subtask,
    Verdict,
)


class MemoryItem(Protocol):
    """The slice of a recalled item that planners read; RoboMemory's ``Recall`` satisfies it."""

    @property
    def text(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def score(self) -> float: ...


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
    """Finds objects in an observation's images. Never reads simulator truth (except the named oracle)."""

    def detect(self, obs: Observation) -> Sequence[Detection]: ...


@runtime_checkable
class Finder(Protocol):
    """A detector that can look for one thing by its name, "<colour> <shape>": what fits it best, with how
    well [0, 1] as its score, however badly; None where nothing fits at all."""

    def find(self, obs: Observation, label: str) -> Detection | None: ...


@runtime_checkable
class Planner(Protocol):
    """Chooses the next subtask from what is seen, told and recalled."""

    def reset(self) -> None: ...

    def next(
        self, obs: Observation, instruction: str, recall: Sequence[MemoryItem]
    ) -> Subtask | Done | Impossible: ...


@runtime_checkable
class Explains(Protocol):
    """A planner that says in words why it chose its last subtask."""

    @property
    def why(self) -> str: ...


@runtime_checkable
class Critic(Protocol):
    """May reject a subtask before it is tried: None accepts, a sentence rejects and says why."""

    def review(
        self, obs: Observation, instruction: str, subtask: Subtask, recall: Sequence[MemoryItem]
    ) -> str | None: ...


@runtime_checkable
class WorldModel(Protocol):
    """Imagines what the cameras see when a subtask is done."""

    def imagine(self, obs: Observation, subtask: Subtask, seed: int = 0) -> Subgoal: ...


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


@runtime_checkable
class Memory(Protocol):
    """RoboMemory as the loop sees it; several memories are written and recalled in parallel behind it."""

    def begin_run(self, start_ns: int) -> int:
        """The number, from 1, of the run of the robot's clock that begins at ``start_ns`` [ns]: what is noted
        in a later run is newer, whatever its stamps say."""
        ...

    def remember(self, notes: Sequence[Note]) -> None:
        """Keep ``notes``, all or none. Returns once they are durable."""
        ...

    def recall(self, queries: Sequence[str], *, k: int = 5, timeout_s: float = 1.0) -> Sequence[MemoryItem]:
        """What fits the queries best, best first. A memory that misses the deadline is left out."""
        ...
