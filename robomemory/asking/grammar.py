"""Reads a question: what is asked, of which things, in which relation, of which time.

A grammar over question words, so that a question about the past is never answered by likeness. What it does
not read, it says so (``None``).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

from robomemory.asking.answers import AnswerKind as Kind
from robomemory.asking.patterns import CONTAINS, FORMS, IS_IT, IS_SO, IS_STATE, IS_THERE
from robomemory.asking.times import TimeKind, TimeSaid, split_time

LONGEST = 500
"""A longer question is not read by the grammar [characters]."""

MOST_PARTS = 8
HAND = "gripper"
"""What the robot's own hand is called, where a question says "you"."""


@dataclass(frozen=True, slots=True)
class AskedFor:
    """One question as it was read: ``thing`` and ``holder`` are names as they were said (empty: none; "it"
    for the thing of the question before); ``relation`` a wording of the table of relations; ``past``: it asks
    for what was; ``time`` that it says."""

    kind: Kind
    thing: str = ""
    relation: str = ""
    holder: str = ""
    past: bool = False
    time: TimeSaid | None = None


_OPENINGS = re.compile(
    r"^(?:please|pls|hey|hi|hello|ok|okay|excuse me|sorry|so|and|well|um|uh|tell me|telling me|would you "
    r"mind|give me|show me|remind "
    r"me|let me know|"
    r"(?:can|could|would|will) (?:you|u) (?:please |pls |kindly )?(?:tell me|show me|say|remind me|check|"
    r"look up|find out|help me find|find|locate)"
    r"(?= )|do (?:you|u) (?:happen to )?(?:know|remember|recall)(?= (?:where|what|who|when|since|how|if|"
    r"whether|which|why))|"
    r"(?:can|could|would|will) (?:you|u)(?: please| pls)?(?= (?:list|give|name|describe|count|trace))|"
    r"(?:i'd|i would) like to know|i (?:want|need) to know|i wonder|i was wondering|any idea|any clue|you "
    r"know|"
    r"robot(?=$| (?:where|what|who|when|since|how|which|why|is|are|can|could|please|tell))|if|whether)(?: |$)"
)
_CLOSINGS = re.compile(r" (?:please|pls|thanks|thank you|for the (?:last|first) time)$")
_DOUBTFUL = re.compile(r" (?:for me|exactly|again|do you know|you know|by any chance)$")
_ARTICLES = {"teh": "the", "hte": "the", "th": "the", "thee": "the", "tha": "the"}
_SHORT = (
    (r"\bwhere ?abouts?\b(?= (?:is|are|was|were))", "where"),
    (r"\b(where|what|who|when|how)'d\b", r"\1 did"),
    (r"\bhow long's\b", "how long has"),
    (r" (?:possibly|perhaps|actually|maybe|even)\b", ""),
    (r"\beverything (?:that|which) is\b|\beverything that's\b", "everything"),
    (r"^where (?:on earth|in the world|the hell|the heck|exactly|else)\b", "where"),
    (r"\b(where|what|who|when|how|that|it|there|here|which)'s\b", r"\1 is"),
    (r"\b(where|what|who|when)s\b", r"\1 is"), (r"\bwhere're\b", "where are"), (r"\bi've\b", "i have"),
    (r"\b(you)'ve\b", r"\1 have"), (r"\bi'm\b", "i am"), (r"\byou're\b", "you are"),
    (r"\b(did|is|was|has|have|are|does|do|were|could|would)n'?t\b", r"\1 not"), (r"\bu\b", "you"),
    (r"\bwats\b", "what is"),
)  # fmt: skip
_QUESTION_WORDS = (
    "where",
    "what",
    "who",
    "when",
    "which",
    "why",
    "how",
    "since",
    "if",
    "do",
    "did",
    "has",
    "have",
)
_TYPOS = (
    "where", "what", "when", "who", "which", "since", "changed", "before", "inside", "yesterday", "minutes",
    "happened", "history", "location", "contents", "near",
)  # fmt: skip
_WORDS_THEMSELVES = frozenset(
    ["here", "hat", "wheat", "then", "hen", "wen", "ear", "sine", "hear", "what", "want"]
)
_SPLIT = re.compile(
    r"(?:\s*[?;!]+\s*(?:and |also |then )*|\s*,\s*(?:and |also |then |plus )*|\s+(?:and|also|as well "
    r"as)(?: also| then)? |\.\s+(?:and |also )*)"
    r"(?=(?:where|what|who|whose|since when|for how long|how long|how many|how often|when|which|why|is it|"
    r"is the|are the|are they|was it|was the|"
    r"did it|has it|have you|did you|says who|according to)\b)"
)


