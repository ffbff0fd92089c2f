"""The other nodes, as the control loop sees them: each protocol over its topic, service or action."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from robomemory.graph.scene import SceneGraph as KnownScene
from vista.errors import RobotStoppedError, VistaError
from vista.events import OnEvent, tell_progress
from vista.loop.stopping import STOPPED, ShouldStop
from vista.loop.timings import Timings
from vista.types import (
    ActionChunk,
    Detection,
    Note,
    Observation,
    Progress,
    RobotSpec,
    State,
    Subgoal,
    Subtask,
)
from vista_msgs.action import ExecuteSubgoal, ImagineSubgoal
from vista_msgs.srv import BeginRun, Detect, Recall, Remember, Scene
from vista_ros import conversions as c
from vista_ros.calls import Action, Service
from vista_ros.node_base import VistaNode
from vista_ros.observation import ObservationSource

# Nothing moves while an image is imagined: a busy machine may take its time.
IMAGINE_ACCEPT_S = 20.0
# A planner would wait for its memory for as long as it takes; a robot that is on has no time for that.
RECALL_S = 2.0


class WatchingRobot:
    """The arm as the agent has it: it looks, and it can have the arm stopped; it never moves it itself."""

    def __init__(
        self, source: ObservationSource, now_ns: Callable[[], int], on_stop: Callable[[str], None]
    ) -> None:
        self._source, self._now_ns, self._on_stop = source, now_ns, on_stop

    @property
    def spec(self) -> RobotSpec:
        return self._source.spec

    def observe(self, timeout_s: float = 1.0) -> Observation:
        """An observation of now: what was seen before a scene was laid out or a subgoal was reached would
        have the planner judge the past."""
        return self._source.wait(self._now_ns(), timeout_s)

    def send(self, chunk: ActionChunk) -> None:
        raise RobotStoppedError("the agent moves the arm through /execute_subgoal only")

    def stop(self, cause: str) -> None:
        self._on_stop(cause)


class GraphDetector:
    """The perception node."""

    def __init__(self, node: VistaNode) -> None:
        self._ask = Service(node, Detect, "detect", "perception")

    def detect(self, obs: Observation) -> Sequence[Detection]:
        return c.detections_from_msg(self._ask(Detect.Request(timeout_s=2.0)).detections)

    def likelihood(self, obs: Observation, label: str) -> float:
        """How sure the detector is that ``label`` is there [0, 1]; one that can't tell says what it found."""
        answer = self._ask(Detect.Request(labels=[label], timeout_s=2.0))
        if len(answer.likelihoods):
            return float(answer.likelihoods[0])
        return max((d.score for d in answer.detections.detections), default=0.0)

    def find(self, obs: Observation, label: str) -> Detection | None:
        """What fits ``label`` best, with how well as its score; None where nothing does."""
        answer = self._ask(Detect.Request(labels=[label], timeout_s=2.0))
        return c.sought_from_msg(answer.sought[0]) if answer.sought else None


class GraphMemory:
    """The memory node."""

    def __init__(self, node: VistaNode) -> None:
        self._begin_run = Service(node, BeginRun, "begin_run", "memory")
        self._remember = Service(node, Remember, "remember", "memory")
        self._recall = Service(node, Recall, "recall", "memory")
        self._scene = Service(node, Scene, "scene", "memory")

    def scene(self) -> KnownScene:
        """What the spatial memory holds and held."""
        return c.scene_from_notes([c.note_from_msg(note) for note in self._scene(Scene.Request()).notes])

    def begin_run(self, start_ns: int) -> int:
        """The number of the run that begins at ``start_ns`` [ns, robot clock]; notes carry it."""
        return int(self._begin_run(BeginRun.Request(stamp=c.time_to_msg(start_ns))).run)

    def remember(self, notes: Sequence[Note]) -> None:
        self._remember(Remember.Request(notes=[c.note_to_msg(note) for note in notes]))

    def recall(self, queries: Sequence[str], *, k: int = 5, timeout_s: float = 1.0) -> Sequence[c.Recalled]:
        timeout_s = min(timeout_s, RECALL_S)
        request = Recall.Request(queries=list(queries), k=k, timeout_s=timeout_s)
        return [c.memory_item_from_msg(item) for item in self._recall(request, timeout_s + 4.0).items]


class GraphWorldModel:
    """The world model node."""

    def __init__(self, node: VistaNode, should_stop: ShouldStop, timeout_s: float = 60.0) -> None:
        self._act = Action(node, ImagineSubgoal, "imagine_subgoal", "world_model")
        self._should_stop, self._timeout_s = should_stop, timeout_s
        self.instruction = ""

    def imagine(self, obs: Observation, subtask: Subtask, seed: int = 0) -> Subgoal:
        goal = ImagineSubgoal.Goal(instruction=self.instruction, seed=seed)
        goal.subtask, goal.observation = c.subtask_to_msg(subtask), c.observation_to_msg(obs)
        ended = self._act(
            goal, should_stop=self._should_stop, accept_s=IMAGINE_ACCEPT_S, timeout_s=self._timeout_s
        )
        result = ended.result
        if not (ended.succeeded and result.ok):
            raise VistaError(result.reason or f"the world model {ended.how} the goal without a reason")
        return c.subgoal_from_msg(result.subgoal)


class GraphPursuit:
    """The executor node, as what the loop calls ``pursue``."""

    def __init__(self, node: VistaNode, should_stop: ShouldStop) -> None:
        self._act = Action(node, ExecuteSubgoal, "execute_subgoal", "executor")
        self._should_stop = should_stop
        self._stop = threading.Event()
        self.on_event: OnEvent = lambda _: None
        self.timings = Timings()

    def stop(self, cause: str) -> None:
        """Have a subgoal that is being pursued cancelled; the executor then holds the arm."""
        self._stop.set()

    def start(self, on_event: OnEvent, timings: Timings) -> None:
        """A new task begins."""
        self.on_event, self.timings = on_event, timings
        self._stop.clear()

    def __call__(self, subgoal: Subgoal) -> Progress:
        tell = tell_progress(self.on_event)

        causes: list[str] = []

        def why() -> str | None:
            cause = self._should_stop() or ("stopped" if self._stop.is_set() else None)
            causes.extend([cause] if cause and not causes else [])
            return cause

        ended = self._act(
            ExecuteSubgoal.Goal(subgoal=c.subgoal_to_msg(subgoal)),
            on_feedback=lambda feedback: tell(c.progress_from_msg(feedback.progress)),
            should_stop=why,
        )
        result = ended.result
        for stage, calls in c.timings_from_json(result.timings_json).items():
            for seconds in calls:
                self.timings.add(stage, seconds)
        progress = c.progress_from_msg(result.progress)
        if progress.state is State.REACHED and not ended.succeeded:
            raise VistaError(f"the executor {ended.how} the goal, though its result says reached")
        if causes and progress.state is not State.REACHED:
            # The executor knows only that it was cancelled; why is known here.
            return Progress(State.FAILED, progress.fraction, STOPPED + causes[0])
        return progress
