"""The whole loop without ROS: simulated time waits for the models; the same seed, the same episode."""

from functools import partial

from vista.cli import compose, scenes
from vista.hand import Withdrawal
from vista.robots import load_robot
from vista.runtime import pursue, run_task
from vista_sim.robot import SimRobot
from vista_sim.world import World

task = scenes.scene_task("pick_place", scenes.live_seed(2), target="blue mug")
robot = SimRobot(World(task.scene, load_robot("panda")))
detector = compose.load_detector(None, robot.spec)
planner, world_model = compose.load_planner(finder=detector), compose.load_world_model(finder=detector)
policy, guard = compose.load_policy(), compose.load_guard(robot.spec)
switcher = compose.load_switcher(finder=detector)
go = partial(pursue, robot, policy, switcher, guard, withdrawal=Withdrawal())
with compose.open_memory() as memory:
    result = run_task(robot, planner, world_model, go, memory, task.instruction, detector=detector)
print(f"{result.instruction}: {result.outcome} ({result.cause}); in truth: {task.success(robot.world)}")
robot.close()
