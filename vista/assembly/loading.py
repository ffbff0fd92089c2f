"""Loads the parts of the stack from references, for every command and every ROS node.

A reference is None (the part that ships under ``models/``), a word (``scripted``, ``oracle``, ``mock``), a
model folder (of this project, or of diffusers, transformers or LeRobot), a settings file
(:mod:`vista.assembly.large_models`), or ``module:Class`` / ``module:Class@folder`` for a class of the user,
which must satisfy the protocol. ``scripted`` and ``oracle`` name parts that read the simulator's truth; they
come from a :class:`PartsOracle`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vista.assembly import large_models
from vista.assembly.references import FOLDERS, fitting, load, shipped
from vista.errors import ConfigError, ModelMismatchError
from vista.guard import GuardLimits, SafetyGuard, load_limits
from vista.protocols import Critic, Detector, Planner, Policy, Preprocessor, Switcher, WorldModel
from vista.skill import Skill
from vista.types import F64, NO_PLACES, ActionSpace, Place, RobotSpec

if TYPE_CHECKING:
    from robomemory.embed.embedder import Embedder
    from robomemory.memory import RoboMemory
    from robomemory.planning.recollection import PlanningMemory
    from robomemory.resolving.local_graph import ConflictResolver
    from vista.learning.text_encoder import TextEncoder
    from vista.planner.head import HeadPlanner
    from vista.planner.symbolic.planner import SkillProposer

Ref = str | Path | None
RESOLVER_S = 120.0
"""A resolver that has not answered by then [s] is left behind; an endpoint has a deadline of its own."""


class PartsOracle(Protocol):
    """The truth about one scene and its task, such as ``vista_sim.oracle.Oracle``."""

    @property
    def skills(self) -> Sequence[Skill]:
        """The skills that solve the task, in order."""
        ...

    def policy(self) -> Policy:
        """The expert of the task."""
        ...

    def world_model(self) -> WorldModel:
        """True goal images."""
        ...

    def detector(self) -> Detector:
        """Where things truly are."""
        ...


@cache
def text_encoder() -> TextEncoder:
    """The process's one text encoder; the models below share it."""
    from vista.learning.text_encoder import TextEncoder

    return TextEncoder()


@cache
def shipped_head() -> HeadPlanner:
    """The process's one planner head that ships, which proposes skills."""
    from vista.planner.head import HeadPlanner

    return HeadPlanner.from_pretrained(shipped("planner"), text_encoder())


def load_policy(
    ref: Ref = None, *, oracle: PartsOracle | None = None, spec: RobotSpec | None = None
) -> Policy:
    """An executor. Words: ``long`` (ships for drawers and stacks), ``scripted`` (the expert of ``oracle``),
    ``mock`` (holds still). ``spec``: the arm's contract, here and below: a model of another arm is refused.

    Raises:
        ConfigError, UnknownNameError: as :func:`vista.assembly.references.load`; so do the other functions
            here. ConfigError: a word that asks the oracle, and there is none.
    """

    def learned(folder: Path) -> Policy:
        from vista.executor.policy import GoalVLAPolicy

        return GoalVLAPolicy.from_pretrained(folder, text_encoder())

    def scripted() -> Policy:
        return _given("executor 'scripted'", oracle).policy()

    def mock() -> Policy:
        from vista.assembly.mocks import StillPolicy

        return StillPolicy()

    def longer() -> Policy:
        return learned(fitting("executor", shipped(FOLDERS["long"]), spec))

    words = {"long": longer, "scripted": scripted, "mock": mock}
    return load(
        "executor", ref, Policy, default="executor", classes={"GoalVLA": learned}, words=words,
        files=large_models.policies(), other=large_models.policy_in, spec=spec,
    )  # fmt: skip


def load_world_model(
    ref: Ref = None,
    *,
    oracle: PartsOracle | None = None,
    spec: RobotSpec | None = None,
    detector: Detector | None = None,
    steps: int = 1,
    candidates: int = 1,
    verified: bool = False,
) -> WorldModel:
    """A world model. Words: ``oracle`` (true goal images), ``mock`` (the current image).

    Args:
        detector: Scores the ``candidates`` of the learned one where they are ``verified``.
        steps: Of its flow.
    """

    def learned(folder: Path) -> WorldModel:
        from vista.world_model import GoalVerifier, ImageWorldModel

        return ImageWorldModel.from_pretrained(
            folder, steps=steps, candidates=candidates, text=text_encoder(),
            verifier=GoalVerifier(detector) if verified and detector is not None else None,
        )  # fmt: skip

    def truth() -> WorldModel:
        return _given("world model 'oracle'", oracle).world_model()

    def mock() -> WorldModel:
        from vista.assembly.mocks import StillWorldModel

        return StillWorldModel()

    classes = {"GoalImagePipeline": learned}
    words = {"oracle": truth, "mock": mock}
    return load(
        "world model", ref, WorldModel, default="world_model", classes=classes, words=words,
        files=large_models.world_models(), other=large_models.world_model_in, spec=spec,
    )  # fmt: skip


