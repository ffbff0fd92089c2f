"""How the guard speaks to the controllers of the arm and of the gripper."""
