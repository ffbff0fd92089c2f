"""What an attempt teaches in general (paper, long-term memory creator): by contrast and by repetition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from robomemory.names import PLACE
from robomemory.planning.domain import Domain, Step
from robomemory.planning.lessons import Attempt, Lesson, LessonRelation
from robomemory.planning.recollection import Recollection


def lessons_of(
    attempt: Attempt, done: Sequence[Step], domain: Domain, recalled: Recollection, kinds: Mapping[str, str]
) -> list[Lesson]:
    """The lessons of ``attempt``: an act that worked where an easier one had failed is needed; a thing that
    was found at the same place twice is kept there, until it is found elsewhere."""
    found: list[Lesson] = []
    failures = [*recalled.failures, *attempt.failed]
    for step in done if attempt.outcome == "success" else ():
        act = domain.operator(step.operator).act
        easier = domain.easier(act)
        if any(f.about == step.about and f.act in easier for f in failures):
            found.append(Lesson(step.about, LessonRelation.NEEDS, act))
    scene = recalled.scene()
    for thing in attempt.about:
        stays = {
            f.valid_from: f.object
            for f in (*scene.facts, *scene.past)
            if f.subject == thing and f.relation in PLACE and domain.lookable(kinds.get(f.object, ""))
        }
        kept = recalled.lessons.value(thing, LessonRelation.KEPT_IN)
        last = stays[max(stays)] if stays else ""
        if list(stays.values()).count(last) > 1 and last != kept:
            found.append(Lesson(thing, LessonRelation.KEPT_IN, last))
        elif kept and last and last != kept:
            found.append(Lesson(thing, LessonRelation.KEPT_IN, ""))
    return found
