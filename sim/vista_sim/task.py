"""A task: a scene, an instruction, the skills that carry it out, and the facts that make it done.

A new task is a class of about 25 lines that derives from :class:`Task` and writes :meth:`Task.set_up`. One in
the folder ``vista_sim/tasks`` is found by its place; a user's own is named ``FILE.py`` or ``module:Class``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from vista.errors import InvalidValueError, UnknownNameError
from vista.skill import Relation, Skill, Verb
from vista.values import sequence, text, whole
from vista_sim.experts.tabletop import ExpertAction
from vista_sim.experts.tray_ways import BESIDE_OTHERS, TrayWay
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.objects.specs import ObjectSpec
from vista_sim.scenes.scene import Placed, Scene
from vista_sim.scenes.table import MOST_OBJECTS, Table, table_of
from vista_sim.skills import SceneSkills
from vista_sim.world import World

LASTING = (Verb.PLACE, Verb.CLOSE)
"""What these verbs bring about has to hold at the end of a task."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a scene may be drawn from.

    Object ``labels``, table ``patterns``, number of other objects (``distractors``), a user's own objects by
    label (``library``), a whole scene given by a file (``fixed``), and the ``table`` of the arm; by default
    that of the arm that is simulated by default.

    Raises:
        InvalidValueError: a label or pattern that is no text, or more distractors than the table holds.
    """

    labels: tuple[str, ...]
    patterns: tuple[str, ...]
    distractors: int = 3
    library: Mapping[str, ObjectSpec] | None = None
    fixed: Scene | None = None
    table: Table = field(default_factory=table_of)

    def __post_init__(self) -> None:
        for name in ("labels", "patterns"):
            for each in sequence(f"Choice.{name}", getattr(self, name)):
                text(f"Choice.{name}", each)
        whole("Choice.distractors", self.distractors, 0, MOST_OBJECTS - 1)


@dataclass(frozen=True, slots=True)
class TaskSetup:
    """What one task is: its ``scene``, the ``instruction``, the ``skills`` that carry it out in this order,
    and the ``goal``: skills whose effects make it done. None: the effects of every placing and closing."""

    scene: Scene
    instruction: str
    skills: tuple[Skill, ...]
    goal: tuple[Skill, ...] | None = None


class Task(ABC):
    """One task in the scene of ``seed``. Its methods read the simulator's truth.

    Attributes: ``scene``, ``instruction``, ``skills``, ``goal`` as in :class:`TaskSetup`; ``targets``: the
    labels of the things that it moves, ``target`` the first of them; ``name``: by default the class's name in
    lower case; ``tray_way``: how its expert puts things into the tray.

    Args:
        seed: Of the scene and of the other draws.
        choice: What the scene may be drawn from.
        target: What the task is about; None: drawn.

    Raises:
        UnknownNameError: no such object. InvalidValueError: a scene that lacks what the task needs.
    """

    name: ClassVar[str]
    tray_way: ClassVar[TrayWay] = BESIDE_OTHERS

    def __init_subclass__(cls) -> None:
        if "name" not in vars(cls):
            cls.name = cls.__name__.lower()

    def __init__(self, seed: int, choice: Choice, target: str | None = None) -> None:
        made = self.set_up(seed, choice, target, np.random.default_rng(seed + 10**6))
        self.scene, self.instruction, self.skills = made.scene, made.instruction, made.skills
        lasting = tuple(skill for skill in made.skills if skill.verb in LASTING)
        self.goal = lasting if made.goal is None else made.goal
        moved = (skill.thing for skill in self.goal if skill.verb in (Verb.GRASP, Verb.PLACE))
        self.targets: tuple[str, ...] = tuple(dict.fromkeys(moved))
        self.target = self.targets[0] if self.targets else ""
        self._meaning = SceneSkills(self.scene, self.tray_way, self.opened_for)
        for skill in (*self.skills, *self.goal):
            self._meaning.check(skill)

    @abstractmethod
    def set_up(self, seed: int, choice: Choice, target: str | None, rng: np.random.Generator) -> TaskSetup:
        """What the task is in the scene of ``seed``. ``rng``: for draws beside the scene."""

    def prepare(self, world: World) -> None:  # noqa: B027 (a task may leave it as it is)
        """Bring a freshly reset world into the task's first state; by default it is there already."""

    def opened_for(self, thing: str) -> int | None:
        """Index of the drawer that goal states about ``thing`` show open, or None."""
        return None

    # --- the truth ---
    def success(self, world: World) -> bool:
        """Whether the goal is reached, and the placed things are at rest, away from an open gripper."""
        placed = [skill.thing for skill in self.goal if skill.verb is Verb.PLACE]
        rests = all(at_rest(world, world.index(label)) for label in placed)
        return rests and all(self._meaning.holds(world, fact) for fact in self.goal)

    def left(self, world: World) -> tuple[str, ...]:
        """The labels of the targets that are not where they should be."""
        facts = [skill for skill in self.goal if skill.verb in (Verb.GRASP, Verb.PLACE)]
        return tuple(dict.fromkeys(fact.thing for fact in facts if not self._meaning.holds(world, fact)))

    def act(self, world: World, skill: Skill) -> ExpertAction:
        """The expert's next action in ``skill``.

        Raises:
            UnknownNameError: the scene has no such skill; so do :meth:`show` and :meth:`holds`.
        """
        return self._meaning.act(world, skill)

    def show(self, world: World, skill: Skill) -> None:
        """Set ``world`` to how it looks when ``skill`` is done, without physics (for true goal images)."""
        self._meaning.show(world, skill)

    def holds(self, world: World, skill: Skill) -> bool:
        """Whether what ``skill`` is for is so now."""
        return self._meaning.holds(world, skill)

    @property
    def known(self) -> tuple[Skill, ...]:
        """Every skill of the scene."""
        return self._meaning.known

    @property
    def drawer(self) -> int | None:
        """Index of the drawer that the task opens first; None if it opens none."""
        opened = (skill.thing for skill in self.skills if skill.verb is Verb.OPEN)
        name = next(opened, None)
        return None if name is None else DRAWER_NAMES[self.scene.drawers].index(name)

    @property
    def hidden_in(self) -> int | None:
        """Index of the drawer in which the target lies at first; None if it stands on the table."""
        return self.scene.find(self.target).drawer if self.target else None


