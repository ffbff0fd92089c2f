"""The stack beside the drivers of a real arm: ``ros2 launch vista_stack stack.launch.py robot:=panda``.

``ros2 launch vista_stack stack.launch.py --show-args`` lists what can be chosen; stack.yaml has the nodes.
"""

from vista.graph.launching import launch_description


def generate_launch_description():
    return launch_description(sim=False)
