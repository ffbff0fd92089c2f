"""A client of the running graph: waits until it is ready, sends a task and hears its events."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image

from vista.errors import EmptyInstructionError, InvalidValueError, VistaError
from vista.events import Event, EventKind, Listener, ignore
from vista.loop.stopping import never
from vista.messages.describe import describe
from vista.protocols import ShouldStop
from vista.robot.contract import load_robot
from vista.types import U8, EpisodeResult, Outcome
from vista_msgs.action import RunTask
from vista_msgs.srv import ResetScene, Scene, Truth
from vista_ros import conversions as c
from vista_ros.calls import ActionCall, Ended, NodeGoneError, RefusedError, RejectedError, Service
from vista_ros.node_base import VistaNode
from vista_ros.peers import Peers
from vista_ros.sensing.observation import SENSOR_QOS
from vista_ros.spinning import Spinner

# Nothing moves before the agent has taken a task: a busy machine may take its time. A dead node is known by
# its signs of life, within a second.
ACCEPT_S = 60.0
SILENCE_S = 15.0
STALE_S = 10.0  # each node speaks of its health once a second

OnFrame = Callable[[Mapping[str, U8], int], None]


@dataclass(frozen=True, slots=True)
class LaidScene:
    """A scene of the simulator: the task in words, and the names of its objects."""

    instruction: str
    objects: tuple[str, ...]


class GraphClient:
    """Use as a context manager. Every call has a deadline.

    Args:
        namespace: Of the graph.
        robot: Contract of its arm, for the names of the cameras.
    """

    def __init__(self, namespace: str = "", robot: str = "panda") -> None:
        self._namespace, self._robot = namespace, robot

    def __enter__(self) -> GraphClient:
        self._spec = load_robot(self._robot)
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        with contextlib.ExitStack() as undo:  # what fails half-way leaves no context for the next client
            undo.callback(rclpy.try_shutdown)
            overrides = [Parameter("autostart", Parameter.Type.BOOL, False)]
            self.node = _ClientNode(self._namespace, overrides)
            undo.callback(self.node.destroy_node)
            self._listen()
            self._spinner = Spinner(self.node, 2, lambda error: self.node.note_error("client", error))
            undo.pop_all()
        return self

    def _listen(self) -> None:
        self._states: dict[str, tuple[DiagnosticStatus, float]] = {}
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)
        self._run = ActionCall(self.node, RunTask, "run_task", "agent")
        self._reset = Service(self.node, ResetScene, "sim/reset", "sim")
        self._truth = Service(self.node, Truth, "sim/truth", "sim")
        self._scene = Service(self.node, Scene, "scene", "memory")
        self._peers = Peers(self.node, ["agent"])
        self._on_frame: OnFrame = lambda *_: None
        self._frames: dict[str, Image | CompressedImage] = {}
        for camera, spec in self._spec.cameras.items():
            kind, topic = c.image_topic(spec.channel)
            self.node.create_subscription(
                kind, topic, lambda msg, name=camera: self._on_image(name, msg), SENSOR_QOS
            )

    def __exit__(self, *_: object) -> None:
        self._spinner.close()
        self.node.on_shutdown(None)  # type: ignore[arg-type]
        self.node.destroy_node()
        rclpy.try_shutdown()

    # --- is it there? ---
    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        # The topic is the domain's; another graph in it has the same names in another namespace.
        own = self.node.get_namespace().strip("/")
        for status in msg.status:
            namespace, _, name = status.name.strip("/").rpartition("/")
            if namespace == own:
                self._states[name] = (status, time.monotonic())

    def diagnostics(self) -> dict[str, dict[str, str]]:
        """{node: {what: value}} as the nodes said it last; ``message`` is the summary."""
        return {
            name: {v.key: v.value for v in status.values} | {"message": status.message}
            for name, (status, _) in self._states.items()
        }

    def wait_ready(
        self,
        nodes: Sequence[str],
        timeout_s: float,
        *,
        should_stop: ShouldStop = never,
        on_change: Callable[[Sequence[str]], None] = ignore,
    ) -> None:
        """Return once all ``nodes`` are active and the agent takes tasks. ``on_change`` hears the names of
        the nodes that are ready.

        Raises:
            VistaError: a node cannot start, or the deadline is over; the message names node and cause.
        """
        deadline, told = time.monotonic() + timeout_s, [""]
        while True:
            said = self.diagnostics()
            now = time.monotonic()
            fresh = {name for name, (_, heard) in self._states.items() if now - heard < STALE_S}
            ready = [name for name in nodes if name in fresh and said[name].get("state") == "active"]
            if ready != told:
                on_change(ready)
                told = ready
            for name in nodes:
                error = said.get(name, {}).get("last error", "")
                if name not in ready and error:
                    raise VistaError(f"{name} cannot start: {error.removeprefix('setup: ')}")
            if len(ready) == len(nodes) and ("agent" not in nodes or self._run.ready()):
                return
            if (cause := should_stop()) is not None:
                raise VistaError(cause)
            if time.monotonic() > deadline:
                missing = ", ".join(name for name in nodes if name not in ready) or "the agent's action"
                raise VistaError(f"not ready within {timeout_s:g} s: {missing}")
            time.sleep(0.1)

    # --- the simulator ---
    def reset(
        self, seed: int, *, task: str = "", objects: str = "", scene: str = "", distractors: int = -1
    ) -> LaidScene:
        """Lay out another scene.

        Raises:
            RefusedError: the simulator refused it; the message names the bad value and the allowed ones.
        """
        request = ResetScene.Request(
            task=task, seed=seed, objects_dir=objects, scene=scene, distractors=distractors
        )
        answer = self._reset(request, 30.0)
        return LaidScene(answer.instruction, tuple(answer.objects))

    def truth(self, instruction: str) -> bool | None:
        """The answer of the simulator's predicate; None where there is no simulator or no such predicate."""
        try:
            return bool(self._truth(Truth.Request(instruction=instruction), 3.0).success)
        except (NodeGoneError, RefusedError):
            return None

    def memory_picture(self) -> str:
        """The memory's graph as SVG text; empty when the memory does not answer."""
        try:
            return str(self._scene(Scene.Request(picture=True), 20.0).svg)
        except (NodeGoneError, RefusedError):
            return ""

    # --- a task ---
    def _on_image(self, camera: str, msg: Image | CompressedImage) -> None:
        self._frames[camera] = msg
        if camera == next(iter(self._spec.cameras)) and len(self._frames) == len(self._spec.cameras):
            images = {name: c.image_of(image) for name, image in self._frames.items()}
            self._on_frame(images, c.time_from_msg(msg.header.stamp))

    def run_task(
        self,
        instruction: str,
        *,
        seed: int = 0,
        timeout_s: float = 0.0,
        listener: Listener = ignore,
        on_frame: OnFrame = lambda *_: None,
        should_stop: ShouldStop = never,
        approved: Sequence[str] = (),
    ) -> EpisodeResult:
        """Send ``instruction`` and wait for its end.

        Args:
            seed: Of the first image that is imagined.
            timeout_s: Robot time [s] after which the agent stops; 0: the agent's default.
            listener: Hears what the agent tells; not how long parts of a stage took, which the result holds.
            on_frame: Sees each set of images, with its stamp [ns].
            should_stop: A cause cancels the task.
            approved: Names of rules of the guard's policy to whose question a person says yes.

        Raises:
            VistaError: empty instruction, the task was rejected, or the agent is gone; one sentence.
        """
        if not instruction.strip():
            raise EmptyInstructionError
        if not -(2**63) <= seed < 2**63:
            raise InvalidValueError(f"seed {seed}: expected a whole number of 64 bits (-2**63 to 2**63 - 1)")
        self._on_frame = on_frame
        self._peers.begin()

        def hear(feedback: RunTask.Feedback) -> None:
            if feedback.progress.kind != "alive":
                listener(c.event_from_msg(feedback.progress))

        def why() -> str | None:
            return should_stop() or self._peers.lost(1.0)

        goal = RunTask.Goal(
            instruction=c.wire(instruction),
            seed=seed,
            timeout_s=c.seconds_of("timeout_s", timeout_s, 0.0),
            approved=[c.wire(name) for name in approved],
        )
        try:
            ended = self._run(
                goal, on_feedback=hear, should_stop=why, accept_s=ACCEPT_S, silence_s=SILENCE_S,
                timeout_s=3600.0, cancel_s=8.0,
            )  # fmt: skip
        except RejectedError as error:
            raise VistaError(
                "the agent rejected the task: one is running already, or the agent is not active"
            ) from error
        finally:
            self._on_frame = lambda *_: None
        episode = episode_of(ended, instruction)
        listener(Event(EventKind.TASK_ENDED, result=episode))
        return episode


def episode_of(ended: Ended, instruction: str) -> EpisodeResult:
    """The episode in the agent's answer. It is a success, or an answered question, only where both the
    goal's status and the result say so; an answer that cannot be read is STOPPED."""
    try:
        episode = c.episode_result_from_msg(ended.result.episode)
    except InvalidValueError as error:
        cause = f"the agent {ended.status} the goal without a result that can be read: {describe(error)}"
        return EpisodeResult(instruction, Outcome.STOPPED, cause, 0, 0.0)
    if (episode.outcome in (Outcome.SUCCESS, Outcome.ANSWERED)) is ended.succeeded:
        return episode
    cause = f"the agent {ended.status} the goal, but calls it {episode.outcome}: {episode.cause}"
    return replace(episode, outcome=Outcome.STOPPED, cause=cause)


class _ClientNode(VistaNode):
    """Has no life cycle of its own: it is there as long as the client is."""

    def __init__(self, namespace: str, overrides: list[Parameter]) -> None:
        super().__init__(f"client_{os.getpid()}", namespace=namespace, parameter_overrides=overrides)
        self.active = True
