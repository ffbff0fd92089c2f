"""Image pairs of the tasks beyond pick and place, for the world model and the detector.

The same arrays as :mod:`vista_sim.generate.pairs` writes, with room for more things in an image (``SLOTS``).
A drawer's handle has the index after the tray's. ``drawer`` stands for one drawer, ``search`` for three, with
something hidden in one; both are opened, filled, emptied and shut.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from vista.errors import UnknownNameError
from vista.learning.shards import Arrays
from vista.learning.splits import load_splits
from vista.skill import Relation, Skill, Verb
from vista_sim.experts import drawer_expert
from vista_sim.experts.goal_states import Snapshot, carry_to, show_grasped
from vista_sim.generate.pairs import Shard, choose_labels, random_arm
from vista_sim.generate.starts import random_start
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.render import Camera
from vista_sim.scenes.cabinet_scenes import (
    fits_drawer,
    hideable,
    is_stackable,
    is_support,
    sample_cabinet,
    supports,
)
from vista_sim.scenes.scene import Scene, sample_tabletop
from vista_sim.scenes.table import DEFAULT_ROBOT, Table
from vista_sim.skills import TRAY, SceneSkills
from vista_sim.world import World, shared_kinematics, top_down, yaw_of

TASKS = ("stack", "drawer", "search")
SLOTS = 9


def sample_task_scene(
    task: str, seed: int, labels: Sequence[str], patterns: Sequence[str], table: Table | None = None
) -> Scene:
    """The scene of one seed.

    Raises:
        UnknownNameError: no pairs are made of ``task``.
    """
    if task not in TASKS:
        raise UnknownNameError("task with image pairs", task, TASKS)
    rng = np.random.default_rng(seed + 10**6)
    count = int(rng.integers(2, 5))
    chosen = choose_labels(labels, count, rng)
    if task == "stack":
        under = str(rng.choice([s for s in supports(labels, None) if s not in chosen[: count - 1]]))
        return sample_tabletop(
            seed, [under, *chosen[: count - 1]], patterns, count=count, required=[under], table=table
        )
    hidden = task == "search"
    if hidden:
        chosen[0] = str(rng.choice([s for s in hideable(labels, None) if s not in chosen[1:]]))
    return sample_cabinet(
        seed, chosen, patterns, drawers=3 if hidden else 1, distractors=count - 1, subject=chosen[0],
        hidden=hidden, tray=hidden, table=table,
    )  # fmt: skip


class _Studio:
    """Photographs the skills of one scene."""

    def __init__(self, shard: Shard, world: World, camera: Camera, rng: np.random.Generator) -> None:
        self._shard, self.world, self._camera, self.rng = shard, world, camera, rng
        self._skills = SceneSkills(world.scene)

    def source(self) -> int:
        """The number of an image of what the world is like now."""
        image = self._shard.shoot(self.world, self._camera)
        self._shard.look(self.world, image)
        return image

    def pair(self, source: int, skill: Skill, *, held: bool = False, look: bool = True) -> int:
        """Set the world to the end of ``skill`` and pair ``source`` with its image then."""
        self._skills.show(self.world, skill)
        goal = self._shard.pair(self.world, self._camera, source, skill, int(held))
        if look:
            self._shard.look(self.world, goal)
        return goal

    def move_arm(self, low: bool = False) -> None:
        """The empty hand somewhere else."""
        pose = random_arm(self.world, self.rng) if low else random_start(self.world, self.rng)
        self.world.set_arm(self.world.kinematics.inverse(pose, self.world.joints, iterations=40), 1.0)
        self.world.gripper_command = 1.0
        mujoco.mj_forward(self.world.model, self.world.data)

    def hold(self, index: int, clearance: float = 0.0) -> int:
        """Object ``index`` in the hand, near where it was, or carried ``clearance`` [m] above that."""
        world, rng = self.world, self.rng
        show_grasped(world, index)
        pose = world.ee_pose()
        x, y = pose[:2, 3] + rng.normal(0, 0.04 if rng.random() < 0.5 else 0.004, 2)
        z = pose[2, 3] + (rng.uniform(0, 0.13) + clearance if rng.random() < 0.4 else rng.normal(0, 0.004))
        carry_to(world, index, top_down(x, y, max(z, 0.02), yaw_of(pose) + rng.normal(0, 0.05)))
        return self.source()


def _stack_pairs(studio: _Studio) -> None:
    world, rng = studio.world, studio.rng
    things = list(enumerate(world.scene.objects))
    studio.move_arm(low=True)
    start, source = Snapshot(world), studio.source()
    below = [i for i, p in things if is_support(p.spec)]
    above = [i for i, p in things if is_stackable(p.spec)]
    for i in rng.permutation(len(things))[:2]:
        studio.pair(source, Skill(Verb.GRASP, things[i][1].spec.label), look=False)
        start.restore()
    ways = [(a, b) for a in above for b in below if a != b]
    for k in rng.permutation(len(ways))[:3]:
        top, under = ways[k]
        held = studio.hold(top)
        labels = [placed.spec.label for _, placed in things]
        studio.pair(held, Skill(Verb.PLACE, labels[top], Relation.ON, labels[under]), held=True)
        start.restore()


def _drawer_pairs(studio: _Studio) -> None:
    world, rng = studio.world, studio.rng
    scene, names = world.scene, DRAWER_NAMES[world.scene.drawers]
    studio.move_arm()
    start, source = Snapshot(world), studio.source()
    for name in names:
        studio.pair(source, Skill(Verb.OPEN, name))
        start.restore()
    hidden = next((p.drawer for p in scene.objects if p.drawer is not None), 0)
    drawer = hidden if rng.random() < 0.7 else int(rng.integers(len(names)))
    drawer_expert.show_opened(world, drawer)
    studio.move_arm()
    opened, source = Snapshot(world), studio.source()
    studio.pair(source, Skill(Verb.CLOSE, names[drawer]))
    opened.restore()
    in_view = [i for i, p in enumerate(scene.objects) if p.drawer in (None, drawer)]
    first = [i for i in in_view if scene.objects[i].drawer is not None]
    chosen = [*first, *(int(i) for i in rng.permutation([i for i in in_view if i not in first]))][:2]
    for i in chosen:
        label, spec = scene.objects[i].spec.label, scene.objects[i].spec
        studio.pair(source, Skill(Verb.GRASP, label), look=False)
        opened.restore()
        held = studio.hold(i, 0.06)
        if scene.tray is not None:
            carried = Snapshot(world)
            studio.pair(held, Skill(Verb.PLACE, label, Relation.IN, TRAY), held=True)
            carried.restore()
        inside = studio.pair(held, Skill(Verb.PLACE, label, Relation.IN, names[drawer]), held=True)
        if fits_drawer(spec):
            studio.pair(inside, Skill(Verb.CLOSE, names[drawer]))
        opened.restore()


def make_task_pairs(seeds: Sequence[int], task: str, robot: str = DEFAULT_ROBOT) -> Arrays:
    """Arrays of the scenes of ``seeds`` on the world model's split."""
    splits, kinematics = load_splits(), shared_kinematics(robot)
    shard, table = Shard(slots=SLOTS), Table.of(kinematics.spec)
    for seed in seeds:
        scene = sample_task_scene(task, seed, splits.world_objects, splits.world_patterns, table)
        world = World(scene, kinematics.spec, kinematics)
        camera = Camera(world.model)
        try:
            studio = _Studio(shard, world, camera, np.random.default_rng(seed + 2 * 10**6))
            (_stack_pairs if task == "stack" else _drawer_pairs)(studio)
        finally:
            camera.close()
    return shard.arrays()
