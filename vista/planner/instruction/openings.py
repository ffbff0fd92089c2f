"""What makes a request of a sentence, and what is said out of politeness; neither asks for anything."""

from __future__ import annotations

import re

from vista.planner.instruction.words.lexicon import POLITE, REQUESTS
from vista.planner.instruction.words.normal_text import strip_between, tidy

_OPENING = re.compile(rf"(?P<before>^|[.,;:!?] |\b(?:and|then|but|also|so) )(?:(?:{REQUESTS}) (?:, )?)+")
_FORGET = re.compile(
    r"\b(?:do not|never) (?:forget|fail|hesitate|be shy) to\b|\bwhy (?:do|would|can|could) (?:not you|"
    r"you not)\b|\bwhy not\b"
)
_HEADER = re.compile(
    "^(?:task|todo|to do|next task|new task|instruction|instructions|command|order|job|request|robot|"
    r"goal|step \w+|attention|listen|ok|okay|next|now|first|then|hey robot|here is the task|your task) "
    ": "
)


def bare(text: str) -> str:
    """``text`` without what makes a request of it, and without what is said out of politeness."""
    text = tidy(_FORGET.sub(" ", text))
    for _ in range(4):
        before = text
        text = tidy(_OPENING.sub(lambda m: m["before"], f"{text} "))
        text = strip_between(text, POLITE)
        if text == before:
            break
    return text


def without_header(text: str) -> str:
    """``text`` without a word such as "task:" before it."""
    return _HEADER.sub("", text)
