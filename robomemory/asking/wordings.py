"""The words that the forms of a question are made of."""

from __future__ import annotations

import re

from robomemory.belief.relations import METRIC, PLACE, RELATIONS


def alternatives(wordings: set[str]) -> str:
    return "|".join(re.escape(w) for w in sorted(wordings, key=lambda w: (-len(w), w)))


SAID = {
    w: m
    for w, m in RELATIONS.meanings.items()
    if m.relation in PLACE | METRIC and not m.turned and not m.denied
}
REL = rf"(?P<rel>{alternatives(set(SAID))})"
PLACED = rf"(?P<rel>{alternatives({w for w, m in SAID.items() if m.relation in PLACE})})"
T, H = r"(?P<thing>.+?)", r"(?P<holder>.+?)"
SOMEBODY = r"(?:i|we|you|u|one|he|she|they|someone|somebody|anyone|anybody)"
THINGS = r"(?:things?|objects?|items?|stuff|else|all|everything)"
ING = r"(?:lying|sitting|standing|located|kept|stored|placed|found|hidden|put|left|hiding|supposed to be)"
STATE_WORD = rf"(?P<state>{alternatives(set(RELATIONS.states))})"
