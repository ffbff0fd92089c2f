"""What a running task tells to whoever listens: recorder, terminal and bench hear the same stream."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from vista.protocols import MemoryItem
from vista.types import U8, Detection, EpisodeResult, Progress, Subgoal, Subtask


class EventKind(StrEnum):
    """What happened; the comment names the fields of :class:`Event` that are filled."""

    TASK_STARTED = "task_started"  # text: the instruction
    STAGE_STARTED = "stage_started"  # stage
    STAGE_ENDED = "stage_ended"  # stage, seconds; also of parts of a stage ("pursue.predict"), which only end
    DETECTED = "detected"  # detections, images
    RECALLED = "recalled"  # recall
    SUBTASK_STARTED = "subtask_started"  # subtask, images as the cameras see it now
    PLANNED = "planned"  # subtask, with why this one, where the planner tells
    REJECTED = "rejected"  # subtask, text: who rejected it and why
    IMAGINED = "imagined"  # subtask, subgoal
    PROGRESS = "progress"  # progress
    SUBTASK_ENDED = "subtask_ended"  # subtask, progress, images as the cameras see it now
    WARNING = "warning"  # text: something failed that does not end the task
    TASK_ENDED = "task_ended"  # result


@dataclass(frozen=True, slots=True, eq=False)  # images have no truth value: compare by identity
class Event:
    """One thing that happened.

    ``at_s``: wall time on a clock that only goes forward [s], to be subtracted from that of another
    event; ``seconds``: wall time of a stage [s]; ``images`` {camera: u8 (H, W, 3) RGB}. The other fields
    are filled as :class:`EventKind` says.
    """

    kind: EventKind
    stage: str = ""
    seconds: float = 0.0
    text: str = ""
    subtask: Subtask | None = None
    subgoal: Subgoal | None = None
    progress: Progress | None = None
    images: Mapping[str, U8] = field(default_factory=dict)
    recall: Sequence[MemoryItem] = ()
    detections: Sequence[Detection] = ()
    result: EpisodeResult | None = None
    at_s: float = field(default_factory=time.monotonic)


class Listener(Protocol):
    """Hears what happens, in the thread of the loop; any function of one event is one."""

    def __call__(self, event: Event, /) -> None: ...


def ignore(_: object) -> None:
    """A listener for those who do not listen."""


def fan_out(*listeners: Listener) -> Listener:
    """One listener that passes every event to all ``listeners``, in their order."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
