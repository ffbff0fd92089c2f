"""What a subtask's sentence is about: "place the blue mug on the red cube" in its parts."""

from __future__ import annotations

from typing import NamedTuple


class Sentence(NamedTuple):
    """``verb`` "place"; ``label`` "blue mug"; ``relation`` "on", "in" or empty; ``place`` "red cube"."""

    verb: str
    label: str
    relation: str = ""
    place: str = ""


def parse(text: str) -> Sentence:
    """The parts of a subtask's sentence; what it does not have is empty."""
    verb, _, rest = text.strip().lower().partition(" the ")
    for relation in ("in", "on"):
        label, found, place = rest.partition(f" {relation} the ")
        if found:
            return Sentence(verb, label, relation, place)
    return Sentence(verb, rest)


def unnamed(text: str) -> str:
    """What is to be done, not with which thing: "grasp", "place in the tray", "place on", "open the left
    drawer". A goal image shows the thing, a container is told."""
    verb, _, relation, place = parse(text)
    if relation == "in":
        return f"{verb} in the {place}"
    if relation == "on":
        return f"{verb} on"
    return verb if verb == "grasp" else text.strip().lower()
