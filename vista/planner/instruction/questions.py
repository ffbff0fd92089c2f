"""Which question about the scene a sentence asks, if it is one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vista.planner.instruction.values import UserAsks
from vista.planner.instruction.words.lexicon import POLITE, REQUESTS, VERBS


@dataclass(frozen=True, slots=True)
class SceneQuestion:
    """``kind`` None: a question, but not one about the scene. ``phrase``: its words for a thing or place."""

    kind: UserAsks | None
    phrase: str = ""


_LEAD = re.compile(
    f"(?:(?:{POLITE}|and|but|also|then|tell me|please tell me|let me know|(?:can|could|would|will) you "
    "(?:please |kindly |just |now |maybe )?"
    "(?:tell me|say|explain|describe(?= me)|let me know|remind me|check|help me)|do you (?:happen to "
    ")?(?:know|remember|recall)|"
    "i (?:would like|want|need) to know|i wonder|i am wondering|i was wondering|any idea|any clue|"
    "remind me|say|"
    "i am curious|quick question|question|check|are you able to (?:tell me|say)|you know|i forgot|i do "
    "not know|"
    r"i can not remember|(?:can|could) you(?! see| find| spot| detect| locate)) (?:[,:] )?)+"
)
_SEES = (
    r"(?:(?:can|do|could|did) (?:you|we) (?:currently |actually |really )?"
    r"(?:see|have|find|spot|detect|recogni[sz]e|notice|perceive|got))"
)
_HERE = (
    "(?:the |this |your |my )?(?:table|tabletop|desk|scene|view|workspace|bench|room|area|surface|"
    r"image|picture|front of you|front)\b|"
    r"(?:here|there|front of (?:you|the robot))\b|(?:on|around) (?:it|you)$|you\b"
)
_PAST = re.compile(
    r"\b(?:what|which|who|why|how|when|did|have|has|had|was|were|are|is)\b.*\b(?:did you|have you|had "
    "you|you (?:just )?(?:did|done|do last|moved|put|"
    r"picked|placed)|was|were|happened|last|before|earlier|yesterday|previously|ago|used to|already|"
    r"so far|has been|have been|been moved|moved|changed)\b|^(?:did|have|has|had|was|were) "
)
_WHERE = re.compile(
    "^(?:where|whereabouts|in which|in what|on which|which (?:drawer|place|side|corner|container|part)|"
    "locate|find|look for|search for|"
    r"show me where|have you seen|has anyone seen|have you found|seen|spot|point (?:to|at|out)|"
    "how far|what is the (?:location|position|place|distance|whereabouts) of|(?:the )?(?:location|"
    "position|whereabouts) of|"
    r"(?:can|could) you (?:find|locate|spot|show me where)|(?:give|tell|show) me the (?:location|position)|"
    r"what is (?:next to|beside|near|behind|between|in front of) (?:the|my)|i can not find|help me find)\b"
)
_HOW_MANY = re.compile(
    "^(?:how many|how much|count|number of|what is the (?:number|count|total)|(?:give|tell|show) me "
    "the (?:number|count|total)|"
    r"(?:the )?(?:number|amount|total|count)(?: number)? of|tally)\b"
)
_IN = re.compile(
    r"^(?:so )?(?:(?:what|which(?: \w+)?|who)(?: all| else| exactly| things?| objects?| items?| "
    r"stuff)?(?: \w+)? (?:is|are|is there|are there|do you see|can you see|lies?|sits?|do you have|is "
    "stored|is lying|is hidden|is left|have you got|do we have)"
    r"(?: \w+)??|anything|something|any(?: \w+)?|(?:is|are) there (?:anything|something|any(?: \w+)?)|"
    f"{_SEES} (?:anything|something)|what|what do you (?:see|have|keep)|list|name|show(?: me)?|tell me|"
    "enumerate|describe|show me what is|"
    r"(?:list|name|show me|tell me|describe|enumerate) (?:\w+ ){0,3}?(?:things?|objects?|items?|"
    "contents?|everything|all|stuff|what is|whatever is))"
    r"(?: \w+)?? (?:in|inside|inside of|within|on|on top of|at|under) (?P<place>.+)$"
    "|^(?:what|anything|what (?:things|objects)|does) (?:does )?(?P<holder>(?:the|your|my|that|this) "
    ".+?) (?:contain|hold|have in it|have inside)(?: anything| something)?$"
    "|^(?:what is|what are|show me|list|tell me|name|give me|read out|describe)?(?: all)? ?(?:the "
    ")?contents of (?P<of>.+)$"
    r"|^look (?:in|into|inside) (?P<look>.+)$"
)
_THERE = re.compile(
    "^(?:what (?:can|do|could) (?:you|we) (?:currently |all |actually |now )?(?:see|have|spot|detect|"
    "recogni[sz]e|notice|observe|perceive|know about)|what is there|what are (?:these|those|the)|"
    r"(?:what|which)(?: \w+){0,4} (?:are|is) (?:there|here|visible|available|around|on|in front|present|"
    "in view|in sight|these|this|that|left|seen)|"
    "what else|(?:list|describe|name|enumerate|show(?: me)?|identify|report|summari[sz]e|tell me "
    r"about)\b(?! (?:yourself|a story|a joke|the weather|how|you))|"
    r"what (?:things|objects|items|stuff|cubes|mugs|colours?|shapes?|kinds?|sort)|which (?:\w+ "
    ")?(?:things|objects|items|colours?|cubes|mugs|cans|boxes|balls|drawers)|"
    "what (?:have|has) (?:we|you) got|what is (?:this|that|all this|around|here|visible|out there|"
    "lying|in front|on (?:the|your))|what do we have|what is the (?:scene|table|colour)|"
    r"what does (?:the|your) (?:scene|table|camera|workspace)|what are you (?:looking at|seeing)|look around|"
    "(?:give|show) me (?:a |an |the )?(?:list|inventory|overview|description|summary)|inventory|what "
    "am i|what does it look like|"
    r"what do things look like|what is on)\b"
)
_IS_IT = re.compile(
    rf"^(?:is|are|does|do|has|have|am|any|can|could|if|whether|will|would|should|isn t|aren t|{_SEES})\b"
)
_ASKING = re.compile(
    "^(?:where|what|which|who|whose|when (?:did|was|were|is|are|will|do|does|have|has)|why|how|is|are|"
    "am|was|were|did|does|has|have (?=you|we|i|they|there|.* been)|had|any|anything|"
    "locate|find|look for|search for|seen|spot|count|list|describe|enumerate|identify|tally|number of|"
    "name (?:all|the|every)|"
    "point (?:to|at|out)|look (?:in|into|inside|around)|show me|inventory|give me (?:a|an|the) (?:list|"
    "number|count|overview|description|inventory|location|position|summary)|"
    "contents of|the contents of|how|report|summari[sz]e|whereabouts|in which|on which|in what|help me "
    "find|i can not find|do (?:you|we|i|they)|can i|could i|may i|should i|should we|will you|would "
    "you|"
    "tell me about|there (?:is|are)|(?:can|could) (?:you|we) (?:see|tell|find|locate|spot|detect|count|"
    r"list|describe|show|name))\b"
)
_COMMANDED = re.compile(rf"^(?:(?:{POLITE}|{REQUESTS}) (?:, )?)+(?P<rest>.*)$")
_NAMED = re.compile(
    "(?:the|a|an|my|any|your|both|all|other|that|this|these|those|of) (?P<noun>(?:(?!in |on |is |are |"
    r"was |at |from |to |inside |there|you |now|right now|located|lying|hidden|in$|on$)\w+ ?)+)"
)
_PRESENT = re.compile(
    r"(?:have|has) (?:you|anyone) (?:seen|found|got|any)|have (?:we|you) got|"
    r"what (?:have|has) (?:we|you) got|seen"
)
_TOLD = re.compile(
    r"\b(?:tell|know|remember|recall|wonder|wondering|idea|clue|let me know|remind|check|say|curious|"
    r"explain)\b"
)
_CHAT_PLACES = re.compile(
    r"\b(?:weather|time|day|date|name|old|life|love|joke|president|capital|meaning|price|news|music|hungry|"
    "born|your purpose|"
    "who made|who built|who are|are you|do you like|do you feel|do you think|how "
    r"do|how does|how is it going|how are)\b"
)


def question(sentence: str) -> SceneQuestion | None:
    """What ``sentence`` asks, as :func:`normal` gives it; None: it is no question. A request in the form of
    a question ("can you put ...") is none."""
    says = re.sub(r"\b(?:please|again|exactly|right now|currently|at the moment|now)\b", " ", sentence)
    says = " ".join(says.split())
    marked = says.endswith("?")
    says = says.strip(" .,;:!?")
    lead = _LEAD.match(f"{says} ")
    bare = says[lead.end() :].strip(" ,.:") if lead else says
    told = bool(lead and _TOLD.search(lead[0]))
    if not bare:
        return None
    if _request(says) and not (told and _ASKING.match(bare)):
        return None
    if (
        re.match(r"(?:can|could|do|does|will|would)$", bare.split()[0])
        and not marked
        and not _ASKING.match(bare)
    ):
        return None
    if told and re.match(r"(?:if|whether|when) ", bare):
        return SceneQuestion(_kind(bare), _phrase(bare))
    listed = _IN.match(bare) and re.match(r"(?:tell|list|name|show|anything|any|something)", bare)
    open_ = marked and not _imperative(bare) and not re.match(r"(?:if|when|unless) ", bare)
    if not (_ASKING.match(bare) or listed or open_):
        return None
    return SceneQuestion(_kind(bare), _phrase(bare))


def _request(says: str) -> bool:
    """Whether a verb of a skill follows "can you", "would you mind"."""
    found = _COMMANDED.match(f"{says} ")
    return found is not None and _imperative(found["rest"].strip())


def _imperative(says: str) -> bool:
    words = [w for w in says.split() if w[0].isalpha()]
    if not words or (
        words[0] in ("find", "locate", "have", "want", "need", "let", "make", "get") and _ASKING.match(says)
    ):
        return False
    return any(tuple(words[:n]) in VERBS for n in (1, 2, 3, 4))


def _kind(bare: str) -> UserAsks | None:
    if _CHAT_PLACES.search(bare):
        return None
    if _HOW_MANY.match(bare):
        return UserAsks.HOW_MANY
    if re.match(r"where did you (?:put|place|leave)\b", bare) and "last" not in bare:
        return UserAsks.WHERE
    if _PAST.search(bare) and not _PRESENT.match(bare):
        return UserAsks.PAST
    if _WHERE.match(bare):
        return UserAsks.WHERE
    if found := _IN.match(bare):
        place = next(text for text in found.groups() if text)
        return UserAsks.WHAT_IS_THERE if re.match(_HERE, place) else UserAsks.WHAT_IS_IN
    if _THERE.match(bare):
        return UserAsks.WHAT_IS_THERE
    if _IS_IT.match(bare):
        return UserAsks.IS_IT
    if re.match(r"(?:what|which) colour|what is (?:the|my)", bare):
        return UserAsks.WHAT_IS_THERE
    return None if re.match(r"(?:why|who|when|how|what|which|whose)\b", bare) else UserAsks.IS_IT


def _phrase(bare: str) -> str:
    if (found := _IN.match(bare)) is not None:
        return next(text for text in found.groups() if text)
    if (named := _NAMED.search(bare)) is not None:
        return named["noun"].strip()
    found = re.search(
        r"(?:where(?: is| are)?|how many|count|find|locate|any) (.+?)(?: (?:is|are|do|can|on|in)\b.*)?$", bare
    )
    return found[1].strip() if found else ""
