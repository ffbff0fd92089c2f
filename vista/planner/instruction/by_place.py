"""Things told apart by where they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
"""Things that are nearer to each other along a direction are not told apart by it [m]."""


def extreme(found: list[Nameable], side: str) -> list[Nameable]:
    """The one of ``found`` that is furthest to ``side``, or in the "middle" of the row that they form; all
    where nobody can tell."""
    places = np.array([k.position[:2] for k in found if k.position is not None])
    if len(places) != len(found) or len(found) < 2:
        return found
    if side == "middle":
        if len(found) % 2 == 0:
            return found
        row = places[:, int(np.ptp(places, axis=0).argmax())]
        return [found[int(np.argsort(row)[len(found) // 2])]]
    axis, sign = (1, -1) if side in ("left", "right") else (0, 1)
    along = places[:, axis] * (sign if side in ("left", "front") else -sign)
    first, second, *_ = np.argsort(along)
    return [found[int(first)]] if along[second] - along[first] > APART_M else found


def is_close(known: Nameable, holder: Nameable, relation: str) -> bool:
    """Whether ``known`` is beside ``holder``, for "the cube next to the tray"."""
    if relation not in ("next_to",) or known.position is None or holder.position is None:
        return False
    x, y, *_ = known.position - holder.position
    return bool(x * x + y * y < 0.15**2)
