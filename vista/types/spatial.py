"""How things are to each other on a table, and directions, as instructions say them."""

from __future__ import annotations

from enum import StrEnum


class Spatial(StrEnum):
    """How a thing shall be to its place. ``CORNER`` and ``SIDE`` are parts of the table."""

    IN = "in"
    ON = "on"
    LEFT_OF = "left_of"
    RIGHT_OF = "right_of"
    NEXT_TO = "next_to"
    IN_FRONT_OF = "in_front_of"
    BEHIND = "behind"
    BETWEEN = "between"
    CORNER = "corner"
    SIDE = "side"

    @property
    def words(self) -> str:
        """As it is said: "to the left of"."""
        said = {"left_of": "to the left of", "right_of": "to the right of"}
        return said.get(self.value, self.value.replace("_", " "))


class Direction(StrEnum):
    """The robot's: left is +y of its base frame, forward +x."""

    LEFT = "left"
    RIGHT = "right"
    FORWARD = "forward"
    BACKWARD = "backward"
