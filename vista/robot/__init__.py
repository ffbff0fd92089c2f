"""The arm: its contract, kinematics, rotations, gripper state."""
