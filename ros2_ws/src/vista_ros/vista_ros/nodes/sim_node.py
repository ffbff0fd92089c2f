"""The simulated arm: cameras, joints and clock out, trajectories in, at wall time."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from rosgraph_msgs.msg import Clock

from vista.errors import VistaError
from vista.planner.scripted import plan_of
from vista.robot.kinematics import Kinematics, matrix_to_pose
from vista_msgs.srv import Detect, OracleAct, ResetScene, Truth
from vista_ros import conversions as c
from vista_ros.driver.controllers import DriverControllers
from vista_ros.driver.faults import FaultParameters
from vista_ros.driver.following import CommandFollower
from vista_ros.driver.outputs import DriverOutputs
from vista_ros.driver.world_body import WorldBody
from vista_ros.node_base import VistaNode, run_node
from vista_ros.parameters import robot_of
from vista_sim.oracle import Oracle
from vista_sim.robot import SimRobot
from vista_sim.scenes.table import DEFAULT_ROBOT
from vista_sim.scenes.task_scenes import DISTRACTORS, scene_task
from vista_sim.tasks import Task
from vista_sim.world import World

IMAGE_TICKS, JOINT_TICKS = 5, 2  # of 20 ms: 10 Hz and 25 Hz
MAX_LAG_S = 0.1  # a greater delay is given up, so that the simulation never races
MEET_S = 1.5  # so long after its start [s] a node has met those that were there before
CLOCK = "/clock"  # our launch table maps it into the node's namespace


class SimNode(VistaNode):
    """Physics and rendering live in one thread, which owns the world; callbacks put jobs into its queue."""

    def __init__(self) -> None:
        super().__init__("sim")
        self._failed = False
        self._jobs: queue.Queue[tuple[Callable[[], Any], Future[Any]]] = queue.Queue()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._body: WorldBody | None = None
        self._born = time.monotonic()
        self._clock_out: Any = None

    def setup(self) -> None:
        self._robot = self.param("robot", DEFAULT_ROBOT)
        self._spec = robot_of(self)
        self._kinematics = Kinematics(self._spec)
        # Simulated time begins at the wall's: it never runs back when the node is started again.
        self._epoch_ns, self._ticks = time.time_ns(), 0
        self._reference = self.param("task", "pick_place")
        task = scene_task(
            self._reference, self.param("seed", 0),
            objects=self.param("objects_dir", "") or None, scene=self.param("scene", "") or None,
            target=self.param("target", "") or None, distractors=self.param("distractors", DISTRACTORS),
            robot=self._robot,
        )  # fmt: skip
        self._faults = FaultParameters(self, self._spec)
        self._own_clock = self.param("publish_clock", True)
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name="physics", daemon=True)
        self._thread.start()
        self._in_thread(lambda: self._lay_out(task))
        time.sleep(max(0.0, self._born + MEET_S - time.monotonic()))
        if self._own_clock and (others := self._other_clocks()):
            raise VistaError(
                f"{others} publishes {self.resolve_topic_name(CLOCK)!r} already: one clock is allowed; stop "
                "that one, or start this graph in another --namespace or --domain"
            )
        if self._own_clock:
            self._clock_out = self.owns(self.create_publisher(Clock, CLOCK, 1), self.destroy_publisher)
            self.every(1.0, self._look_for_clocks, "clocks")
        self._outputs = DriverOutputs(self, self._spec)
        DriverControllers(self, self._spec, self._state, self._zero_ns)
        self.serve(ResetScene, "sim/reset", self._reset)
        self.serve(Truth, "sim/truth", self._truth)
        self.serve(OracleAct, "oracle/act", self._oracle_act)
        self.serve(Detect, "oracle/detect", self._oracle_detect)

    def teardown(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(5.0)
            self._thread = None
        self._clock_out = None

    def _other_clocks(self) -> str:
        """Who else publishes this graph's clock, by name; empty when nobody does."""
        topic = self.resolve_topic_name(CLOCK)
        names = [
            f"{each.node_namespace.rstrip('/')}/{each.node_name}"
            for each in self.get_publishers_info_by_topic(topic, no_mangle=False)
        ]
        with contextlib.suppress(ValueError):
            if self._clock_out is not None:
                names.remove(self.get_fully_qualified_name())
        return ", ".join(sorted(names))

    def _look_for_clocks(self) -> None:
        others = self._other_clocks()
        self.warn("clocks", f"{others} publishes the clock, too: time runs back and forth" if others else "")

    def _state(self) -> tuple[CommandFollower, float, c.JointReading]:
        return self._follower, self._world.time, self._reading

    def _zero_ns(self) -> int:
        """What the world's time 0 is on the robot's clock."""
        return self._reading.stamp_ns - round(self._world.time * c.NS)

    def _stamp_ns(self) -> int:
        """The robot's clock: its own, or beside real drivers the wall's."""
        if not self._own_clock:
            return time.time_ns()
        return self._epoch_ns + round(self._ticks * self._tick_s * c.NS)

    # --- the thread that owns the world ---
    def _in_thread(self, job: Callable[[], Any], timeout_s: float = 120.0) -> Any:
        """What ``job`` returns, run between two ticks of physics."""
        future: Future[Any] = Future()
        self._jobs.put((job, future))
        try:
            return future.result(timeout_s)
        except TimeoutError as error:
            raise VistaError(f"the simulator did not get to it within {timeout_s:g} s") from error

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.is_set():
            try:
                job, future = self._jobs.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                if self.active:
                    self._try_tick()
                    due += self._tick_s
                    if (late := time.monotonic() - due) > MAX_LAG_S:
                        due += late
                        self.meter.add("slower than wall time")
                else:
                    due = time.monotonic() + 0.02
                continue
            try:
                future.set_result(job())
            except Exception as error:
                future.set_exception(error)
        if self._body is not None:
            self._body.close()

    def _lay_out(self, task: Task) -> None:
        world = World(task.scene, self._spec, self._kinematics)
        task.prepare(world)
        if self._body is not None:
            self._body.close()
        self._body = body = WorldBody(world)
        self._tick_s = body.tick_s
        self._reading = body.reading(self._stamp_ns())
        self._follower = CommandFollower(self._spec, world.time, world.joint_target, world.gripper_command)
        self._task, self._world = task, world
        self._failed = False
        self.warn("physics", "")
        self._images = body.images()

    def _try_tick(self) -> None:
        """One tick; physics that fails stops the clock, which all see, but not the answers of this node."""
        if self._failed:
            return
        try:
            self._tick()
        except Exception as error:
            self._failed = True
            self.warn("physics", f"the simulation stands still: {self.note_error('physics', error)}")

    def _tick(self) -> None:
        body = self._body
        assert body is not None
        with self.meter.measure("physics"):
            body.advance(*self._follower.targets(body.time_s + body.tick_s))
        self._ticks += 1
        self._reading = body.reading(self._stamp_ns())
        with_images = self._ticks % IMAGE_TICKS == 0
        if not with_images and self._ticks % JOINT_TICKS:
            return
        stamp_ns, faults = self._reading.stamp_ns, self._faults.now()
        try:
            if self._clock_out is not None:
                self._clock_out.publish(Clock(clock=c.time_to_msg(stamp_ns)))
            self._outputs.tell_joints(self._reading, faults)
            if with_images:
                with self.meter.measure("render"):
                    self._images = body.images()
                self._outputs.tell_images(self._images, stamp_ns, faults)
        except Exception as error:  # a reader that cannot keep up costs an image, not the simulation
            if not self._ended.is_set():
                self.note_error("publish", error)

    # --- callbacks ---
    def _reset(self, request: ResetScene.Request, response: ResetScene.Response) -> ResetScene.Response:
        reference = request.task or self._reference
        task = scene_task(
            reference, request.seed,
            objects=request.objects_dir or None, scene=request.scene or None,
            distractors=DISTRACTORS if request.distractors < 0 else request.distractors,
            robot=self._robot,
        )  # fmt: skip
        self._in_thread(lambda: self._lay_out(task))
        self._reference = reference
        response.ok, response.instruction = True, task.instruction
        response.objects = [placed.spec.label for placed in task.scene.objects]
        return response

    def _truth(self, request: Truth.Request, response: Truth.Response) -> Truth.Response:
        task = self._judge_of(request.instruction)
        response.success = bool(self._in_thread(lambda: task.success(self._world)))
        response.ok = True
        return response

    def _judge_of(self, instruction: str) -> Task:
        """The task whose predicate judges ``instruction`` in the scene that lies there."""
        if not instruction or instruction.lower() == self._task.instruction.lower():
            return self._task
        from vista_sim.scenes.task_scenes import lab_choice
        from vista_sim.tasks import make_task

        scene = self._task.scene
        labels = {placed.spec.label.lower(): placed.spec.label for placed in scene.objects}
        skills = plan_of(instruction)
        if not skills or skills[0].thing not in labels:
            raise VistaError(f"{instruction!r} names nothing that lies there: {', '.join(labels.values())}")
        fixed = replace(lab_choice(robot=self._robot), fixed=scene)
        return make_task(self._reference, scene.seed, fixed, labels[skills[0].thing])

    def _oracle_act(self, request: OracleAct.Request, response: OracleAct.Response) -> OracleAct.Response:
        skill = c.skill_from_msg(request.skill)
        action = self._in_thread(lambda: self._task.act(self._world, skill))
        response.ok, response.done, response.gripper = True, bool(action.done), float(action.gripper)
        response.target = c.pose_to_msg(matrix_to_pose(action.target))
        return response

    def _oracle_detect(self, request: Detect.Request, response: Detect.Response) -> Detect.Response:
        def look() -> tuple[Any, int]:
            obs = replace(SimRobot(self._world, render=False).observe(), images=self._images)
            return Oracle(self._world, self._task).detector().detect(obs), obs.stamp_ns

        found, stamp_ns = self._in_thread(look)
        response.ok, response.detections = True, c.detections_to_msg(found, stamp_ns)
        return response


def main() -> int:
    return run_node(SimNode)


if __name__ == "__main__":
    raise SystemExit(main())
