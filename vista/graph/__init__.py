"""The ROS graph as processes: the table of nodes, launch descriptions, supervision."""