def load_planner(
    ref: Ref = None,
    *,
    oracle: PartsOracle | None = None,
    detector: Detector | None = None,
    memory: PlanningMemory | None = None,
    places: Mapping[str, Place] = NO_PLACES,
    spec: RobotSpec | None = None,
) -> Planner:
    """A planner: by default the one over ``memory``, which makes a new plan with what ``detector`` sees after
    each subtask, and takes the skills that the learned head proposes where they fit the plan. Words:
    ``head`` (the learned head alone; also the default without a detector, or with one that has no names for
    the containers of ``places``), ``fresh`` (the default
    without the head), ``memory`` (follows a plan until something is not as foreseen), ``fixed`` (plans once,
    at the start), ``scripted`` (the skills of ``oracle``; without one those of the sentence), ``whole`` (the
    instruction as the one subtask).

    Args:
        detector: Sees the things; tells the head alone whether a named thing is there.
        places: Containers and drawers of the robot's workplace, ``RobotSpec.places``.
    """

    def learned(folder: Path) -> object:
        from vista.planner.head import HeadPlanner

        return HeadPlanner.from_pretrained(folder, text_encoder(), detector, places)

    def scripted() -> Planner:
        from vista.planner.scripted import ScriptedPlanner

        return ScriptedPlanner(oracle.skills if oracle is not None else ())

    def whole() -> Planner:
        from vista.planner.whole_instruction import WholePlanner

        return WholePlanner()

    def over_memory(*, fresh: bool, head: SkillProposer | None = None) -> Planner:
        from robomemory.front.door import Memory
        from robomemory.memory import RoboMemory
        from vista.planner.symbolic.planner import RememberingPlanner

        answerer = Memory.over(memory) if isinstance(memory, RoboMemory) else None
        return RememberingPlanner(memory, detector, places, fresh=fresh, head=head, answerer=answerer)

    def remembering() -> Planner:
        return over_memory(fresh=False)

    def fresh() -> Planner:
        return over_memory(fresh=True)

    def alone() -> object:
        return learned(fitting("planner", shipped("planner"), spec))

    def fixed() -> Planner:
        from vista.planner.symbolic.planner import FixedPlanner

        return FixedPlanner(detector, places)

    words = {
        "scripted": scripted, "whole": whole, "memory": remembering, "fresh": fresh, "fixed": fixed,
        "head": alone,
    }  # fmt: skip
    if ref is None and detector is not None:
        from vista.planner.fitting import FittingPlanner

        composed = over_memory(fresh=True, head=_head_for(spec))
        alone = partial(load_planner, "head", detector=detector, places=places, spec=spec)
        return FittingPlanner(detector, places, composed, alone)
    return load(
        "planner", ref, Planner, default="planner", classes={"PlannerHead": learned}, words=words,
        files=large_models.language("Planner"), other=large_models.planner_in, spec=spec,
    )  # fmt: skip


def _head_for(spec: RobotSpec | None) -> HeadPlanner | None:
    """The head that ships, where it knows the camera of ``spec``: the planner does without its proposals."""
    try:
        fitting("planner", shipped("planner"), spec)
    except ModelMismatchError:
        return None
    return shipped_head()


def load_critic(ref: Ref = None, *, planner: Planner | None = None) -> Critic | None:
    """A critic, from a settings file or ``module:Class``; None: the ``planner`` where it is one, too."""
    if ref is None:
        return planner if isinstance(planner, Critic) else None
    return load(
        "critic", ref, Critic, default="", classes={}, words={}, files=large_models.language("Critic")
    )


def load_preprocessor(ref: Ref = None) -> Preprocessor | None:
    """An information preprocessor, from a settings file or ``module:Class``; None: the templates."""
    if ref is None:
        return None
    files = large_models.language("Preprocessor")
    return load("preprocessor", ref, Preprocessor, default="", classes={}, words={}, files=files)


