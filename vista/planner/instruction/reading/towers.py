"""Towers: "build a tower: blue box at the bottom, yellow cube on it, green cube on top"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vista.planner.instruction.reading.phrases import NounPhrase, PhraseReader

_HEAD = re.compile(
    "(?:(?:build|make|create|construct|form|assemble|erect|put up|stack up|set up|i want|have|do)(?: "
    r"me| us)? (?:up )?(?:a |the |one )?(?:\w+ )?"
    "(?:tower|stack|pile|column|pyramid)(?: (?:of|out of|with|from|using|where|that has|in which|"
    "consisting of|made of|made from)| ,| :)*"
    r"|(?:stack|pile)(?: up)?(?= .*(?:bottom|on top(?! of)|at the top|the base|from bottom|from top|order))"
    r"|(?:stack|pile)(?: up)?(?! .*\b(?:on|onto|upon|atop|in|into|next|to|behind|beside)\b)"
    r"|put(?= .* at the bottom)|(?=.* at the bottom .*(?:on top|at the top|middle)))"
    r"(?: (?:things|cubes|blocks|them|these)(?= :| ,))?(?: [:,])?(?: |$)"
)
_UPWARD = re.compile(
    "(?:in this order |in order )?(?:(?:ordered |going )?from (?:the )?(?:bottom|base)(?: up)? (?:up "
    ")?to (?:the )?top|from bottom up|bottom to top|bottom up)(?: [:,])?(?: |$)"
)
_DOWNWARD = re.compile(
    r"from (?:the )?top to (?:the )?bottom(?: [:,])?(?: |$)|top to bottom(?: [:,])?(?: |$)"
)
_SLOT = re.compile(
    "(?:goes |is |should be |being |as |placed )*(?:(?P<bottom>(?:at|on|as|for|in) (?:the |its "
    ")?(?:very )?(?:bottom|base|lowest)|first|at the foundation|the base|lowest|on the table|the "
    "bottom)"
    r"|(?P<middle>in (?:the )?(?:middle|between)|in between|second|the middle)"
    r"|(?P<on>(?:on|upon|above|on top of|onto|over) (?:it|that|this|the first|the first one|them))"
    "|(?P<top>(?:on|at) (?:the |its )?(?:very )?top(?! of)(?: of it all)?|last|third|topmost|the "
    "top))(?= |$)"
)
_AND = re.compile(
    r"(?:(?:,|;|and|then|with|finally|next|after that|lastly|first|a|place|put|add|goes|and then|"
    r"followed by|\.) )+|[,;.]$|(?:and|then|with)$"
)


@dataclass(frozen=True, slots=True)
class Level:
    """``things`` at ``slot``: "bottom", "middle", "on" (what was named before), "top", or "" (not said)."""

    things: tuple[NounPhrase, ...]
    slot: str


@dataclass(frozen=True, slots=True)
class Tower:
    """``levels`` as they are said. ``upward``: they are said from the bottom to the top; False: from the top;
    None: the sentence does not say."""

    levels: tuple[Level, ...]
    upward: bool | None


def tower(text: str, names: list[tuple[str, ...]]) -> Tower | None:
    """The tower that ``text`` asks for; None: it asks for none that is understood."""
    head = _HEAD.match(text)
    if head is None:
        return None
    rest, upward = text[head.end() :].strip(), None
    for pattern, up in ((_UPWARD, True), (_DOWNWARD, False)):
        if found := pattern.search(f"{rest} "):
            rest, upward = f"{rest[: found.start()]} {rest[found.end() :]}".strip(" ,:"), up
    tokens = rest.split()
    reader, i = PhraseReader(tokens, names), 0
    levels: list[Level] = []
    while i < len(tokens):
        if (between := reader.match(_AND, i)) is not None:
            i = between[1]
            continue
        ahead, slot = reader.match(_SLOT, i), ""
        if ahead is not None:  # "at the bottom the blue box"
            slot, i = ahead[0].lastgroup or "", ahead[1]
            if i < len(tokens) and tokens[i] in (":", "goes", "is", "put", "comes"):
                i += 1
        read = reader.one(i)
        if read is None or not (read[0].words or read[0].pronoun):
            return None
        i = read[1]
        if ahead is None and (after := reader.match(_SLOT, i)) is not None:
            slot, i = after[0].lastgroup or "", after[1]
        levels.append(Level((read[0],), slot))
    return Tower(tuple(levels), upward) if levels else None
