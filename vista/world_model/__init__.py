"""World models: imagine what the cameras will see when a subtask is done."""

from vista.world_model.imagine import ImageWorldModel
from vista.world_model.verify import GoalVerifier

__all__ = ["GoalVerifier", "ImageWorldModel"]
