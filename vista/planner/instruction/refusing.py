"""What is refused before the grammar reads a sentence: other languages, negations, conditions, and what no
skill heeds."""

from __future__ import annotations

import re
import unicodedata

from vista.planner.instruction.values import Refused
from vista.planner.instruction.words.other_words import ENGLISH, FOREIGN
from vista.types.dialogue import Refusal

POSSIBLE = "say for example 'put the blue mug in the tray' or 'open the left drawer'"
LONGEST = 400
"""A longer instruction is not read [characters]."""

_CONDITION = re.compile(
    r"(?:^|[.,;:!] |\band |\bbut |\bthen )(?:only |even |but )?(?:if|unless|until|till|when|whenever|"
    "while|as soon as|"
    r"as long as|once|in case|provided|assuming|should (?:the|it|there|you|any)|suppose|supposing|depending|"
    r"every time|the moment|in the event)\b"
    r"|\b(?:if|unless|until|till|whenever|otherwise|as soon as|as long as|in case|provided that|assuming|"
    r"depending on|whether|only when|only if|or else)\b|\b(?:when|while|once|after|before) (?:i|he|she|"
    "they|we|somebody|someone|"
    r"it|its|there|the [\w ]{1,25} (?:is|are|has|rings|beeps|falls|stops|starts|gets|goes))\b"
)
_DONE = re.compile(
    r"\b(?:once|when|after|as soon as) (?:you (?:are|have)|that is|it is|this is|that has been|you get|"
    r"(?:that|this|it)(?: has)?(?: been)?|all that is|everything is)?"
    " ?(?:all )?(?:done|finished|complete|completed|ready|did|placed|there)(?: (?:with )?(?:that|this|"
    r"it|so))?\b"
    r"|\bafter (?:that|this|which|doing (?:so|that|this))\b|\bafter ?wards?\b|\bonce (?:that|this) is done\b"
    r"|\bfollowed by\b|\bwhen finished\b|\bonce finished\b|\bonly then\b|\bsubsequently\b|\bthereafter\b"
    r"|\bnext up\b|\bfollowing that\b|\band next\b|\band after\b(?= (?:the|put|place|open|close))"
)
_NEGATION = re.compile(
    r"\b(?:(?:do|does|did|should|must|can|could|will|would|shall|may|need|are|is|am|had better|would rather|"
    r"want you|like you|better) not|not to|never|no need|without|avoid|refrain|stop|quit|cease|forbid|"
    r"forbidden|prohibited|nobody|none of|neither|nor|hands off|keep (?:away|off|your hands)|"
    r"stay (?:away|off)|prevent|leave|skip|ignore|anything but|not)\b|^no\b(?! problem)"
)
_NOT_DOING = re.compile(r"\b(?:do|does|should|must|can|could|will|would|shall|may|are|need) not\b|\bnever\b")
_QUANTITY = re.compile(
    r"\b(?:half|halves|third|quarter|most|few|fewer|some of|several|percent|dozen|couple of|many|as many|"
    r"majority|at least|at most|more than|less than|up to \w+ of|twice|thrice|\w+ times|repeatedly|"
    r"over and over|forever|constantly|every (?:hour|minute|second|day|time|morning|other|\w+ "
    "(?:minutes|seconds|"
    r"hours))|randomly|random|alternately|alternate)\b|%"
)
_MANNER = re.compile(
    r"\b(?:slowly|slow|slower|quickly|quick|fast|faster|rapidly|speedily|swiftly|hurry|hastily|gently|gentle|"
    r"softly|firmly|hard|harder|lightly|tightly|forcefully|force|newtons?|speed|velocity|pressure|seconds?|"
    r"secs?|minutes?|mins?|hours?|noon|midnight|tomorrow|tonight|later|o'clock|pm|monday|tuesday|"
    r"degrees?|radians?|clockwise|counterclockwise|anticlockwise|upside|sideways|diagonally|vertically|"
    r"horizontally|upright|percent|grams?|kilos?|kg|pounds?|litres?|liters?|volts?|hz|"
    r"mph|left hand|right hand|hands|fingers|arm|eyes|blindfolded|backwards? and forwards?|"
    r"silently|quietly|violently|aggressively|roughly|delicately|precisely|accurately|"
    r"face down|face up|facing|standing up|lying down|on its side|on its head|inverted|"
    r"kilometres?|kilometers?|miles?|km)\b|\u00b0|\d+ (?:n|s|h|am|kph|g|ms)\b|\bat \d+\b"
)


def _sentence(why: Refusal, says: str) -> Refused:
    return Refused(why, f"{says}; {POSSIBLE}")


def other_language(text: str) -> Refused | None:
    """A refusal of what is not English; ``text`` as :func:`normal` gives it."""
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return _sentence(Refusal.NO_TASK, "this asks for nothing")
    strange = [c for c in letters if "LATIN" not in unicodedata.name(c, "")]
    words = [word for word in text.split() if word[0].isalpha()]
    foreign = [word for word in words if word in FOREIGN and word not in ENGLISH]
    accented = [word for word in words if any(ord(c) > 127 for c in word)]
    english = [word for word in words if word in ENGLISH and word not in FOREIGN]
    if 3 * len(strange) > len(letters) or len(set(foreign) | set(accented)) > max(len(english), 1):
        return _sentence(Refusal.LANGUAGE, "only English is understood")
    return None


def sequenced(text: str) -> str:
    """``text`` with what only orders the steps ("when that is done", "afterwards") as "then"."""
    return _DONE.sub("then", text)


def condition(text: str) -> Refused | None:
    """A refusal of what holds only if something else does."""
    found = _CONDITION.search(text)
    if found is None:
        return None
    return _sentence(Refusal.CONDITION, f"{found[0].strip(' .,;:!')!r}: no condition is watched for")


def negated(text: str) -> bool:
    """Whether ``text`` says what not to do, or what is not so."""
    return _NEGATION.search(text) is not None


def forbids(text: str) -> bool:
    """Whether ``text`` forbids a doing."""
    return _NOT_DOING.search(text) is not None


def refuse_negation(text: str) -> Refused:
    """The refusal of a negation."""
    found = _NEGATION.search(text)
    said = found[0].strip() if found else text
    return _sentence(Refusal.NEGATION, f"{said!r} says what not to do, and nothing is done")


def unsupported(text: str) -> Refused | None:
    """A refusal of quantities, speeds, forces and times that no skill heeds."""
    found = _MANNER.search(text) or _QUANTITY.search(text)
    if found is None:
        return None
    return _sentence(Refusal.UNSUPPORTED, f"no skill heeds {found[0].strip()!r}")
