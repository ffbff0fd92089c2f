"""The executors of the paper's table: one network structure and one set of demonstrations with different
inputs. ``ours`` gets the goal image alone, ``named`` the subtask's sentence as well, as the paper's executor
does.

Training changes the colours of images only where a goal image identifies the object: the network then learns
to go by the image. Without a goal image it would unlearn the words of colours.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Method:
    """``goal_image``: whether it is shown one; ``told``: what the sentence is (see ``GoalVLAConfig``);
    ``folder`` of its weights in the source tree, ``long_folder`` of those that learned the longer tasks, too,
    where there are any."""

    goal_image: bool
    told: str
    folder: str
    long_folder: str | None = None


METHODS = {
    "ours": Method(True, "none", "models/executor", "models/executor_long"),
    "named": Method(True, "subtask", "models/baselines/named"),
    "subtask": Method(False, "subtask", "models/baselines/subtask"),
    "text": Method(False, "instruction", "models/baselines/text", "models/baselines/text_long"),
}
