"""A skill: one thing that an arm does, as values, and the only writer and reader of its sentence.

Sentences are for people and for networks that read words. Every other part asks for the fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from vista import values
from vista.errors import InvalidValueError


class Verb(StrEnum):
    """What is done: take hold of a thing, put a held thing somewhere, open or close a drawer."""

    GRASP = "grasp"
    PLACE = "place"
    OPEN = "open"
    CLOSE = "close"


class Relation(StrEnum):
    """How a thing is to its place."""

    IN = "in"
    ON = "on"


# Other words for the same, as people and language models write them.
_SYNONYMS = {
    "pick": Verb.GRASP, "pick up": Verb.GRASP, "take": Verb.GRASP, "grab": Verb.GRASP, "put": Verb.PLACE,
    "shut": Verb.CLOSE, **{verb.value: verb for verb in Verb},
}  # fmt: skip
_RELATIONS = {"in": Relation.IN, "into": Relation.IN, "on": Relation.ON, "onto": Relation.ON}
_SENTENCE = re.compile(
    rf"(?P<verb>{'|'.join(sorted(_SYNONYMS, key=len, reverse=True))}) the (?P<thing>\S.*?)"
    rf"(?: (?P<relation>{'|'.join(sorted(_RELATIONS, key=len, reverse=True))}) the (?P<place>\S.*))?"
)
EXAMPLES = "'grasp the blue mug', 'place the blue mug in the tray' or 'open the left drawer'"


@dataclass(frozen=True, slots=True)
class Skill:
    """``verb`` :class:`Verb`; ``thing`` it is done with, as a detector names it ("blue mug", "left drawer");
    ``relation`` and ``place``: where the thing goes ("in", "tray"), or where it is grasped from; ``at``
    (x, y) [m, base frame]: the point of the place where the middle of a placed thing goes, None: any.

    Raises:
        InvalidValueError: an unknown verb or relation, no thing, a placing without a place, a relation
            without a place, a place for a verb that has none, or a point for a verb that places nothing.
    """

    verb: Verb
    thing: str
    relation: Relation | None = None
    place: str = ""
    at: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "verb", values.word("Skill.verb", self.verb, Verb))
        if self.relation is not None:
            object.__setattr__(self, "relation", values.word("Skill.relation", self.relation, Relation))
        for name in ("thing", "place"):
            values.text(f"Skill.{name}", getattr(self, name))
        if not self.thing.strip():
            raise InvalidValueError(f"Skill.thing: empty, expected what to {self.verb}")
        if (self.relation is None) != (not self.place.strip()):
            raise InvalidValueError(
                f"Skill: relation {values.shown(self.relation)}, place {values.shown(self.place)}; "
                "expected both or neither"
            )
        if self.relation is None and self.verb is Verb.PLACE:
            raise InvalidValueError(f"Skill: place the {values.shown(self.thing)} without a place")
        if self.relation is not None and self.verb in (Verb.OPEN, Verb.CLOSE):
            raise InvalidValueError(
                f"Skill: {self.verb} has no place, but {values.shown(self.place)} is given"
            )
        if self.at is not None:
            if self.verb is not Verb.PLACE:
                raise InvalidValueError(f"Skill.at: {values.shown(self.at)}, expected none to {self.verb}")
            x, y = values.array("Skill.at", self.at, np.float64, (2,)).tolist()
            for value in (x, y):
                values.number("Skill.at", value, -values.FAR_M, values.FAR_M, "metres in the base frame")
            object.__setattr__(self, "at", (x, y))

    def sentence(self) -> str:
        """The skill in words: "place the blue mug in the tray"."""
        return _said(self)

    @classmethod
    def parse(cls, sentence: str) -> Skill:
        """The skill that ``sentence`` says, in any case and with common other verbs ("pick up", "put").

        Raises:
            InvalidValueError: it says none.
        """
        skill = cls.find(sentence)
        if skill is None:
            raise InvalidValueError(f"{values.shown(sentence)} is no skill; expected for example {EXAMPLES}")
        return skill

    @classmethod
    def find(cls, sentence: str) -> Skill | None:
        """As :meth:`parse`; None for a sentence that says no skill."""
        found = _SENTENCE.fullmatch(" ".join(sentence.lower().split()).rstrip(".!"))
        if found is None or " the " in (found["place"] or found["thing"]):
            return None
        relation = _RELATIONS[found["relation"]] if found["relation"] else None
        try:
            return cls(_SYNONYMS[found["verb"]], found["thing"], relation, found["place"] or "")
        except InvalidValueError:
            return None


def network_text(skill: Skill) -> str:
    """``skill`` in the words that the shipped networks were trained with."""
    return _said(skill)


def unnamed_text(skill: Skill) -> str:
    """What is to be done, not with which thing: "grasp", "place in the tray", "place on", "open the left
    drawer". For a network to which a goal image shows the thing."""
    if skill.relation is Relation.IN:
        return f"{skill.verb} in the {skill.place}"
    if skill.relation is Relation.ON:
        return f"{skill.verb} on"
    return skill.verb.value if skill.verb is Verb.GRASP else _said(skill)


def _said(skill: Skill) -> str:
    where = f" {skill.relation} the {skill.place}" if skill.relation is not None else ""
    return f"{skill.verb} the {skill.thing}{where}"
