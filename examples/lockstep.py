"""The whole loop without ROS: simulated time waits for the models; the same seed, the same episode."""

from functools import partial

from vista.assembly import loading
from vista.loop.run import pursue, run_task
from vista.robot.contract import load_robot
from vista.robot.retreat import Withdrawal
from vista_sim.robot import SimRobot
from vista_sim.scenes import task_scenes
from vista_sim.world import World

task = task_scenes.scene_task("pick_place", task_scenes.live_seed(2), target="blue mug")
robot = SimRobot(World(task.scene, load_robot("panda")))
detector = loading.load_detector(None, robot.spec)
planner, world_model = loading.load_planner(finder=detector), loading.load_world_model(finder=detector)
policy, guard = loading.load_policy(), loading.load_guard(robot.spec)
switcher = loading.load_switcher(finder=detector)
go = partial(pursue, robot, policy, switcher, guard, withdrawal=Withdrawal())
with loading.open_memory() as memory:
    result = run_task(robot, planner, world_model, go, memory, task.instruction, detector=detector)
print(f"{result.instruction}: {result.outcome} ({result.cause}); in truth: {task.success(robot.world)}")
robot.close()
