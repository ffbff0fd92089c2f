"""The agent: turns an instruction into subgoals and has each of them imagined, pursued and remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vista.assembly import loading
from vista.errors import VistaError
from vista.events import Event, EventKind
from vista.guard.policy import GuardPolicy, load_policy, policy_files
from vista.loop import Budget, Parts, run_task
from vista.loop.policed import PolicedPlanner
from vista.messages.describe import describe
from vista.types import EpisodeResult, Outcome
from vista_msgs.action import RunTask
from vista_msgs.msg import TaskProgress
from vista_ros import conversions as c
from vista_ros import stand_ins
from vista_ros.actions import conclude, serve_goals
from vista_ros.calls import Beat
from vista_ros.goal_places import GoalPlaces
from vista_ros.node_base import VistaNode, run_node
from vista_ros.parameters import robot_of
from vista_ros.peers import MEET_S, Peers
from vista_ros.proxies import GraphDetector, GraphMemory, GraphPursuit, GraphWorldModel, WatchingRobot
from vista_ros.sensing.observation import ObservationSource

# A simulator on a busy machine may well miss some seconds. Where its clock stands nothing moves; that its
# process is gone is known by other means, within a second.
STALL_S = 10.0
GONE_S = 1.0  # a peer that is back within this time [s] ends no task


class AgentNode(VistaNode):
    """One task at a time; a second one is rejected, and the log says why.

    Whatever a part raises, a task ends with a cause and the next one is taken. No task is a success but for
    one that the loop called so.
    """

    def __init__(self) -> None:
        super().__init__("agent")
        self._places = GoalPlaces()
        self._goal: Any = None

    def setup(self) -> None:
        spec = robot_of(self)
        peers = ["sim", "guard", "executor", "perception", "world_model", "memory"]
        self._peers = Peers(self, list(self.param("peers", peers)))
        detector = GraphDetector(self) if self.param("use_detector", True) else None
        memory = GraphMemory(self) if self.param("use_memory", True) else None
        planner = stand_ins.planner(self.param("planner", "") or None, detector, memory, spec)
        rules = load_policy(*policy_files(self.param("guard_policy", "")))
        self._policed = PolicedPlanner(planner, rules, detector)
        self._robot = WatchingRobot(ObservationSource(self, spec, self._peers.lost), self.now_ns)
        self._world_model = GraphWorldModel(self, self._why_stop)
        self._parts = Parts(
            self._robot,
            self._policed if rules != GuardPolicy() else planner,
            self._world_model,
            GraphPursuit(self, lambda: self._robot.latch.cause),
            memory=memory,
            detector=detector,
            critic=loading.load_critic(self.param("critic", "") or None, planner=planner),
            preprocessor=loading.load_preprocessor(self.param("preprocessor", "") or None),
        )
        self._budget = Budget(
            int(self.param("max_subtasks", 12)), float(self.param("timeout_s", 180.0)),
            int(self.param("imagine_attempts", 3)), float(self.param("min_score", 0.0)),
        )  # fmt: skip
        serve_goals(
            self, RunTask, "run_task", self._run, places=self._places,
            described=lambda goal: goal.instruction,
            busy=lambda: f"a task is running ({self.running!r}); cancel it or wait for its end",
        )  # fmt: skip
        self.every(0.5, lambda: self.warn("peers", self._peers.lost(GONE_S) or ""), "watch")

    @property
    def running(self) -> str:
        goal = self._goal
        return goal.request.instruction if goal is not None else ""

    def _why_stop(self) -> str | None:
        if self._goal is not None and self._goal.is_cancel_requested:
            return "cancelled by the client"
        if self.clock_stalled_s() > STALL_S:
            return (
                self._peers.lost() or f"the robot's clock stands still since {self.clock_stalled_s():.1f} s"
            )
        return self.latch.cause or self._peers.lost(GONE_S)

    def _run(self, handle: Any) -> RunTask.Result:
        begun, instruction = self._places.begin(), handle.request.instruction.strip()
        try:
            if not begun:
                raise VistaError("another task began before this one was executed")
            self._goal = handle
            episode = self._carry_out(handle, instruction)
            message = c.episode_result_to_msg(episode)
        except BaseException as error:  # a part may raise anything; the task has then not succeeded
            self.note_error("run_task", error)
            episode = EpisodeResult(instruction, Outcome.STOPPED, describe(error), 0, 0.0)
            message = c.episode_result_to_msg(episode)
        else:
            if episode.outcome is Outcome.STOPPED:
                self.note_error("run_task", VistaError(episode.cause))
        finally:
            if begun:
                self._goal = None
                self._places.end()
        conclude(handle, succeeded=episode.outcome in (Outcome.SUCCESS, Outcome.ANSWERED))
        return RunTask.Result(episode=message)

    def _carry_out(self, handle: Any, instruction: str) -> EpisodeResult:
        """Do the task of ``handle``.

        Raises:
            VistaError: a number of the goal is out of range, or the instruction is empty.
        """
        request = handle.request
        seconds = c.seconds_of("timeout_s", request.timeout_s, self._budget.seconds)
        budget = replace(self._budget, seconds=seconds)
        self._policed.approved = frozenset(request.approved)
        self._peers.meet(MEET_S)
        self._robot.begin()
        start_ns = self.now_ns()

        def tell(event: Event) -> None:
            # The result, with how long each part of a stage took, comes at the end with the action's own.
            part = event.kind is EventKind.STAGE_ENDED and "." in event.stage
            if event.kind is not EventKind.TASK_ENDED and not part:
                update(c.event_to_msg(event))

        def update(msg: TaskProgress) -> None:
            msg.elapsed_s = max(0.0, (self.now_ns() - start_ns) / c.NS)
            handle.publish_feedback(RunTask.Feedback(progress=msg))

        self._world_model.instruction = instruction
        with Beat(lambda: update(TaskProgress(kind="alive"))):
            return run_task(
                self._parts, instruction, budget=budget, listener=tell, should_stop=self._why_stop,
                seed=request.seed,
            )  # fmt: skip


def main() -> int:
    return run_node(AgentNode)


if __name__ == "__main__":
    raise SystemExit(main())
