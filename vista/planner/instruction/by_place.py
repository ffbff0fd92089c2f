"""Things told apart by where they are."""

from __future__ import annotations

from collections.abc import Sequence

from vista.planner.instruction.values import Nameable


def where_in_words(known: Nameable, among: Sequence[Nameable]) -> str:
    """How ``known`` differs from the others by its place: "on the left", "in the tray"."""
    if known.inside and any(k.inside != known.inside for k in among):
        return f"{'on' if known.inside == 'table' else 'in'} the {known.inside}"
    if known.position is None or any(k.position is None for k in among) or len(among) < 2:
        return ""
    for side, said in (
        ("left", "on the left"),
        ("right", "on the right"),
        ("back", "at the back"),
        ("front", "in front"),
    ):
        best = extreme(list(among), side)
        if len(best) == 1 and best[0] is known:
            return said
    return "in the middle"


APART_M = 0.02


def extreme(found: list[Nameable], side: str) -> list[Nameable]:
    """The one of ``found`` that is furthest to ``side``; all where nobody can tell."""
    if any(k.position is None for k in found):
        return found
    axis, sign = (1, -1) if side in ("left", "right") else (0, 1)
    sign = sign if side in ("left", "front") else -sign
    ordered = sorted(found, key=lambda k: sign * float(k.position[axis]))  # type: ignore[index]
    if side == "middle":
        return [ordered[len(ordered) // 2]] if len(ordered) % 2 else found
    first, second = ordered[0], ordered[1]
    apart = abs(float(first.position[axis]) - float(second.position[axis]))  # type: ignore[index]
    return [first] if apart > APART_M else found


def is_close(known: Nameable, holder: Nameable, relation: str) -> bool:
    """Whether ``known`` is beside ``holder``, for "the cube next to the tray"."""
    if relation not in ("next_to",) or known.position is None or holder.position is None:
        return False
    x, y, *_ = known.position - holder.position
    return bool(x * x + y * y < 0.15**2)
