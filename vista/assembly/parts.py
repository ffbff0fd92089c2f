"""All parts of a task at once, from references: for one task, or for episode after episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar, cast

from vista.assembly.teaching import teach_from_memory, teach_pictures, teachable
from vista.guard.policy import load_policy, policy_files
from vista.loop import MotionParts, MotionSettings, Parts
from vista.loop.policed import PolicedPlanner
from vista.protocols import Detector, Memory, Policy, Robot
from vista.robot.retreat import Retreat
from vista.types import U8, RobotSpec

if TYPE_CHECKING:
    from robomemory.memory import RoboMemory
    from robomemory.planning.recollection import PlanningMemory
    from vista.assembly.loading import PartsOracle

T = TypeVar("T")
EACH_TIME = ("scripted", "oracle", "memory", "fresh", "fixed")
"""Words of parts that belong to one episode: they read its truth or its memory."""
NO_DETECTOR = "none"


@dataclass(frozen=True, slots=True)
class Refs:
    """Which parts to use, as references of :mod:`vista.assembly.loading`; None: the part that ships.
    ``detector`` "none" leaves it out; ``guard``: a file of limits; ``guard_policy``: a file that says what an
    instruction may have the arm do; ``robot``: name or file of a contract."""

    policy: str | None = None
    world_model: str | None = None
    planner: str | None = None
    detector: str | None = None
    switcher: str | None = None
    guard: str | None = None
    robot: str = "panda"
    critic: str | None = None
    preprocessor: str | None = None
    guard_policy: str | None = None


def default_motion(spec: RobotSpec) -> MotionSettings:
    """How the shipped executor pursues subgoals with the arm of ``spec``."""
    from vista.executor.latency_compensation import EXECUTE_ROWS

    leave = spec.withdraw
    return MotionSettings(
        execute_rows=EXECUTE_ROWS,
        retreat=Retreat(leave.height_m, aside_m=leave.aside_m, carry_m=leave.carry_m),
    )


class PartsLoader:
    """Makes the parts of one episode after another; parts that belong to no episode are loaded once.

    Args:
        refs: Which parts.
        spec: The contract of the robots that the parts shall move.
        settings: How subgoals are pursued.
        wrap: Put around the policy of each episode.
        taught: Pictures {name: images u8 (H, W, 3)} of things that the detector shall know, too, besides
            those that the memory of an episode was taught.
    """

    def __init__(
        self,
        refs: Refs,
        spec: RobotSpec,
        *,
        settings: MotionSettings | None = None,
        wrap: Callable[[Policy], Policy] = lambda policy: policy,
        taught: Mapping[str, Sequence[U8]] | None = None,
    ) -> None:
        self.refs, self.spec = refs, spec
        self._taught = dict(taught or {})
        self._settings = settings or default_motion(spec)
        self._wrap = wrap
        self._kept: dict[str, object] = {}

    def parts(self, robot: Robot, memory: Memory | None, oracle: PartsOracle | None = None) -> Parts:
        """The parts of an episode of ``robot``. One detector serves the loop, planner, world model and
        switcher.

        Raises:
            ConfigError, UnknownNameError: a reference names no part, or one that needs an ``oracle``.
        """
        from vista.assembly import loading

        refs, spec = self.refs, self.spec
        planning = cast("PlanningMemory | None", memory)  # which planner "memory" needs
        detector = None
        if refs.detector != NO_DETECTOR:
            detector = self.detector(oracle)
            teach_from_memory(detector, memory)
        policy = self._part(
            "policy", lambda: loading.load_policy(refs.policy, oracle=oracle, spec=spec), refs.policy
        )
        world_model = self._part(
            "world_model",
            lambda: loading.load_world_model(refs.world_model, oracle=oracle, spec=spec),
            refs.world_model,
        )
        each_time = refs.planner if refs.planner is not None or detector is None else "fresh"
        planner = self._part(
            "planner",
            lambda: loading.load_planner(
                refs.planner, oracle=oracle, detector=detector, memory=planning, places=spec.places, spec=spec
            ),
            each_time, refs.detector,
        )  # fmt: skip
        switcher = self._part(
            "switcher", lambda: loading.load_switcher(refs.switcher, detector=detector, spec=spec),
            refs.switcher, refs.detector,
        )  # fmt: skip
        critic = self._part("critic", lambda: loading.load_critic(refs.critic), refs.critic)
        critic = critic or loading.load_critic(planner=planner)
        preprocessor = self._part(
            "preprocessor", lambda: loading.load_preprocessor(refs.preprocessor), refs.preprocessor
        )
        if refs.guard_policy is not None:
            rules = self._part("guard_policy", lambda: load_policy(*policy_files(refs.guard_policy)))
            planner = PolicedPlanner(planner, rules, detector)
        guard = self._part("guard", lambda: loading.load_guard(spec, refs.guard))
        pursue = MotionParts(robot, self._wrap(policy), switcher, guard, self._settings)
        return Parts(robot, planner, world_model, pursue, memory, detector, critic, preprocessor)

    def teach(self, pictures: Mapping[str, Sequence[U8]]) -> None:
        """Have the detector know ``pictures``, as ``taught``, from now on, and no more what it was given
        before."""
        self._taught = dict(pictures)
        if "detector" in self._kept:
            teach_pictures(self.detector(), self.spec, self._taught)

    def detector(self, oracle: PartsOracle | None = None) -> Detector:
        """The detector that the parts share; it can be taught."""
        return self._part("detector", lambda: self._detector(oracle), self.refs.detector)

    def _detector(self, oracle: PartsOracle | None) -> Detector:
        from vista.assembly import loading

        refs, spec = self.refs, self.spec
        detector = teachable(loading.load_detector(refs.detector, spec, oracle=oracle), spec)
        teach_pictures(detector, spec, self._taught)
        return detector

    def _part(self, name: str, make: Callable[[], T], *refs: str | None) -> T:
        """The part ``name``, made anew where one of ``refs`` belongs to one episode, else kept."""
        if any(ref in EACH_TIME for ref in refs):
            return make()
        if name not in self._kept:
            self._kept[name] = make()
        return cast("T", self._kept[name])  # each name has one type


class LoadedParts:
    """See :func:`load_parts`."""

    def __init__(
        self,
        robot: Robot,
        refs: Refs,
        memory: Memory | None,
        oracle: PartsOracle | None,
        taught: Mapping[str, Sequence[U8]] | None = None,
    ) -> None:
        self._robot, self._refs, self._memory, self._oracle = robot, refs, memory, oracle
        self._taught = taught
        self._opened: RoboMemory | None = None

    def __enter__(self) -> Parts:
        from vista.assembly import loading

        memory = self._memory
        if memory is None:
            memory = self._opened = loading.open_memory()
        try:
            loader = PartsLoader(self._refs, self._robot.spec, taught=self._taught)
            return loader.parts(self._robot, memory, self._oracle)
        except BaseException:
            self._close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def load_parts(
    robot: Robot,
    *,
    refs: Refs | None = None,
    memory: Memory | None = None,
    oracle: PartsOracle | None = None,
    taught: Mapping[str, Sequence[U8]] | None = None,
) -> LoadedParts:
    """A context manager that gives the :class:`vista.loop.Parts` with which :func:`vista.run_task` moves
    ``robot``.

    Args:
        refs: Which parts; by default those that ship.
        memory: Where the loop keeps its notes; by default a new one, which is gone when the block ends.
        oracle: Knows the truth of the scene, for the references "scripted" and "oracle".
        taught: Pictures {name: images u8 (H, W, 3)} of things that the detector shall know, too, besides
            those that ``memory`` was taught.

    Raises:
        ConfigError, UnknownNameError: a reference names no part; raised when the block begins.
    """
    return LoadedParts(robot, refs or Refs(), memory, oracle, taught)