# --- what the tasks share ---
def carry(thing: str, relation: Relation, place: str) -> tuple[Skill, Skill]:
    """The skills that bring ``thing`` in or on ``place``."""
    return Skill(Verb.GRASP, thing), Skill(Verb.PLACE, thing, relation, place)


def at_rest(world: World, index: int) -> bool:
    """The object hardly moves, the gripper is told to be open and is away from it."""
    apart = float(np.linalg.norm(world.ee_pose()[:3, 3] - world.object_pose(index)[:3, 3]))
    return world.object_speed(index) < 0.1 and world.gripper_command > 0.5 and apart > 0.05


def standing(scene: Scene) -> list[Placed]:
    """The objects that are not hidden in a drawer."""
    return [p for p in scene.objects if p.drawer is None]


def beside_tray(scene: Scene, task: str) -> list[str]:
    """Labels of the objects that stand on the table of a scene with a tray.

    Raises:
        InvalidValueError: the scene has no tray.
    """
    if scene.tray is None:
        raise InvalidValueError(f"{task} needs a scene with a `tray`")
    return [p.spec.label for p in standing(scene)]


def named(scene: Scene | None, target: str | None, names: Sequence[str]) -> str | None:
    """``target``, or else the first of ``names`` in the instruction of a scene from a file."""
    if target or scene is None:
        return target
    return next((label for label in scene.named(scene.instruction) if label in names), None)


def instruction_of(scene: Scene, wanted: str | None, made: str, word: str) -> str:
    """The scene's own instruction if it asks for this kind of task (``word``) and no object was named, else
    ``made``."""
    return scene.instruction if wanted is None and word in scene.instruction else made


def choose(rng: np.random.Generator, names: Sequence[str], wanted: str | None, kind: str) -> str:
    """``wanted`` if it is one of ``names``; a random one where nothing is wanted.

    Raises:
        UnknownNameError: it is none of them; ``names`` are listed.
    """
    drawn = str(rng.choice(list(names))) if names else ""
    if (wanted or drawn) not in names:
        raise UnknownNameError(kind, wanted or "", names)
    return wanted or drawn