def plain_question(question: str) -> str:
    """``question`` in lower case and one spelling, with plain quotes and single spaces."""
    said = unicodedata.normalize("NFC", unicodedata.normalize("NFC", question).casefold())
    said = said.replace("\u2019", "'").replace("\u2018", "'").replace("`", "'").replace("_", " ")
    said = re.sub(r"[\"\u201c\u201d()\[\]]|\.\.\.|\u2026", " ", said)
    return re.sub(r"\s+", " ", said).strip()


def read(question: str) -> tuple[AskedFor, ...] | None:
    """The questions in ``question``; None where one is not read by the grammar."""
    if len(question) > LONGEST:
        return None
    said = plain_question(question)
    found: list[AskedFor] = []
    before: TimeSaid | None = None
    for part in [p for p in _SPLIT.split(said) if p.strip(" ?!.,;:")][: MOST_PARTS + 1]:
        rest, time = split_time(_bare(part, False))
        if not rest:  # "hello", or "yesterday, what was ..."
            before = time or before
            continue
        one = _read_one(part)
        if one is None:
            return None
        found.append(_with_time(replace(one, time=before)) if before and one.time is None else one)
    return tuple(found[:MOST_PARTS]) or None


def _bare(part: str, closed: bool) -> str:
    """``part`` without what is said out of politeness; where ``closed``, also without words at its end that
    may belong to the question ("how many mugs do you know")."""
    text = re.sub(r"[?!,;:]+|\.(?=\s|$)", " ", part)
    text = re.sub(r"\s+", " ", text).strip()
    for wrong, right in _SHORT:
        text = re.sub(wrong, right, text)
    before = ""
    while before != text:
        before = text
        text = _CLOSINGS.sub("", _OPENINGS.sub("", text)).strip()
        text = _DOUBTFUL.sub("", text).strip() if closed else text
    words = text.split()
    return " ".join(_mended(word, i) for i, word in enumerate(words))


def _mended(word: str, place: int) -> str:
    """A question word with one slip of the keyboard, as it was meant."""
    if word in _ARTICLES:
        return _ARTICLES[word]
    if word in _WORDS_THEMSELVES or word in _TYPOS or (place > 0 and len(word) < 6):
        return word
    return next((right for right in _TYPOS if len(word) > 2 and slip(word, right)), word)


def slip(word: str, right: str) -> bool:
    """Whether ``word`` is ``right`` with two letters swapped, one left out or one too many."""
    if abs(len(word) - len(right)) > 1 or word == right:
        return False
    if len(word) == len(right):
        at = next((i for i in range(len(word)) if word[i] != right[i]), 0)
        return word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :] == right
    longer, shorter = (word, right) if len(word) > len(right) else (right, word)
    return any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer)))


_RELATIVE = re.compile(r" (?:that|which|who|whom|where) .*$")


def _read_one(part: str) -> AskedFor | None:
    for closed in (False, True):
        whole = _bare(part, closed)
        text, said = split_time(whole)
        if (asked := _parsed(text)) is not None:
            return _with_time(replace(asked, time=said))
        if (asked := _parsed(whole)) is not None:  # what looked like a time belongs to the question
            return asked
    return None


