"""Robot demonstrations: the scripted expert with noise in what is executed, never in the label.

Arrays, a row per control step (0.1 s): ``front``, ``wrist`` u8 (N, 96, 96, 3); ``ee`` f32 (N, 4, 4) measured;
``target`` f32 (N, 4, 4) the expert's clean target; ``gripper`` f32 (N, 4): opening, rate, last command, clean
command; ``done`` u1 (N,); ``segment`` i4 (N,), one number per subtask of an episode, counted per shard.
Per segment: ``goal`` u8 (S, 96, 96, 3), the camera image at its end; ``text`` (S,) the skill in words, for
networks; ``crowded`` u8 (S,): 1 where it puts one of several things into a container; ``instruction`` (S,) of
the episode, which is number ``episode`` i4 (S,) of the shard.

Here are those of pick and place; :mod:`vista_sim.generate.task_demos` has the other tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from vista.errors import InvalidValueError
from vista.learning.images import resize
from vista.learning.shards import Arrays
from vista.learning.splits import load_splits
from vista.skill import Relation, Skill, Verb, network_text
from vista.types import F64
from vista_sim.experts import tabletop
from vista_sim.experts.tabletop import ExpertAction
from vista_sim.generate.starts import low_start, random_start
from vista_sim.objects.specs import LOW, flat
from vista_sim.render import Camera
from vista_sim.scenes.scene import sample_tabletop
from vista_sim.scenes.table import DEFAULT_ROBOT, Table
from vista_sim.world import World, shared_kinematics, top_down, yaw_of

MAX_STEPS = 60
HOLD_STEPS = 2
LOW_SHARE = 0.5
FINE_M = 0.02


class Recorder:
    """Collects the rows of one episode.

    ``several``: the episode brings several things to one place.
    """

    def __init__(self, world: World, camera: Camera, instruction: str, *, several: bool = False) -> None:
        self.world, self.camera, self.instruction, self.several = world, camera, instruction, several
        self.rows: list[tuple[np.ndarray, ...]] = []
        self.segments: list[int] = []
        self.goals: list[np.ndarray] = []
        self.skills: list[Skill] = []

    def row(self, action: ExpertAction) -> None:
        """What is seen and sensed now, and the expert's ``action``."""
        w = self.world
        self.rows.append(
            (
                resize(self.camera.render(w.data, "front")),
                resize(self.camera.render(w.data, "wrist")),
                w.ee_pose().astype(np.float32),
                action.target.astype(np.float32),
                np.array([w.gripper, w.gripper_velocity, w.gripper_command, action.gripper], np.float32),
                np.array(action.done, np.uint8),
            )
        )
        self.segments.append(len(self.goals))

    def end(self, skill: Skill) -> None:
        """``skill`` is done: the image of now is its goal, and the next row begins another segment."""
        self.goals.append(resize(self.camera.render(self.world.data, "front")))
        self.skills.append(skill)

    @property
    def crowded(self) -> list[bool]:
        """Of each segment, whether it puts one of several things into a container."""
        return [self.several and s.verb is Verb.PLACE and s.relation is Relation.IN for s in self.skills]


def noisy(
    world: World, action: ExpertAction, rng: np.random.Generator, sigma: float, careful: bool = False
) -> F64:
    """The target that is executed: the clean one with noise [m], less near the table, and a rare knock.

    ``careful``: less also wherever the expert itself moves by little, such as above what it stacks on.
    """
    target = action.target.copy()
    low = target[2, 3] < 0.1
    if careful and not low and np.linalg.norm(target[:3, 3] - world.ee_pose()[:3, 3]) < FINE_M:
        low, sigma = True, sigma / 2
    size = sigma * (0.35 if low else 1.0)
    if action.gripper < 0.5 and low:
        size = min(size, 0.003)
    elif rng.random() < 0.03:
        size = 0.03 if not low else 0.012
    target[:3, 3] += rng.normal(0.0, size, 3) * (1, 1, 0.6)
    yaw = yaw_of(target) + rng.normal(0.0, 4.0 * size)
    return top_down(target[0, 3], target[1, 3], target[2, 3], yaw)


def run_segment(
    world: World,
    policy: Callable[[], ExpertAction],
    rng: np.random.Generator,
    recorder: Recorder,
    skill: Skill,
    *,
    sigma: float,
    early_close: int = 0,
    about: Callable[[], F64] | None = None,
    limit: int = MAX_STEPS,
    careful: bool = False,
) -> bool:
    """Run ``skill`` with noise; False if the expert did not finish it within ``limit`` steps.

    ``early_close``: how often the fingers are made to close too early, beside or above the thing at ``about``
    (3,) [m]. ``careful``: see :func:`noisy`.
    """
    squeeze = 0
    for _ in range(limit):
        action = policy()
        recorder.row(action)
        if action.done:
            for _hold in range(HOLD_STEPS):
                world.move_to(noisy(world, action, rng, 0.002), action.gripper)
                recorder.row(ExpertAction(policy().target, action.gripper, True))
            recorder.end(skill)
            return True
        gripper = action.gripper
        if about is not None and squeeze < early_close and gripper > 0.5:
            apart = about() - world.ee_pose()[:3, 3]
            if np.hypot(apart[0], apart[1]) < 0.03 and abs(apart[2]) < 0.06 and rng.random() < 0.4:
                squeeze += 1
                gripper = 0.0
        world.move_to(noisy(world, action, rng, sigma, careful), gripper)
    return False


