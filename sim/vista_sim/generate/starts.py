"""Where demonstrations begin: anywhere above the table, or in states of failed attempts."""

from __future__ import annotations

import mujoco
import numpy as np

from vista.skill import Skill, Verb
from vista.types import F64
from vista_sim.experts import drawer_expert, tabletop
from vista_sim.experts.goal_states import Snapshot, carry_to
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.task import Task
from vista_sim.world import SUBSTEPS, World, top_down, yaw_of

TRIES = 20
AJAR_SHARE, AJAR = 0.3, (0.01, 0.13)
"""Share of the starts at a drawer that find it half open, and how far it is out then [m]."""
IN_VAIN_SHARE = 0.7
"""Share of the searches in which other drawers stand open."""


def random_start(world: World, rng: np.random.Generator) -> F64:
    """An end-effector pose (4, 4) anywhere above the objects."""
    low, high = zip(world.table.start_x, world.table.start_y, world.table.start_z, strict=True)
    x, y, z = rng.uniform(low, high)
    return top_down(x, y, z, world.yaw + rng.uniform(-1.0, 1.0))


def low_start(world: World, index: int, rng: np.random.Generator) -> tuple[F64, float] | None:
    """A state of a failed attempt: the arm low and away from the object, or beside it, perhaps closed.

    Returns the end-effector pose (4, 4) and the opening [0, 1]; None where it would start inside another
    object.
    """
    here = world.object_pose(index)[:3, 3]
    if rng.random() < 0.5:
        table = world.table
        x, y = rng.uniform((table.start_x[0], table.start_y[0]), (table.x[1], table.start_y[1]))
        z = rng.uniform(0.035, 0.16)
    else:
        angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.02, 0.09)
        x, y = here[0] + radius * np.cos(angle), here[1] + radius * np.sin(angle)
        z = rng.uniform(0.03, 0.13)
    for i in range(len(world.scene.objects)):
        centre, spec = world.object_pose(i)[:3, 3], world.scene.objects[i].spec
        if np.hypot(x - centre[0], y - centre[1]) < 0.085 and z < 2 * spec.half_height + 0.03:
            return None
    tray = world.scene.tray
    if tray is not None and max(abs(x - tray[0]), abs(y - tray[1])) < 0.12 and z < 0.06:
        return None
    return top_down(x, y, z, world.yaw + rng.uniform(-1.0, 1.0)), 0.0 if rng.random() < 0.25 else 1.0


def handle_start(world: World, drawer: int, rng: np.random.Generator) -> tuple[F64, float]:
    """A start beside or in front of a drawer's handle; pose (4, 4) and opening as ``low_start``."""
    x, y, _ = drawer_expert.handle_position(world, drawer)
    across, along = rng.uniform(-0.07, 0.07), rng.uniform(0.0, 0.12)
    height = rng.uniform(0.14, 0.22)
    opening = 0.0 if rng.random() < 0.25 else 1.0
    return top_down(x + along, y + across, height, rng.uniform(0.2, 1.8)), opening


def touches(world: World, held: int | None = None) -> bool:
    """Whether the arm, or the object ``held`` in its hand, touches anything else in the scene."""
    m = world.model
    base = int(m.body_rootid[m.site_bodyid[world.site]])

    def side(geom: int) -> bool:
        body = int(m.geom_bodyid[geom])
        return int(m.body_rootid[body]) == base or (held is not None and m.body(body).name == f"object{held}")

    contacts = world.data.contact[: world.data.ncon]
    return any(side(c.geom1) != side(c.geom2) for c in contacts)


def put_hand(world: World, pose: F64, opening: float) -> None:
    """The hand at ``pose`` (4, 4) at once, its fingers ``opening`` [0, 1] and told to be so."""
    world.gripper_command = opening
    world.set_arm(world.kinematics.inverse(pose, world.joints, iterations=60), opening)
    mujoco.mj_forward(world.model, world.data)


def open_in_vain(world: World, wanted: int, rng: np.random.Generator) -> bool:
    """Open drawers other than ``wanted``, as a search does that does not know which one it is: the hand ends
    above the handle of the last. False where none was opened."""
    others = [i for i in range(len(DRAWER_NAMES[world.scene.drawers])) if i != wanted]
    if not others or rng.random() >= IN_VAIN_SHARE:
        return False
    for drawer in rng.permutation(others)[: rng.integers(1, len(others) + 1)]:
        out = rng.uniform(drawer_expert.OPEN, drawer_expert.WIDE + 0.006)
        drawer_expert.slide_to(world, int(drawer), out)
    return True


def start_within(world: World, task: Task, step: int, rng: np.random.Generator) -> bool:
    """Bring ``world`` to where skill ``step`` of ``task`` might begin or go wrong.

    All skills before it are done, and the hand is somewhere, with the thing in it where the skill places one.
    False where no such start was found.
    """
    for before in task.skills[:step]:
        task.show(world, before)
    skill = task.skills[step]
    if skill.verb is Verb.PLACE:
        return _held_start(world, task, skill, rng)
    if skill.verb in (Verb.OPEN, Verb.CLOSE) and rng.random() < AJAR_SHARE:
        drawer = DRAWER_NAMES[world.scene.drawers].index(skill.thing)
        drawer_expert.slide_to(world, drawer, rng.uniform(*AJAR))
    free = Snapshot(world)
    for _ in range(TRIES):
        start: tuple[F64, float] | None
        if skill.verb in (Verb.OPEN, Verb.CLOSE):
            start = handle_start(world, DRAWER_NAMES[world.scene.drawers].index(skill.thing), rng)
        elif rng.random() < 0.35:
            start = random_start(world, rng), 1.0
        else:
            start = low_start(world, world.index(skill.thing), rng)
        if start is not None:
            put_hand(world, *start)
            if not touches(world):
                return True
            free.restore()
    return False


def _held_start(world: World, task: Task, skill: Skill, rng: np.random.Generator) -> bool:
    """The thing of ``skill``, which the fingers hold, close above where it goes, or anywhere."""
    index = world.index(skill.thing)
    world.step(SUBSTEPS)
    held = Snapshot(world)
    task.show(world, skill)
    goal = world.object_pose(index)[:3, 3]
    held.restore()
    for _ in range(TRIES):
        pose = world.ee_pose()
        if rng.random() < 0.65:
            above = rng.uniform(0.004, 0.09)
            wanted = goal + np.array([*rng.normal(0.0, 0.018, 2), above])
            target = wanted + pose[:3, 3] - world.object_pose(index)[:3, 3]
        else:
            target = random_start(world, rng)[:3, 3]
        x, y, z = map(float, target)
        carry_to(world, index, top_down(x, y, z, yaw_of(pose) + rng.normal(0.0, 0.3)))
        if not touches(world, held=index):
            world.step(SUBSTEPS)
            if tabletop.is_held(world, index):
                return True
        held.restore()
    return False
