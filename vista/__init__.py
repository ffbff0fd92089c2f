"""Goal-image planning and execution for robot arms. ``import vista`` needs numpy alone; a name is loaded when
it is used first."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Name -> module. What a user of the library needs; everything else is imported from its own module.
_HOME = {
    **dict.fromkeys(("Relation", "Skill", "Verb"), "vista.skill"),
    **dict.fromkeys(
        ("ActionChunk", "ActionSpace", "Cause", "Detection", "EpisodeResult", "Grounding", "Observation",
         "Pose", "Progress",
         "RobotSpec", "Subgoal", "Subtask"),
        "vista.types",
    ),
    **dict.fromkeys(("Event", "Listener"), "vista.events"),
    **dict.fromkeys(("MotionParts", "Parts", "pursue", "run_task"), "vista.loop"),
    **dict.fromkeys(("Refs", "load_parts"), "vista.assembly"),
    "load_robot": "vista.robot.contract",
    "VistaError": "vista.errors",
}  # fmt: skip

__all__ = [*_HOME]

if TYPE_CHECKING:
    from vista.assembly import Refs as Refs
    from vista.assembly import load_parts as load_parts
    from vista.errors import VistaError as VistaError
    from vista.events import Event as Event
    from vista.events import Listener as Listener
    from vista.loop import MotionParts as MotionParts
    from vista.loop import Parts as Parts
    from vista.loop import pursue as pursue
    from vista.loop import run_task as run_task
    from vista.robot.contract import load_robot as load_robot
    from vista.skill import Relation as Relation
    from vista.skill import Skill as Skill
    from vista.skill import Verb as Verb
    from vista.types import ActionChunk as ActionChunk
    from vista.types import ActionSpace as ActionSpace
    from vista.types import Cause as Cause
    from vista.types import Detection as Detection
    from vista.types import EpisodeResult as EpisodeResult
    from vista.types import Grounding as Grounding
    from vista.types import Observation as Observation
    from vista.types import Pose as Pose
    from vista.types import Progress as Progress
    from vista.types import RobotSpec as RobotSpec
    from vista.types import Subgoal as Subgoal
    from vista.types import Subtask as Subtask


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'vista' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
