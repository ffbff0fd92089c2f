"""The stack beside the drivers of a real arm: ``ros2 launch vista_stack real.launch.py robot:=ur5e``.

``ros2 launch vista_stack real.launch.py --show-args`` lists what can be chosen; stack.yaml has the nodes. For
a dry run ``ros2 run vista_ros fake_arm_node --ros-args -p robot:=ur5e`` stands in for the drivers.
"""

from vista.graph.launching import launch_description
from vista.graph.table import ArmKind


def generate_launch_description():
    return launch_description(ArmKind.REAL)
