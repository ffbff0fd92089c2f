"""The whole stack with the simulated arm: ``ros2 launch vista_stack sim.launch.py seed:=3``.

``ros2 launch vista_stack sim.launch.py --show-args`` lists what can be chosen; the nodes stand in stack.yaml.
"""

from vista.graph.launching import launch_description
from vista.graph.table import ArmKind


def generate_launch_description():
    return launch_description(ArmKind.SIM)
