"""Where to look for something whose place nobody knows: the likeliest unopened place, by what is remembered.

Places are weighed by how often and how lately the thing was known to be there (spatial memory, ended facts
too), by lessons (semantic memory), and against where it was looked for in vain. Looking into places of equal
cost in the order of falling probability needs the fewest looks on average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robomemory.graph.scene import SceneGraph
from robomemory.names import PLACE, normal_name
from robomemory.planning.domain import ROBOT, SEEN
from robomemory.planning.lessons import LessonRelation, Lessons
from robomemory.timestamps import Moment

NOT_IN = "not found in"
"""(thing, NOT_IN, place): somebody looked there for it in vain."""

_PRIOR, _WAS_THERE, _KEPT, _IN_VAIN = 1.0, 8.0, 12.0, 0.05
_FADE = 0.7  # weight of an older stay against the one after it


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely it is that a thing is in ``place`` [0, 1], and ``why`` in words (empty: only a guess)."""

    place: str
    probability: float
    why: str


def likely_places(
    thing: str, places: Sequence[str], scene: SceneGraph, lessons: Lessons
) -> tuple[Likelihood, ...]:
    """``places`` by falling probability; of equal ones the first given comes first."""
    name = normal_name(thing)
    weights: dict[str, tuple[float, list[str]]] = {place: (_PRIOR, []) for place in places}
    stays = sorted(
        (f for f in (*scene.facts, *scene.past) if f.subject == name and f.relation in PLACE),
        key=lambda f: f.valid_from,
        reverse=True,
    )
    last_stay = {f.object: f.valid_from for f in reversed(stays)}
    fade = 1.0
    for fact in stays:
        if fact.object in weights:
            weight, why = weights[fact.object]
            weights[fact.object] = (weight + _WAS_THERE * fade, [*why, "it was there before"])
            fade *= _FADE
    kept = lessons.value(name, LessonRelation.KEPT_IN)
    if kept in weights:
        weight, why = weights[kept]
        weights[kept] = (weight + _KEPT, [*why, "it is usually kept there"])
    looks: dict[str, Moment] = {}
    for fact in (*scene.facts, *scene.past):
        if (fact.subject, fact.relation) in ((name, NOT_IN), (ROBOT, SEEN)) and fact.object in weights:
            looks[fact.object] = max(looks.get(fact.object, Moment(0, 0)), fact.valid_from)
    for place, looked in looks.items():
        if last_stay.get(place, Moment(0, -1)) < looked:
            weight, why = weights[place]
            weights[place] = (weight * _IN_VAIN, [*why, "that place was looked into and it was not there"])
    total = sum(weight for weight, _ in weights.values())
    ranked = sorted(weights.items(), key=lambda item: -item[1][0])
    return tuple(
        Likelihood(place, weight / total, "; ".join(dict.fromkeys(why))) for place, (weight, why) in ranked
    )