def demonstrate(seed: int, recovery: bool = False, robot: str = DEFAULT_ROBOT) -> Recorder | None:
    """One pick-and-place demonstration on the objects of the robot's split; None if it failed.

    ``recovery``: starts low, beside or away from the object, sometimes with closed fingers.
    """
    splits, kinematics = load_splits(), shared_kinematics(robot)
    rng = np.random.default_rng(seed + 10**6)
    count = int(rng.integers(2, 5))
    # A mug is high and long from above. An executor that knows only high mugs and cans takes whatever is long
    # and round for one, and closes above it: so many episodes are about a low one, a low, narrow box, or a
    # can that fell over.
    is_flat = rng.random() < LOW_SHARE
    labels = [label for label in splits.demo_objects if label.split()[-1] in LOW]
    chosen = str(rng.choice([*labels, *(label for label in labels if label.endswith("can"))]))
    library = {chosen: flat(chosen, rng)} if is_flat else None
    scene = sample_tabletop(
        seed,
        splits.demo_objects,
        splits.demo_patterns,
        count=count,
        library=library,
        required=tuple(library or ()),
        table=Table.of(kinematics.spec),
    )
    world = World(scene, kinematics.spec, kinematics)
    index = 0 if is_flat else int(rng.integers(count))
    if recovery:
        found = next((s for _ in range(20) if (s := low_start(world, index, rng)) is not None), None)
        if found is not None:
            start, opening = found
            world.reset(start)
            world.gripper_command = opening
            world.set_arm(world.joints, opening)
    elif rng.random() < 0.6:
        world.reset(random_start(world, rng))
    camera = Camera(world.model)
    try:
        label = scene.objects[index].spec.label
        recorder = Recorder(world, camera, f"put the {label} in the tray")
        sigma = float(rng.uniform(0.004, 0.018))
        early = int(rng.random() < 0.45) * (2 if recovery else 1)
        if not run_segment(
            world,
            lambda: tabletop.grasp(world, index),
            rng,
            recorder,
            Skill(Verb.GRASP, label),
            sigma=sigma,
            early_close=early,
            about=lambda: world.object_pose(index)[:3, 3],
        ):
            return None
        assert scene.tray is not None
        where = np.array(scene.tray)
        if not run_segment(
            world,
            lambda: tabletop.place(world, index, where, tabletop.TRAY_FLOOR, 0.05),
            rng,
            recorder,
            Skill(Verb.PLACE, label, Relation.IN, "tray"),
            sigma=sigma,
        ):
            return None
        if np.abs(world.object_pose(index)[:2, 3] - where).max() > 0.06:
            return None
        return recorder
    finally:
        camera.close()


def collect(episodes: Iterable[Recorder | None]) -> Arrays:
    """Arrays of the episodes that succeeded (see the module's text).

    Raises:
        InvalidValueError: there is none.
    """
    good = [episode for episode in episodes if episode is not None]
    if not good:
        raise InvalidValueError("no demonstration of this shard succeeded; make shards of more seeds")
    starts = np.cumsum([0, *(len(e.goals) for e in good)])
    segments = [start + s for start, e in zip(starts, good, strict=False) for s in e.segments]
    columns = [np.stack(c) for c in zip(*(row for e in good for row in e.rows), strict=True)]
    return {
        **dict(zip(("front", "wrist", "ee", "target", "gripper", "done"), columns, strict=True)),
        "segment": np.array(segments, np.int32),
        "goal": np.stack([goal for e in good for goal in e.goals]),
        "text": np.array([network_text(skill) for e in good for skill in e.skills]),
        "instruction": np.array([e.instruction for e in good for _ in e.skills]),
        "crowded": np.array([each for e in good for each in e.crowded], np.uint8),
        "episode": np.array([i for i, e in enumerate(good) for _ in e.skills], np.int32),
    }


def make_demonstrations(seeds: Sequence[int], recovery: bool = False, robot: str = DEFAULT_ROBOT) -> Arrays:
    """Arrays of the successful demonstrations of ``seeds``; ``recovery``: they start in states of failed
    attempts."""
    return collect(demonstrate(seed, recovery, robot) for seed in seeds)
