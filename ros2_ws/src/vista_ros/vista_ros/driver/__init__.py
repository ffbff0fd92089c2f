"""The drivers' side of a contract: what the controllers of an arm, its gripper and its cameras do."""
