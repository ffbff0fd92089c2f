"""What every task is: a scene from a seed, an instruction, subtasks, a predicate, and an expert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vista.errors import UnknownNameError
from vista.values import sequence, text, whole
from vista_sim.experts.tabletop import Action
from vista_sim.objects.specs import ObjectSpec
from vista_sim.scenes.scene import MOST_OBJECTS, Placed, Scene
from vista_sim.world import World


@dataclass(frozen=True, slots=True)
class Choice:
    """What a scene may be drawn from.

    Object ``labels``, table ``patterns``, number of other objects (``distractors``), a user's own objects by
    label (``library``), and a whole scene given by a file (``fixed``).
    """

    labels: tuple[str, ...]
    patterns: tuple[str, ...]
    distractors: int = 3
    library: Mapping[str, ObjectSpec] | None = None
    fixed: Scene | None = None

    def __post_init__(self) -> None:
        """Raise InvalidValueError for anything else."""
        for name in ("labels", "patterns"):
            for each in sequence(f"Choice.{name}", getattr(self, name)):
                text(f"Choice.{name}", each)
        whole("Choice.distractors", self.distractors, 0, MOST_OBJECTS - 1)


class Task(Protocol):
    """One task in one scene. Truth is read by the predicate, the expert and the oracle only."""

    name: str
    scene: Scene
    instruction: str
    subtasks: Sequence[str]

    def success(self, world: World) -> bool:
        """Whether the task is done, by the simulator's truth."""
        ...

    def act(self, world: World, subtask: str) -> Action:
        """The expert's next action in ``subtask``."""
        ...

    def show(self, world: World, subtask: str) -> None:
        """Set ``world`` to how it looks when ``subtask`` is done (for true goal images)."""
        ...

    def prepare(self, world: World) -> None:
        """Bring a freshly reset world into the task's first state (a drawer shut over an object)."""
        ...


def at_rest(world: World, index: int) -> bool:
    """The object hardly moves, the gripper is told to be open and is away from it."""
    apart = float(np.linalg.norm(world.ee_pose()[:3, 3] - world.object_pose(index)[:3, 3]))
    return world.object_speed(index) < 0.1 and world.gripper_command > 0.5 and apart > 0.05


def standing(scene: Scene) -> list[Placed]:
    """The objects that are not hidden in a drawer."""
    return [p for p in scene.objects if p.drawer is None]


def named(scene: Scene | None, target: str | None, names: Sequence[str]) -> str | None:
    """``target``, or else what the instruction of a scene from a file names first among ``names``."""
    if target or scene is None:
        return target
    return next((label for label in scene.named(scene.instruction) if label in names), None)


def sentence(scene: Scene, wanted: str | None, made: str, word: str) -> str:
    """The scene's own instruction if it asks for this kind of task (``word``) and no object was named."""
    return scene.instruction if wanted is None and word in scene.instruction else made


def choose(rng: np.random.Generator, names: Sequence[str], wanted: str | None, kind: str) -> str:
    """``wanted`` if it is one of ``names``, a random one without a wish; UnknownNameError lists them."""
    drawn = str(rng.choice(list(names))) if names else ""
    if (wanted or drawn) not in names:
        raise UnknownNameError(kind, wanted or "", names)
    return wanted or drawn