def _with_time(asked: AskedFor) -> AskedFor:
    """``asked`` with the kind that its time makes of it."""
    said = asked.time
    if said is not None and said.kind is TimeKind.NOW:
        said, asked = None, replace(asked, time=None)
    if said is None:
        return asked
    past = said.kind in (TimeKind.BEFORE, TimeKind.FIRST) or (
        not said.since and said.kind is not TimeKind.EVER
    )
    if past and asked.kind is Kind.WHERE:
        return replace(asked, kind=Kind.WHERE_BEFORE, past=True)
    if past and asked.kind is Kind.INSIDE:
        return replace(asked, kind=Kind.INSIDE_BEFORE, past=True)
    if said.since and asked.kind is Kind.WHERE_BEFORE:
        return replace(asked, kind=Kind.HISTORY)
    if said.kind is TimeKind.EVER and asked.kind is Kind.INSIDE:
        return replace(asked, kind=Kind.INSIDE_BEFORE, past=True)
    return asked


def _parsed(text: str) -> AskedFor | None:
    for pattern in (IS_THERE, IS_IT, CONTAINS):
        if (found := pattern.fullmatch(text)) is not None:
            said = found.groupdict()
            past = text.startswith(("was", "were", "did"))
            relation = "in" if pattern is CONTAINS else said["rel"]
            if said["thing"] in ("anything", "something"):  # "does it hold anything"
                kind = Kind.INSIDE_BEFORE if past else Kind.INSIDE
                return AskedFor(kind, "", relation, _name(said["holder"]), past)
            if " or " in said["holder"]:  # "in the tray or in the drawer"
                return AskedFor(Kind.WHERE_BEFORE if past else Kind.WHERE, _name(said["thing"]), past=past)
            if said["thing"] not in ("there anything", "there something", "there"):
                return AskedFor(Kind.IS_IT, _name(said["thing"]), relation, _name(said["holder"]), past)
    for pattern, kind, past in FORMS:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        groups = {name: value for name, value in found.groupdict().items() if value}
        thing = next((groups[n] for n in ("thing", "thing2", "thing3") if n in groups), "")
        holder = next((groups[n] for n in ("holder", "holder2") if n in groups), "")
        relation = groups.get("rel", "")
        if "state" in groups:
            relation, holder = "is", groups["state"]
        if "around" in groups:
            relation = "near"
        if "side" in groups:
            relation = f"{groups['side']} of"
        if kind is Kind.NEAR and not holder:
            holder, thing = thing, ""
        if kind is Kind.INSIDE and not holder and re.search(r"hold|carry|grip|grasp", text):
            holder, relation = HAND, "held by"
        return AskedFor(kind, _name(thing), relation, _name(holder), past)
    if not text.startswith(_QUESTION_WORDS) and (found := IS_SO.fullmatch(text)) is not None:
        past = found["be"] in ("was", "were")  # "whether the fork is in the drawer"
        return AskedFor(Kind.IS_IT, _name(found["thing"]), found["rel"], _name(found["holder"]), past)
    if (found := IS_STATE.fullmatch(text)) is not None and not found["thing"].startswith("there"):
        return AskedFor(Kind.IS_IT, _name(found["thing"]), "is", found["state"], text.startswith("w"))
    return None


_IT = frozenset(
    [
        "it",
        "them",
        "they",
        "that",
        "this",
        "one",
        "that one",
        "there",
        "in there",
        "in it",
        "on it",
        "these",
        "those",
    ]
)


def _name(said: str) -> str:
    """A name as it was said, without what follows it ("the mug that i used"); "it" for what stands for "
    "one."""
    name = _RELATIVE.sub("", said.strip(" '"))
    name = re.sub(r"^(?:all|any|both|some)(?: of)? (?=\w)", "", name)
    name = re.sub(
        r" (?:at|to|all|exactly|located|anywhere|somewhere|around here|in here|last|lately)$", "", name
    )
    return "it" if name in _IT else name
