"""Suite ``goals``: how good the imagined images are, before anybody acts on them.

Cells are those of suite ``vista``. Any world model can be measured: its image of "grasp the ..." is compared
with images that the simulator renders of the same scene. ``success_rate`` is how often it shows the *right
object* grasped: of the true images of every object grasped, that of the right one is the nearest.
``location_error_cm``: how far away the grasp is that looks most like the imagined one.
``background_psnr_db``: how well the unchanged part of the image is kept. Methods ``steps2`` to ``steps50``
take more steps of the flow than ``ours``; ``alone`` leaves the detector's opinion out; ``candidates`` too,
but draws up to four places and has the verifier choose; ``verified`` does both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vista.assembly import loading
from vista.assembly.parts import NO_DETECTOR
from vista.learning.images import resize
from vista.learning.splits import load_splits
from vista.perception.grounding import Grounder
from vista.protocols import WorldModel
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista.types import F64, U8, Subtask
from vista_bench.jobs import EpisodeJob
from vista_bench.results import Counted, Episode, failed_seeds
from vista_bench.suites.base import BenchSettings, Cell, Opener, Suite
from vista_bench.suites.basic import one_torch_thread
from vista_bench.suites.methods import meeting_task, vista_refs
from vista_bench.suites.vista import PaperSuite
from vista_sim.experts.goal_states import Snapshot, show_grasped
from vista_sim.oracle import Oracle
from vista_sim.render import Camera
from vista_sim.robot import SimRobot
from vista_sim.tasks import Task
from vista_sim.world import World

STEPS = {f"steps{n}": n for n in (2, 4, 8, 50)}
"""{method: steps of the flow}; the other methods take one."""
CANDIDATES = 4
SIZE = 96
REACH_M, STEP_M = 0.04, 0.01  # of the search for the grasp that looks like the imagined one
WRONG_M = 0.1  # counted as the error of an image that shows another object grasped
CHANGED = 12  # of 255: a pixel whose true goal differs by more has changed


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalEpisode(Episode):
    """One imagined image: how far off the grasp is (``error_cm``), how well the background was kept
    (``psnr_db``), how long it took (``imagine_ms``), the sentence (``target``), and the object ``shown``."""

    error_cm: float
    psnr_db: float
    imagine_ms: float
    target: str
    shown: str


class GoalsSuite(PaperSuite[GoalEpisode]):
    name = "goals"
    kind = GoalEpisode
    methods: tuple[str, ...] = (
        "ours",
        *STEPS,
        "alone",
        "candidates",
        "verified",
        "oracle",
    )
    default_methods: tuple[str, ...] = ("ours",)

    def check(self, settings: BenchSettings) -> None:
        super().check(replace(settings, methods=tuple("ours" for m in settings.methods if m != "oracle")))
        Suite.check(self, settings)

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        how = method if method != "oracle" else ""
        return {**super().identity(settings, cell, "oracle" if method == "oracle" else "ours"), "how": how}

    def opener(self, cell: str) -> Opener[GoalEpisode]:
        return open_goals

    def describe(self, found: Sequence[Counted[GoalEpisode]]) -> Cell:
        def middle(values: Sequence[float], share: float = 50.0) -> float:
            return round(float(np.percentile(values, share)), 2)

        errors = [each.episode.error_cm for each in found]
        return {
            "location_error_cm": middle(errors),
            "location_error_p90_cm": middle(errors, 90.0),
            "background_psnr_db": middle([each.episode.psnr_db for each in found]),
            "imagine_ms": middle([each.episode.imagine_ms for each in found]),
            "failed_seeds": failed_seeds(found),
        }


def difference(one: U8, other: U8) -> float:
    """Mean absolute difference of two images."""
    return float(np.abs(one.astype(np.int16) - other).mean())


def background_psnr(current: U8, goal: U8, imagined: U8) -> float:
    """Signal-to-noise ratio [dB] of ``imagined`` where the true ``goal`` is like ``current``; at most 60."""
    same = np.abs(goal.astype(np.int16) - current).max(-1) <= CHANGED
    error = np.square(imagined[same].astype(np.float64) - current[same]).mean()
    return 60.0 if error < 255.0**2 * 1e-6 else float(10 * np.log10(255.0**2 / error))


class Studio:
    """Renders true images of objects grasped, wherever they might have stood, and sets everything back."""

    def __init__(self, world: World) -> None:
        self._world, self._camera = world, Camera(world.model)

    def grasped(self, index: int, offset: tuple[float, float] = (0.0, 0.0)) -> U8:
        """Object ``index`` grasped ``offset`` [m] from where it is."""
        world, before = self._world, Snapshot(self._world)
        try:
            pose = world.object_pose(index)
            x, y, z = (float(v) for v in pose[:3, 3])
            yaw = float(np.arctan2(pose[1, 0], pose[0, 0]))
            world.set_object(index, (x + offset[0], y + offset[1], z), yaw)
            show_grasped(world, index)
            return resize(self._camera.render(world.data, "front"), SIZE)
        finally:
            before.restore()

    def close(self) -> None:
        self._camera.close()


def locate(studio: Studio, index: int, imagined: U8) -> F64:
    """Offset (2,) [m] from the true place of the grasp that looks most like ``imagined``."""
    steps = np.arange(-REACH_M, REACH_M + STEP_M / 2, STEP_M)
    cost = np.array([[difference(studio.grasped(index, (x, y)), imagined) for y in steps] for x in steps])
    at = np.array(np.unravel_index(int(cost.argmin()), cost.shape))
    place = steps[at]
    for axis in range(2):  # between the steps: the lowest point of a parabola through three of them
        if 0 < at[axis] < len(steps) - 1:
            before, after = at.copy(), at.copy()
            before[axis], after[axis] = at[axis] - 1, at[axis] + 1
            low, mid, high = cost[tuple(before)], cost[tuple(at)], cost[tuple(after)]
            if low + high > 2 * mid:
                place[axis] += STEP_M * (low - high) / (2 * (low + high - 2 * mid))
    return np.asarray(place, np.float64)


def open_goals(settings: BenchSettings) -> Callable[[EpisodeJob], GoalEpisode]:
    """One process of one thread."""
    one_torch_thread()
    spec = load_robot(settings.refs.robot)
    kinematics, first = Kinematics(spec), load_splits().seed(settings.split, 0)

    looks = vista_refs(settings, "ours").detector
    detector = None if looks == NO_DETECTOR else loading.load_detector(looks, spec)
    grounder = None if detector is None else Grounder(detector, spec.places)
    learned: dict[str, WorldModel] = {}  # loaded once a process; the oracle belongs to its scene

    def model_of(method: str, world: World, task: Task) -> WorldModel:
        refs = vista_refs(settings, "oracle" if method == "oracle" else "ours")
        if refs.world_model == "oracle":
            return loading.load_world_model("oracle", oracle=Oracle(world, task))
        if method not in learned:
            several = method in ("candidates", "verified")
            learned[method] = loading.load_world_model(
                refs.world_model, detector=detector, steps=STEPS.get(method, 1),
                candidates=CANDIDATES if several else 1, verified=several,
            )  # fmt: skip
        return learned[method]

    def run(job: EpisodeJob) -> GoalEpisode:
        task = meeting_task(job.cell, (job.seed - first) % 1000, job.seed, settings.refs.robot)
        world = World(task.scene, spec, kinematics)
        task.prepare(world)
        robot, studio = SimRobot(world), Studio(world)
        try:
            model = model_of(job.method, world, task)
            obs, skill = robot.observe(), task.skills[0]
            began = time.perf_counter()
            alone = grounder is None or job.method in ("alone", "candidates")
            grounding = None if alone or grounder is None else grounder.ground(obs, skill)
            goal = model.imagine(obs, Subtask(skill), job.seed, grounding)
            imagined = resize(goal.images["front"], SIZE)
            spent = time.perf_counter() - began
            target = world.index(skill.thing)
            truth = [studio.grasped(i) for i in range(len(task.scene.objects))]
            nearest = int(np.argmin([difference(image, imagined) for image in truth]))
            current = resize(obs.images["front"], SIZE)
            apart = float(np.linalg.norm(locate(studio, target, imagined))) if nearest == target else WRONG_M
            return GoalEpisode(
                success=nearest == target,
                error_cm=round(apart * 100, 3),
                psnr_db=round(background_psnr(current, truth[target], imagined), 2),
                imagine_ms=round(spent * 1e3, 2),
                target=skill.sentence(),
                shown=task.scene.objects[nearest].spec.label,
            )
        finally:
            studio.close()
            robot.close()

    return run
