"""One kinematics and one choice of scenes for all tests of the simulator."""

import pytest

from vista.learning.splits import load_splits
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista_sim.scenes.task_scenes import lab_choice
from vista_sim.tasks import make_task
from vista_sim.world import World


@pytest.fixture(scope="session")
def kinematics():
    return Kinematics(load_robot("panda"))


@pytest.fixture(scope="session")
def choice():
    return lab_choice()


@pytest.fixture
def made(kinematics, choice):
    """Task and world by name and the index of a seed of the range ``tuning``."""

    def make(name, index=0, target=None, choice=choice):
        task = make_task(name, load_splits().seed("tuning", index), choice, target)
        world = World(task.scene, kinematics.spec, kinematics)
        task.prepare(world)
        return task, world

    return make
