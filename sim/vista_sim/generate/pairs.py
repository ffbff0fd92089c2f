"""Action-free image pairs for the world model, the detector and the planner head; no physics is run.

A goal is rendered for every object of a scene, so that the same image with another sentence needs another
answer, and in two of five scenes objects share a colour or a shape.

Arrays per shard: ``image`` u8 (M, 96, 96, 3); pairs ``source``, ``goal`` i4 (P,) into ``image``, ``text``
(P,), ``hand``, ``object`` f32 (P, 2): where the gripper, and the object that the sentence is about, are in
the goal image (x, y as fractions; -1: about no object); ``gripper`` f32 (M, 2): opening and last command;
``stage`` i1 (P,): 0 free, 1 held. Per image of ``seen`` i4 (Q,), those before anything happens, with an
object held and with one in the tray: ``label`` i2 (Q, 6, 2) shape and colour index or -1, ``box`` f32
(Q, 6, 4), ``position`` f32 (Q, 6, 3) [m, base]; the tray's index comes after the shapes.

Here are those of pick and place; :mod:`vista_sim.generate.task_pairs` has the other tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import mujoco
import numpy as np

from vista.learning.images import resize
from vista.learning.shards import Arrays
from vista.learning.splits import load_splits
from vista.skill import Relation, Skill, Verb, network_text
from vista.types import F64
from vista_sim.experts import drawer_expert
from vista_sim.experts.goal_states import Snapshot, carry_to, show_grasped, show_placed
from vista_sim.experts.tabletop import TRAY_FLOOR
from vista_sim.generate.starts import random_start
from vista_sim.render import Camera
from vista_sim.scenes.scene import Scene, sample_tabletop
from vista_sim.scenes.table import DEFAULT_ROBOT, Table
from vista_sim.sight import CAMERA, project, visible
from vista_sim.world import World, shared_kinematics, top_down, yaw_of

MAX_SEEN = 6


def _extent(world: World, index: int) -> F64:
    """Corners (8, 3) of the object's upright bounding box in the base frame."""
    spec = world.scene.objects[index].spec
    half = np.array([spec.half_width, spec.half_width, spec.half_height])
    for geom in spec.geoms:
        if geom.fromto:
            reach = np.abs(np.array(geom.fromto).reshape(2, 3)).max(0) + geom.size[0]
            half = np.maximum(half, reach)
        elif geom.type == "box":
            half = np.maximum(half, geom.size)
    signs = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)])
    pose = world.object_pose(index)
    return (signs * half) @ pose[:3, :3].T + pose[:3, 3]


@dataclass
class Shard:
    """The arrays of one shard while they are made; ``slots``: most things that are noted in an image."""

    image: list[np.ndarray] = field(default_factory=list)
    gripper: list[tuple[float, float]] = field(default_factory=list)
    pairs: list[tuple[int, int, str, np.ndarray, np.ndarray, int]] = field(default_factory=list)
    seen: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)
    slots: int = MAX_SEEN

    def shoot(self, world: World, camera: Camera) -> int:
        """The number of a new image."""
        self.image.append(resize(camera.render(world.data, CAMERA)))
        self.gripper.append((world.gripper, world.gripper_command))
        return len(self.image) - 1

    def pair(self, world: World, camera: Camera, source: int, skill: Skill, stage: int) -> int:
        """Pair image ``source`` with one of the world as it is now, which is the end of ``skill``."""
        goal = self.shoot(world, camera)
        hand = project(world, world.ee_pose()[None, :3, 3])[0]
        labels = [p.spec.label for p in world.scene.objects]
        about = skill.thing in labels
        point = world.object_pose(labels.index(skill.thing))[None, :3, 3] if about else None
        thing = np.full(2, -1.0) if point is None else project(world, point)[0]
        self.pairs.append((source, goal, network_text(skill), hand, thing, stage))
        return goal

    def look(self, world: World, image: int) -> None:
        """Note the things in ``image``, which shows the world as it is now."""
        splits = load_splits()
        label = np.full((self.slots, 2), -1, np.int16)
        box = np.zeros((self.slots, 4), np.float32)
        position = np.zeros((self.slots, 3), np.float32)
        n = 0
        for i, placed in enumerate(world.scene.objects):
            centre = world.object_pose(i)[:3, 3]
            if not visible(world, f"object{i}", centre):
                continue
            uv = project(world, _extent(world, i))
            label[n] = splits.shapes.index(placed.spec.shape), splits.colours.index(placed.spec.colour)
            box[n], position[n] = np.concatenate([uv.min(0), uv.max(0)]), centre
            n += 1
        for drawer in range(world.scene.drawers):
            handle = drawer_expert.handle_position(world, drawer)
            if n < self.slots and visible(world, f"drawer{drawer}", handle):
                ends = np.array([[0.0, y, z] for y in (-0.038, 0.038) for z in (-0.008, 0.008)])
                uv = project(world, handle + ends)
                label[n] = len(splits.shapes) + 1, -1
                box[n], position[n] = np.concatenate([uv.min(0), uv.max(0)]), handle
                n += 1
        if world.scene.tray is not None and n < self.slots:
            corners = np.array(
                [[x, y, z] for x in (-0.06, 0.06) for y in (-0.06, 0.06) for z in (0.0, 0.024)]
            )
            uv = project(world, corners + np.array([*world.scene.tray, 0]))
            label[n] = len(splits.shapes), -1
            box[n], position[n] = np.concatenate([uv.min(0), uv.max(0)]), (*world.scene.tray, 0.0)
        self.seen.append((image, label, box, position))

    def arrays(self) -> Arrays:
        """What was collected (see the module's text)."""
        source, goal, text, hand, thing, stage = zip(*self.pairs, strict=True)
        seen, label, box, position = zip(*self.seen, strict=True)
        return {
            "image": np.stack(self.image),
            "gripper": np.array(self.gripper, np.float32),
            "source": np.array(source, np.int32),
            "goal": np.array(goal, np.int32),
            "text": np.array(text),
            "hand": np.array(hand, np.float32),
            "object": np.array(thing, np.float32),
            "stage": np.array(stage, np.int8),
            "seen": np.array(seen, np.int32),
            "label": np.stack(label),
            "box": np.stack(box),
            "position": np.stack(position),
        }


