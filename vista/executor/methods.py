"""The executors of the paper's table: one structure and one set of demonstrations, shown and told different
things. ``ours`` goes by the goal image alone, ``named`` is told the subtask, too, as the paper's is.

Colours are changed in training only where a goal image says which object is meant: there it teaches the
network to go by the image, while it would ruin the colour words of an executor that has nothing else.
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
