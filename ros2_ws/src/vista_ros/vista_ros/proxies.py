"""The other nodes, as the control loop sees them: each protocol over its topic, service or action."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from robomemory import (
    Candidate,
    Found,
    MemoryKind,
    MemoryRecord,
    NoteLike,
    RecallResult,
    SceneGraph,
)
from robomemory.front.noting import Noting
from robomemory.notes import Plain, Position
from robomemory.records import records_from
from vista.errors import RobotStoppedError, VistaError
from vista.events import Event, EventKind, Listener
from vista.protocols import ShouldStop
from vista.types import (
    F32,
    ActionChunk,
    Cause,
    Detection,
    Grounding,
    Observation,
    Progress,
    RobotSpec,
    State,
    Subgoal,
    Subtask,
)
from vista_msgs.action import ExecuteSubgoal, ImagineSubgoal
from vista_msgs.srv import (
    BeginRun,
    Detect,
    DetectorInfo,
    Find,
    Recall,
    Remember,
    Retract,
    Scene,
    Where,
)
from vista_ros import conversions as c
from vista_ros.calls import ActionCall, Service
from vista_ros.health import Latch
from vista_ros.node_base import VistaNode
from vista_ros.sensing.observation import ObservationSource

# Nothing moves while the memory is searched or corrected: it has as long as the memory itself gives a search.
FIND_S = 40.0
# Nothing moves while an image is imagined: a busy machine may take its time.
IMAGINE_ACCEPT_S = 20.0
DETECT_S = 20.0
# A planner would wait for its memory for as long as it takes; a robot that is on has no time for that.
RECALL_S = 2.0


class WatchingRobot:
    """The arm as the agent has it: it looks, and it can have the arm stopped; it never moves it itself.

    ``latch`` keeps the first cause of a stop, for which :class:`GraphPursuit` ends what it pursues.
    :meth:`begin` releases it for the next task.
    """

    def __init__(self, source: ObservationSource, now_ns: Callable[[], int]) -> None:
        self._source, self._now_ns = source, now_ns
        self.latch = Latch()

    @property
    def spec(self) -> RobotSpec:
        return self._source.spec

    def begin(self) -> None:
        """A new task begins: nothing has stopped it."""
        self.latch.release()

    def observe(self, timeout_s: float = 1.0) -> Observation:
        """An observation that is newer than this call: an older one could show the scene before a reset or
        before the end of a subgoal."""
        return self._source.wait(self._now_ns(), timeout_s)

    def send(self, chunk: ActionChunk) -> None:
        raise RobotStoppedError("the agent moves the arm through /execute_subgoal only")

    def stop(self, cause: str) -> None:
        self.latch.set(cause)


class GraphDetector:
    """The perception node. It looks at the observations that it is given, imagined ones too.

    Every method raises :class:`vista_ros.calls.NodeGoneError` where the node does not answer, and
    :class:`vista_ros.calls.RefusedError` where its detector raised.
    """

    def __init__(self, node: VistaNode) -> None:
        self._ask = Service(node, Detect, "detect", "perception")
        self._ask_info = Service(node, DetectorInfo, "detector_info", "perception")
        self._known: DetectorInfo.Response | None = None

    def _info(self) -> DetectorInfo.Response:
        """Asked once: a perception node that is started anew has the detector that it had."""
        if self._known is None:
            self._known = self._ask_info(DetectorInfo.Request())
        return self._known

    @property
    def labels(self) -> frozenset[str] | None:
        """The names that the detector knows; None for one that looks for any words."""
        info = self._info()
        return None if info.open else frozenset(info.labels)

    @property
    def exhaustive(self) -> bool:
        """Whether the detector overlooks and misnames nothing."""
        return bool(self._info().exhaustive)

    def detect(self, obs: Observation) -> Sequence[Detection]:
        """Everything that is seen in ``obs``, best first."""
        return c.detections_from_msg(self._look(obs).detections)

    def find(self, obs: Observation, label: str) -> Detection | None:
        """The best fit of ``label``, with how well as its score; None where nothing fits at all."""
        (found,) = self._look(obs, labels=[c.wire(label)]).sought
        return c.sought_from_msg(found)

    def evidence(self, obs: Observation, label: str, above_m: float | None = None) -> F32 | None:
        """The map of ``label``, f32 (N, N) in [0, 1]; None for a detector that has none."""
        above = [] if above_m is None else [float(above_m)]
        (grid,) = self._look(obs, labels=[c.wire(label)], maps=True, above_m=above).evidence
        return c.evidence_from_msg(grid)

    def _look(self, obs: Observation, **asked: object) -> Detect.Response:
        return self._ask(Detect.Request(observation=[c.observation_to_msg(obs)], **asked), DETECT_S)


class GraphMemory(Noting):
    """The memory node; a :class:`vista.protocols.Memory` that gives the same records as the memory itself."""

    def __init__(self, node: VistaNode) -> None:
        self._begin_run = Service(node, BeginRun, "begin_run", "memory")
        self._remember = Service(node, Remember, "remember", "memory")
        self._recall = Service(node, Recall, "recall", "memory")
        self._find = Service(node, Find, "find", "memory")
        self._where = Service(node, Where, "where", "memory")
        self._retract = Service(node, Retract, "retract", "memory")
        self._scene = Service(node, Scene, "scene", "memory")

    def scene(self) -> SceneGraph:
        """What the spatial memory knows and knew."""
        return c.scene_graph_from_msg(self._scene(Scene.Request()).scene)

    def begin_run(self, start_ns: int) -> int:
        """The number of the run that begins at ``start_ns`` [ns, robot clock]; notes carry it."""
        return int(self._begin_run(BeginRun.Request(stamp=c.time_to_msg(start_ns))).run)

    def remember(self, notes: Sequence[NoteLike]) -> list[int]:
        """Keep ``notes``, all or none. Returns once they are durable, and gives the key of the record that
        stands for each, as :meth:`robomemory.RoboMemory.remember`.

        Raises:
            InvalidNoteError: a note breaks the contract, as in the memory itself; nothing was sent.
            NodeGoneError: the node does not answer. RefusedError: its store failed.
        """
        if isinstance(notes, Iterator):
            notes = list(notes)
        messages = [c.note_to_msg(record) for record in records_from(notes)]
        for message, note in zip(messages, notes, strict=True):
            if isinstance(note, MemoryRecord):  # its position is in the memory's own frame already
                message.frame_id = ""
            picture = getattr(note, "picture", None)
            message.picture = [] if picture is None else [c.picture_to_msg(picture)]
        return [int(key) for key in self._remember(Remember.Request(notes=messages)).ids]

    def recall(self, queries: Sequence[str], *, k: int = 5, timeout_s: float = 1.0) -> RecallResult:
        """What fits ``queries`` best, best first, as :meth:`robomemory.RoboMemory.recall` gives it. The
        memory is waited for :data:`RECALL_S` [s] at most."""
        timeout_s = min(timeout_s, RECALL_S)
        request = Recall.Request(queries=list(queries), k=k, timeout_s=timeout_s)
        answer = self._recall(request, timeout_s + 4.0)
        missing = {
            MemoryKind(kind): why for kind, why in zip(answer.missing, answer.missing_why, strict=True)
        }
        items = [
            c.memory_item_from_msg(item, rank, partial=bool(missing))
            for rank, item in enumerate(answer.items)
        ]
        return RecallResult(items, missing)

    def find(
        self,
        text: str = "",
        *,
        kinds: Sequence[str] = (),
        near: tuple[Position, float] | None = None,
        box: tuple[Position, Position] | None = None,
        between: tuple[int, int] | None = None,
        run: int | None = None,
        relation: str | None = None,
        source: str | None = None,
        metadata: Mapping[str, Plain] | None = None,
        k: int | None = None,
        min_score: float = 0.0,
    ) -> tuple[Found, ...]:
        """The records that fit every given condition, best first, as :meth:`robomemory.Memory.find`.

        Raises:
            RefusedError: a condition is out of range, or there is none. NodeGoneError: no answer.
        """
        wanted = c.Wanted(
            text, tuple(kinds), near, box, between, run, relation, source, metadata or {}, k, min_score
        )
        answer = self._find(c.conditions_to_msg(wanted), FIND_S)
        items = [c.memory_item_from_msg(item) for item in answer.items]
        return tuple(Found(item.record.id, item.record, item.score, item.record.position) for item in items)

    def where(self, name: str, *, frame: str = "") -> tuple[Candidate, ...]:
        """Every thing that ``name`` may mean, as :meth:`robomemory.Memory.where`. Raises as :meth:`find`."""
        answer = self._where(Where.Request(name=c.wire(name), frame_id=c.wire(frame)), FIND_S)
        return tuple(replace(c.candidate_from_msg(each), frame=frame) for each in answer.candidates)

    def retract(self, record_id: int) -> None:
        """The record ``record_id`` was never true, as :meth:`robomemory.RoboMemory.retract`. Raises as
        :meth:`find`."""
        self._retract(Retract.Request(id=record_id), FIND_S)


class GraphWorldModel:
    """The world model node."""

    def __init__(self, node: VistaNode, should_stop: ShouldStop, timeout_s: float = 60.0) -> None:
        self._act = ActionCall(node, ImagineSubgoal, "imagine_subgoal", "world_model")
        self._should_stop, self._timeout_s = should_stop, timeout_s
        self.instruction = ""

    def imagine(
        self, obs: Observation, subtask: Subtask, seed: int = 0, grounding: Grounding | None = None
    ) -> Subgoal:
        """The goal image of ``subtask``.

        Raises:
            VistaError: the model refused, with its reason. NodeGoneError: the node does not answer.
        """
        goal = ImagineSubgoal.Goal(instruction=self.instruction, seed=seed)
        goal.subtask, goal.observation = c.subtask_to_msg(subtask), c.observation_to_msg(obs)
        goal.grounding = c.grounding_to_field(grounding)
        ended = self._act(
            goal, should_stop=self._should_stop, accept_s=IMAGINE_ACCEPT_S, timeout_s=self._timeout_s
        )
        result = ended.result
        if not (ended.succeeded and result.ok):
            raise VistaError(result.reason or f"the world model {ended.status} the goal without a reason")
        return c.subgoal_from_msg(result.subgoal)


class GraphPursuit:
    """The executor node; a :class:`vista.loop.Pursue`. ``stopped``: why the arm was stopped, or None."""

    def __init__(self, node: VistaNode, stopped: ShouldStop) -> None:
        self._act = ActionCall(node, ExecuteSubgoal, "execute_subgoal", "executor")
        self._stopped = stopped

    def __call__(self, subgoal: Subgoal, listener: Listener, should_stop: ShouldStop) -> Progress:
        """Have ``subgoal`` pursued. ``listener`` hears PROGRESS as it comes, and at the end STAGE_ENDED of
        each part of the stage.

        Raises:
            NodeGoneError: the executor does not answer. RejectedError: it pursues another subgoal.
            VistaError: its result and the status of the goal contradict each other.
        """
        causes: list[str] = []

        def why() -> str | None:
            cause = should_stop() or self._stopped()
            causes.extend([cause] if cause and not causes else [])
            return cause

        def hear(feedback: ExecuteSubgoal.Feedback) -> None:
            listener(Event(EventKind.PROGRESS, progress=c.progress_from_msg(feedback.progress)))

        goal = ExecuteSubgoal.Goal(subgoal=c.subgoal_to_msg(subgoal))
        ended = self._act(goal, on_feedback=hear, should_stop=why)
        for stage, calls in c.timings_from_json(ended.result.timings_json).items():
            for seconds in calls:
                listener(Event(EventKind.STAGE_ENDED, stage=stage, seconds=seconds))
        progress = c.progress_from_msg(ended.result.progress)
        if progress.state is State.REACHED and not ended.succeeded:
            raise VistaError(f"the executor {ended.status} the goal, though its result says reached")
        if causes and progress.state is not State.REACHED:
            # The executor knows only that it was cancelled; why is known here.
            return Progress(State.FAILED, progress.fraction, causes[0], Cause.STOPPED, progress.steps)
        return progress