def choose_labels(labels: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """``count`` labels; two of five draws share a colour or a shape, so that one word is not enough."""
    first = str(rng.choice(list(labels)))
    pool = list(labels)
    if rng.random() < 0.4:
        word = int(rng.integers(2))
        alike = [label for label in labels if label.split()[word] == first.split()[word]]
        pool = alike if len(alike) >= count else pool
    others = [label for label in pool if label != first]
    return [first, *(str(s) for s in rng.permutation(others)[: count - 1])]


def random_arm(world: World, rng: np.random.Generator) -> F64:
    """A hand pose (4, 4) from which a goal is imagined: mostly high, sometimes low beside an object."""
    if rng.random() < 0.2:
        centre = world.object_pose(int(rng.integers(len(world.scene.objects))))[:3, 3]
        angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.05)
        x, y = centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)
        return top_down(x, y, rng.uniform(0.05, 0.14), world.yaw + rng.uniform(-1.0, 1.0))
    if rng.random() < 0.35:
        return world.ready
    return random_start(world, rng)


def sample_pairs_scene(
    seed: int, labels: Sequence[str], patterns: Sequence[str], table: Table | None = None
) -> Scene:
    """The scene of one seed of the world model's data."""
    rng = np.random.default_rng(seed + 10**6)
    count = int(rng.integers(2, 5))
    chosen = choose_labels(labels, count, rng)
    return sample_tabletop(seed, chosen, patterns, count=count, table=table)


def _scene_pairs(shard: Shard, world: World, rng: np.random.Generator) -> None:
    scene = world.scene
    camera = Camera(world.model)
    try:
        n = len(scene.objects)
        world.set_arm(world.kinematics.inverse(random_arm(world, rng), world.joints, iterations=40), 1.0)
        mujoco.mj_forward(world.model, world.data)
        start = Snapshot(world)
        source = shard.shoot(world, camera)
        shard.look(world, source)
        held_for = set(rng.permutation(n)[:2].tolist())
        assert scene.tray is not None
        for i in range(n):
            label = scene.objects[i].spec.label
            show_grasped(world, i)
            shard.pair(world, camera, source, Skill(Verb.GRASP, label), 0)
            if i in held_for:
                pose = world.ee_pose()
                shift = rng.normal(0, 0.04, 2) if rng.random() < 0.5 else rng.normal(0, 0.004, 2)
                x, y = pose[:2, 3] + shift
                z = pose[2, 3] + (rng.uniform(0, 0.13) if rng.random() < 0.4 else rng.normal(0, 0.004))
                carry_to(world, i, top_down(x, y, max(z, 0.02), yaw_of(pose) + rng.normal(0, 0.05)))
                held = shard.shoot(world, camera)
                shard.look(world, held)
                where = np.array(scene.tray) + rng.normal(0, 0.002, 2)
                show_placed(world, i, where, TRAY_FLOOR)
                into_tray = Skill(Verb.PLACE, label, Relation.IN, "tray")
                placed = shard.pair(world, camera, held, into_tray, 1)
                shard.look(world, placed)  # so that a detector learns to see things in the tray
            start.restore()
    finally:
        camera.close()


def make_pairs(seeds: Sequence[int], robot: str = DEFAULT_ROBOT) -> Arrays:
    """Arrays of the scenes of ``seeds`` on the world model's split (see the module's text)."""
    splits, kinematics = load_splits(), shared_kinematics(robot)
    shard, table = Shard(), Table.of(kinematics.spec)
    for seed in seeds:
        scene = sample_pairs_scene(seed, splits.world_objects, splits.world_patterns, table)
        world = World(scene, kinematics.spec, kinematics)
        _scene_pairs(shard, world, np.random.default_rng(seed + 2 * 10**6))
    return shard.arrays()
