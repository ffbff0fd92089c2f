"""The agent: turns an instruction into subgoals and has each of them imagined, pursued and remembered."""

from __future__ import annotations

import threading
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse

from vista.cli import compose
from vista.errors import VistaError
from vista.events import Event, EventKind
from vista.halting import describe
from vista.robots import load_robot
from vista.runtime import Budget, run_task
from vista.timing import Timings
from vista.types import EpisodeResult, Outcome
from vista_msgs.action import RunTask
from vista_msgs.msg import TaskProgress
from vista_ros import conversions as c
from vista_ros import stand_ins
from vista_ros.calls import Beat
from vista_ros.node_base import VistaNode, run_node
from vista_ros.observation import ObservationSource
from vista_ros.peers import Peers
from vista_ros.proxies import GraphDetector, GraphMemory, GraphPursuit, GraphWorldModel, WatchingRobot

STALL_S = 3.0  # a busy machine may well make the simulator miss a second or two
GONE_S = 1.0  # a peer that is back within this time [s] ends no task


class AgentNode(VistaNode):
    """One task at a time. Why a second one is rejected is published on ``run_task/refused``."""

    def __init__(self) -> None:
        super().__init__("agent")
        self._task = threading.Lock()
        self._goal: Any = None

    def setup(self) -> None:
        spec = load_robot(self.param("robot", "panda"))
        peers = ["sim", "guard", "executor", "perception", "world_model", "memory"]
        self._peers = Peers(self, list(self.param("peers", peers)))
        self._source = ObservationSource(self, spec, self._peers.lost)
        self._detector = GraphDetector(self) if self.param("use_detector", True) else None
        self._memory = GraphMemory(self) if self.param("use_memory", True) else None
        self._planner = stand_ins.planner(self.param("planner", "") or None, self._detector, self._memory)
        self._critic = compose.load_critic(self.param("critic", "") or None, planner=self._planner)
        self._preprocessor = compose.load_preprocessor(self.param("preprocessor", "") or None)
        self._world_model = GraphWorldModel(self, self._why_stop)
        self._pursue = GraphPursuit(self, self._why_stop)
        self._robot = WatchingRobot(self._source, self.now_ns, self._pursue.stop)
        self._budget = Budget(
            int(self.param("max_subtasks", 12)), float(self.param("timeout_s", 180.0)),
            int(self.param("imagine_attempts", 3)), float(self.param("min_score", 0.0)),
        )  # fmt: skip
        server = ActionServer(
            self, RunTask, "run_task", self._run, callback_group=self.group,
            goal_callback=self._accept, cancel_callback=lambda _: CancelResponse.ACCEPT,
        )  # fmt: skip
        self.owns(server, lambda each: each.destroy())
        self.every(0.5, lambda: self.warn("peers", self._peers.lost(GONE_S) or ""), "watch")

    def _accept(self, goal: RunTask.Goal) -> GoalResponse:
        why = "" if self.active else "the agent is not active"
        if self._task.locked():
            why = f"a task is running ({self.running!r}); cancel it or wait for its end"
        elif not goal.instruction.strip():
            why = "the instruction is empty; expected a sentence such as 'put the blue mug in the tray'"
        if why:
            self.get_logger().warning(f"task {goal.instruction!r} rejected: {why}")
        return GoalResponse.REJECT if why else GoalResponse.ACCEPT

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
        with self._task:
            self._goal = handle
            self._peers.begin()
            start_ns = self.now_ns()
            instruction = handle.request.instruction.strip()

            def tell(event: Event) -> None:
                if event.kind is not EventKind.TASK_ENDED:
                    update(c.event_to_msg(event))

            def update(msg: TaskProgress) -> None:
                msg.elapsed_s = max(0.0, (self.now_ns() - start_ns) / c.NS)
                handle.publish_feedback(RunTask.Feedback(progress=msg))

            timings = Timings()
            self._pursue.start(tell, timings)
            self._world_model.instruction = instruction
            budget = Budget(
                self._budget.max_subtasks, handle.request.timeout_s or self._budget.seconds,
                self._budget.imagine_attempts, self._budget.min_score,
            )  # fmt: skip
            try:
                with Beat(lambda: update(TaskProgress(kind="alive"))):
                    episode = run_task(
                        self._robot, self._planner, self._world_model, self._pursue, self._memory,
                        instruction, detector=self._detector, critic=self._critic,
                        preprocessor=self._preprocessor, budget=budget, on_event=tell,
                        should_stop=self._why_stop, timings=timings, seed=handle.request.seed,
                    )  # fmt: skip
            except VistaError as error:
                episode = EpisodeResult(instruction, Outcome.STOPPED, describe(error), 0, 0.0)
            if episode.outcome is Outcome.STOPPED:
                self.note_error("run_task", VistaError(episode.cause))
            result = RunTask.Result(episode=c.episode_result_to_msg(episode))
            if handle.is_cancel_requested:
                handle.canceled()
            elif episode.outcome is Outcome.SUCCESS:
                handle.succeed()
            else:
                handle.abort()
            self._goal = None
            return result


def main() -> int:
    return run_node(AgentNode)


if __name__ == "__main__":
    raise SystemExit(main())