def load_resolver(ref: Ref = None) -> ConflictResolver | None:
    """A resolver of conflicts in the memory's graph, from a settings file or ``module:Class``; None: the
    rules alone. Word: ``rules`` (as a resolver; it changes nothing)."""
    if ref is None:
        return None
    from robomemory.resolving.local_graph import ConflictResolver
    from robomemory.resolving.rule_resolver import RuleResolver

    words = {"rules": RuleResolver}
    files = large_models.resolvers()
    return load("resolver", ref, ConflictResolver, default="", classes={}, words=words, files=files)


def load_detector(ref: Ref, spec: RobotSpec, *, oracle: PartsOracle | None = None) -> Detector:
    """A detector for the cameras of ``spec``. Word: ``oracle`` (where things truly are)."""

    def learned(folder: Path) -> object:
        from vista.perception.detector import SceneDetector

        return SceneDetector.from_pretrained(folder, spec)

    def truth() -> Detector:
        return _given("detector 'oracle'", oracle).detector()

    classes = {"SceneDetectorNet": learned}
    words = {"oracle": truth}
    return load("detector", ref, Detector, default="detector", classes=classes, words=words, spec=spec)


def load_switcher(
    ref: Ref = None, *, detector: Detector | None = None, spec: RobotSpec | None = None
) -> Switcher:
    """A switcher. Word: ``scripted`` (believes the executor's own "reached" at once).

    Args:
        detector: The fitted one checks with it where things are.
    """
    from vista.switcher import CalibratedSwitcher, DoubtingSwitcher

    def fitted(folder: Path) -> Switcher:
        return DoubtingSwitcher(CalibratedSwitcher.from_pretrained(folder), detector)

    classes = {"": fitted}
    words = {"scripted": CalibratedSwitcher}
    return load("switcher", ref, Switcher, default="switcher", classes=classes, words=words, spec=spec)


def load_guard(
    spec: RobotSpec, limits: str | Path | None = None, *, clock_ns: Callable[[], int] | None = None
) -> SafetyGuard:
    """The guard for ``spec``; ``limits``: a YAML file (default ``config/guard/default.yaml``).

    An arm that takes joint targets gets the rules of workspace and links, too, through its kinematics.
    """
    if spec.action_space is not ActionSpace.JOINT_POSITION:
        return SafetyGuard(spec, load_limits(limits), clock_ns=clock_ns)
    from vista.robot.kinematics import Kinematics

    kinematics = Kinematics(spec)
    found = load_limits(limits)
    return joint_guard(spec, found, lambda joints: kinematics.forward(joints)[:3, 3], clock_ns)


def joint_guard(
    spec: RobotSpec,
    limits: GuardLimits,
    forward: Callable[[F64], F64],
    clock_ns: Callable[[], int] | None = None,
) -> SafetyGuard:
    """The guard of joint targets, with every rule. ``forward``: joints (J,) [rad] to the end effector's
    position (3,) in the base frame [m].

    Raises:
        ConfigError: the contract's keep-out zones name links that the kinematics file lacks.
    """
    from vista.robot.link_shapes import LinkShapes

    shapes = LinkShapes(spec, limits.link_clearance_m, limits.self_clearance_m)
    return SafetyGuard(spec, limits, clock_ns=clock_ns, forward=forward, near=shapes.near)


@cache
def embedder(name: str = "") -> Embedder:
    """The process's one embedder of sentences for memories: that of ``name``, as a store names it, or the
    default one."""
    from robomemory.embed.available import default_embedder, embedder_named

    found = embedder_named(name) if name else None
    return default_embedder() if found is None else found


def open_memory(
    folder: str | Path | None = None, scene: str = "scene", *, resolver: Ref = None
) -> RoboMemory:
    """The memory of ``scene`` in ``folder``, or in the database whose URL it is; None or ``":memory:"`` for
    one that is gone once closed. ``resolver``: see :func:`load_resolver`; it is asked in the background."""
    from robomemory.helpers import Helpers
    from robomemory.memory import RoboMemory
    from robomemory.store.opening import embedder_of, where_scene_is

    resolve = load_resolver(resolver)
    helpers = None if resolve is None else Helpers(resolve=resolve, timeout_s=RESOLVER_S)
    if folder is None or str(folder) == ":memory:":
        return RoboMemory(":memory:", embedder=embedder(), helpers=helpers)
    written_with = embedder_of(where_scene_is(folder, scene))
    return RoboMemory.for_scene(folder, scene, embedder=embedder(written_with or ""), helpers=helpers)


def _given(what: str, oracle: PartsOracle | None) -> PartsOracle:
    if oracle is None:
        raise ConfigError(
            f"{what} reads the simulator's truth: it works in lockstep in the simulator only, with an oracle "
            "such as that of vista_sim.simulate"
        )
    return oracle
