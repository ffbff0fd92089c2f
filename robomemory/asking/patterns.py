"""The forms of a question: patterns over question words and the relations of the table."""

from __future__ import annotations

import re

from robomemory.asking.answers import AnswerKind as Kind
from robomemory.asking.wordings import (
    ING,
    PLACED,
    REL,
    SAID,
    SOMEBODY,
    STATE_WORD,
    THINGS,
    H,
    T,
    alternatives,
)
from robomemory.belief.relations import METRIC

# (pattern of the whole question without its time, kind, whether it asks for the past)
_GRAMMAR: tuple[tuple[str, Kind, bool], ...] = (
    # what changed
    (
        rf"(?:what|(?:what|which) (?:things|objects)) (?:all )?(?:has |have |had |was |were |is |got |did "
        rf")?(?:been )?(?:changed?|new|different|"
        rf"moved|rearranged)(?: (?:{REL}|with|about|for) {T})?",
        Kind.CHANGES, False,
    ),
    (
        rf"(?:any|what|which|list|list all|all|the)? ?(?:the )?(?:recent |latest )?(?:changes?|news)(?: "
        rf"(?:were|are|have) there| happened)?(?: (?:{REL}|with|about|for|to) {T})?",
        Kind.CHANGES, False,
    ),
    (
        rf"(?:is |has |did |was )?(?:there )?(?:anything|something)(?: been)? (?:new|changed?|different|"
        rf"moved?|happen(?:ed)?)(?: (?:{REL}|with|about) {T})?",
        Kind.CHANGES, False,
    ),
    (
        r"what (?:did|have|do) i miss(?:ed)?|what (?:has )?happened|what (?:things|objects) (?:have )"
        r"?(?:been )?(?:moved|changed)|what is going on",
        Kind.CHANGES, False,
    ),
    (
        rf"(?:has|have|had|was|were|did) {T} (?:been |get |got )?(?:moved?|changed?)(?: places?)?",
        Kind.CHANGES, False,
    ),
    # what was done, why it failed
    (
        r"what (?:did|have|were|had|are) you (?:just )?(?:do|done|doing|try|tried|trying|achieve|achieved|"
        r"up to)(?: last)?(?: so far)?",
        Kind.DONE, True,
    ),
    (
        r"what (?:was|is) (?:the |your )?(?:last|latest|most recent) (?:thing|task|step|action|attempt)(?: "
        r"(?:that )?you (?:did|tried|made|have done))?",
        Kind.DONE, True,
    ),
    (
        r"why (?:did|has|have|had|do|does) (?P<thing>.+?) (?:not )?(?:fail(?:ed)?|work(?:ed)?|go(?:ne)? "
        r"wrong|succeed(?:ed)?)|why (?:did|could) (?:not (?:you|it|that)|(?:you|it|that) (?:not|fail))(?: "
        r"\w+ (?P<thing2>.+?))?|what (?:went|has "
        r"gone|is going) wrong(?: (?:with|when) (?P<holder>.+?))?|what (?:has )?failed|(?:did|has) "
        r"(?:anything|something) (?:go wrong|fail(?:ed)?)|what was the (?:cause|reason|problem|failure)",
        Kind.WHY_FAILED, True,
    ),
    # since when, how long
    (
        rf"(?:since when|(?:for )?how long) (?:is|are|has|have|was|were) {T} (?:been )?{STATE_WORD}",
        Kind.SINCE_WHEN, False,
    ),
    (
        rf"since when (?:is|are|has|have|was|were) {T}(?: been)?(?: {ING})? {REL} {H}",
        Kind.SINCE_WHEN, False,
    ),
    (
        rf"since when (?:is|are|has|have|was|were) {T}(?: been)?(?: {ING})?(?: (?:there|here|like that|so))"
        rf"?",
        Kind.SINCE_WHEN, False,
    ),
    (
        r"since when(?: is that so)?|for how long|how long(?: (?:already|for))?|since what time",
        Kind.SINCE_WHEN, False,
    ),
    (
        rf"(?:for )?how long (?:has|have|had|is|are) {T}(?: been)?(?: {ING})? {REL} {H}(?: already)?",
        Kind.SINCE_WHEN, False,
    ),
    (
        rf"(?:for )?how long (?:has|have|had|is|are) {T}(?: been)?(?: {ING})?(?: (?:there|here))?(?: "
        rf"already)?",
        Kind.SINCE_WHEN, False,
    ),
    (
        rf"when (?:did|was|were|has|have) (?:you |i |we |someone |anyone )?(?:see |last )?{T}(?: been)? "
        rf"?(?:get|got|come|came|go|gone|arrive|arrived|move|moved|put|placed|laid|stored|left|end up) "
        rf"(?:{REL} {H}|there|here|to (?P<holder2>.+?))",
        Kind.SINCE_WHEN, False,
    ),
    (
        rf"when (?:did|have|has) (?:you|i|we|someone|anyone) (?:put|place|placed|move|moved|lay|leave|left|"
        rf"store|stored) {T} (?:{REL} {H}|there|here)",
        Kind.SINCE_WHEN, False,
    ),
    (
        rf"when (?:did {T} (?:last )?(?:move|get moved|change)|(?:was|were) (?P<thing2>.+?) (?:last )"
        rf"?(?:moved|put away|placed|put there))",
        Kind.SINCE_WHEN, False,
    ),
    # when seen
    (
        rf"when (?:did|have|had) (?:{SOMEBODY}) (?:last |first )?(?:see|seen|notice|noticed|spot|spotted|"
        rf"observe|observed|detect|detected) {T}(?: last)?",
        Kind.WHEN_SEEN, False,
    ),
    (
        rf"when (?:was|were|is|has|have) {T} (?:been )?(?:last |first )?(?:seen|noticed|spotted|observed|"
        rf"detected|there)(?: last)?",
        Kind.WHEN_SEEN, False,
    ),
    (
        rf"when (?:was|is) the (?:last|latest|most recent) time (?:that )?(?:{SOMEBODY}) (?:saw|have seen|"
        rf"noticed|spotted) {T}",
        Kind.WHEN_SEEN, False,
    ),
    (
        rf"(?:have|did|had|has) (?:{SOMEBODY}) (?:ever |already |recently |just )?(?:see|seen|notice|"
        rf"noticed|spot|spotted|come across|find|found) {T}(?: (?:anywhere|somewhere|around|lately))?",
        Kind.WHEN_SEEN, False,
    ),
    (
        rf"(?:was|has|were) {T} (?:ever |been )(?:seen|spotted|noticed)(?: (?:anywhere|lately))?",
        Kind.WHEN_SEEN, False,
    ),
    (
        r"when(?: was (?:that|it|this))?",
        Kind.WHEN_SEEN, False,
    ),
    (rf"when (?:you|i|we) (?:last |first )?(?:saw|noticed|spotted) {T}(?: last)?", Kind.WHEN_SEEN, False),
    # who
    (
        rf"who (?:was the last (?:one |person )?(?:to|who|that) )?(?:all )?(?:has |have |had )?(?:last "
        rf")?(?:saw|see|seen|noticed|spotted|found|detected|observed|"
        rf"sees) {T}(?: {REL} {H})?(?: last)?",
        Kind.WHO, False,
    ),
    (
        rf"who (?:says|said|told|claims|claimed|thinks|believes|knows|reported|noted|mentioned)(?: (?:you|us|"
        rf"me))?(?: (?:that|so|this|it|about(?: it| that)?))*(?: {T} (?:is|are|was|were) {REL} {H})",
        Kind.WHO, False,
    ),
    (
        r"who (?:says|said|told|claims|claimed|reported|noted|mentioned)(?: (?:you|us|me))?(?: (?:that|so|"
        r"this|it|about it|about that))*|says who|according to wh[oa]m?|how do you know(?: (?:that|this|it|"
        r"about it))?|where do you know (?:that|this|it) from|"
        r"who (?:saw|has seen) (?:that|this|it)(?: there)?|who was it",
        Kind.WHO, False,
    ),
    (
        rf"(?:who (?:told|said|says|reported|mentioned|noted|knows)(?: (?:you|us))?(?: (?:anything|something)"
        rf")?(?: about)?|how (?:do|did) you (?:know|learn|hear|find out)(?: about| of)?|(?:from "
        rf")?(?:which|what) (?:camera|sensor|source|person|"
        rf"robot) (?:saw|has seen|reported|told you about)) {T}(?: (?:is|are) {REL} {H})?",
        Kind.WHO, False,
    ),
    (
        rf"who (?:has |have |had )?(?:put|placed|moved|took|taken|left|stored|hid|hidden|brought|laid) "
        rf"{T}(?: (?:{REL} {H}|there|here|away))?",
        Kind.WHO, False,
    ),
    # history
    (
        rf"where (?:all )?(?:has|have|had) {T} (?:all )?been(?: all| everywhere)?",
        Kind.HISTORY, True,
    ),
    (
        rf"(?:what (?:is|was) )?(?:the )?(?:history|path|journey|past|trail|whereabouts over time) of {T}",
        Kind.HISTORY, True,
    ),
    (
        rf"(?:what (?:has )?happened (?:to|with)|trace|track) {T}|how (?:did|has) (?P<thing2>.+?) (?:move|"
        rf"moved|get there)",
        Kind.HISTORY, True,
    ),
    (
        rf"(?:list |show )?(?:all |every )?(?:the )?(?:places|positions|spots|locations) (?:of|where) "
        rf"{T}(?: (?:has|have) been| was| were)?",
        Kind.HISTORY, True,
    ),
    (
        rf"how (?:often|many times) (?:has|have|was|were|did) {T} (?:been )?(?:moved?|change places?)",
        Kind.HISTORY, True,
    ),
    # how many
    (
        rf"how many (?P<thing>.+?) (?:do you (?:know|remember|see|have)(?: (?:of|about))?|are there|exist|"
        rf"have you seen|did you see|are (?:known|there in total)|do we have)(?: {REL} {H})?(?: in total)?",
        Kind.COUNT, False,
    ),
    (
        rf"how many (?P<thing>.+?) (?:is|are|lie|stand) (?:there )?{REL} {H}",
        Kind.COUNT, False,
    ),
    (
        rf"(?:count|the number of|number of|what is the number of) {T}(?: {REL} {H})?",
        Kind.COUNT, False,
    ),
    (
        r"what (?:things|objects|items|all) do you (?:know|remember)(?: of| about)?|what do you (?:know|"
        r"remember)|list (?:all |the )?(?:things|objects|everything)|what (?:things|objects) are there",
        Kind.COUNT, False,
    ),
    # what is in, on, held by
    (
        rf"(?:what|which) (?:other )?{THINGS}? ?(?:is|are|lies|lie|sits|sit|stands|stand)(?: there)?(?: "
        rf"(?:all|else|{ING}))? {PLACED} {H}",
        Kind.INSIDE, False,
    ),
    (
        rf"(?:what|which) (?:other )?{THINGS}? ?(?:was|were|used to be|has been|have been|had been|lay|sat|"
        rf"stood)(?: there)?(?: (?:all|else|{ING}))? {PLACED} {H}",
        Kind.INSIDE_BEFORE, True,
    ),
    (
        rf"(?:what|which) {THINGS}? ?(?:does|do|can) {H} (?:contain|hold|have (?:in|inside) it|have)",
        Kind.INSIDE, False,
    ),
    (
        rf"(?:what|which) {THINGS}? ?did {H} (?:contain|hold|have (?:in|inside) it|have|use to (?:contain|"
        rf"hold))",
        Kind.INSIDE_BEFORE, True,
    ),
    (
        rf"(?:what|which) {THINGS}? ?(?:do|have|can|could|did) (?:{SOMEBODY})(?: (?:have|find|got|keep|see|"
        rf"store|put|know of))? {PLACED} {H}",
        Kind.INSIDE, False,
    ),
    (
        rf"(?:list |show |give me |name )?(?:what is |what are )?(?:the |all |all the )?(?:contents?|things|"
        rf"objects|items|everything) (?:of|{PLACED}) {H}",
        Kind.INSIDE, False,
    ),
    (
        rf"(?:is there |are there |is |are )?(?:still )?(?:anything|something|things)(?: (?:else|left))? "
        rf"{PLACED} {H}",
        Kind.INSIDE, False,
    ),
    (
        rf"(?:was|were) there (?:anything|something) {PLACED} {H}",
        Kind.INSIDE_BEFORE, True,
    ),
    (
        r"what (?:is|are) you(?:r)? (?:holding|carrying|gripping|grasping)|what (?:is|are) (?:in|held by) "
        r"your (?P<holder>hand|gripper)|what do you (?:hold|carry)",
        Kind.INSIDE, False,
    ),
    (
        r"what (?:was|is|else is|else was|is else) (?P<holder>there|inside|in there|in it|on it)",
        Kind.INSIDE, False,
    ),
    # near
    (
        rf"(?:what|which) {THINGS}? ?(?:is|are|was|were|lies|stands|stood|lay|sat)(?: there)?(?: (?:all|"
        rf"{ING}|right|"
        rf"directly|just))? "
        rf"(?:(?P<rel>{alternatives({w for w, m in SAID.items() if m.relation in METRIC})})|(?:all )"
        rf"?(?P<around>around|nearest|nearest to|closest to|surrounding|in the vicinity of|the nearest thing "
        rf"to|the closest thing to)|(?:to|on) the (?P<side>left|right)(?: side)? of) {H}",
        Kind.NEAR, False,
    ),
    (
        rf"what (?:is|are) {T} (?P<rel>next to|near|close to|beside|adjacent to|left of|right of|behind|in "
        rf"front of|above|below|under|over)",
        Kind.NEAR, False,
    ),
    (
        rf"what surrounds {H}|(?:the )?(?:neighbou?rs|surroundings) of (?P<holder2>.+?)",
        Kind.NEAR, False,
    ),
    # where it was
    (
        rf"where (?:did|do) {T} (?:use|used) to (?:be|stand|lie|live)(?: (?:{ING}))?",
        Kind.WHERE_BEFORE, True,
    ),
    (
        rf"where (?:did) {T} (?:come from|get moved from|move from)|from where (?:did|was) (?P<thing2>.+?) "
        rf"(?:come|taken|moved)",
        Kind.WHERE_BEFORE, True,
    ),
    (
        rf"where (?:was|were|had) {T}(?: (?:been|{ING}))?",
        Kind.WHERE_BEFORE, True,
    ),
    (
        rf"where {T} (?:was|were|used to be)",
        Kind.WHERE_BEFORE, True,
    ),
    (
        rf"(?:the )?(?:previous|former|last|old|earlier) (?:place|position|location|spot) of {T}|what was "
        rf"the (?:previous|former|old|earlier|original) (?:place|position|location|spot) of (?P<thing2>.+?)",
        Kind.WHERE_BEFORE, True,
    ),
    (
        rf"(?:in|on) (?:which|what) (?:\w+ )?(?:was|were) {T}|what was (?P<thing2>.+?) (?:in|on)",
        Kind.WHERE_BEFORE, True,
    ),
    # where it is
    (
        rf"where (?:did|have|has|had) (?:{SOMEBODY}) (?:last )?(?:put|leave|left|place|placed|store|stored|"
        rf"see|seen|lay|laid|drop|dropped|keep|kept|hide|hidden|hid|find|found) {T}(?: last)?",
        Kind.WHERE, False,
    ),
    (
        rf"where (?:can|could|do|would|should|might|may|will|shall|must) (?:{SOMEBODY}) (?:find|get|see|"
        rf"look for|search for|pick up|grab|keep|put|store) {T}",
        Kind.WHERE, False,
    ),
    (
        rf"where (?:can|could|might|may|should|would|does|do|must) {T} (?:be|be found|lie|live|belong|stand|"
        rf"sit|hide)(?: {ING})?",
        Kind.WHERE, False,
    ),
    (
        rf"where (?:has|have) {T} (?:gone|ended up|got to|gotten to|been put|been placed|been left)|where "
        rf"did (?P<thing2>.+?) (?:go|end up|get to|disappear to)",
        Kind.WHERE, False,
    ),
    (
        rf"where (?:is|are|lies|be) {T}(?: (?:to be found|at|{ING}))?",
        Kind.WHERE, False,
    ),
    (
        rf"where {T} (?:is|are|went|ended up|lies|can be found|might be|could be)(?: (?:{ING}))?",
        Kind.WHERE, False,
    ),
    (
        rf"(?:in|on) (?:which|what) (?:\w+ )?(?:is|are) {T}|(?:which|what) \w+ (?:is|are) (?P<thing2>.+?) "
        rf"(?:in|on)|what (?:is|are) (?P<thing3>.+?) (?:in|on|inside)",
        Kind.WHERE, False,
    ),
    (
        rf"(?:what (?:is|are) )?(?:the )?(?:current |present |exact )?(?:location|position|whereabouts|place|"
        rf"coordinates|pose|spot) (?:of|for) {T}",
        Kind.WHERE, False,
    ),
    (
        rf"(?:find|locate|search for|look for|get|i(?: am|) (?:looking for|look for|need|lost|have lost|"
        rf"cannot find|can't find|cant find|am searching for|search)|looking for|help me find) {T}",
        Kind.WHERE, False,
    ),
    (
        rf"(?:is|are) there (?:a|an|any|some) {T}(?: (?:around|here|somewhere|anywhere))?|do (?:you|we) "
        rf"(?:know of|have) (?:a|an|any|some) (?P<thing2>.+?)",
        Kind.WHERE, False,
    ),
    (
        r"do you know (?!about|of)(?P<thing>.+?)(?:'s)? (?:location|position|place|whereabouts)",
        Kind.WHERE, False,
    ),
    (
        rf"(?:what (?:is|are) )?(?:the )?{T}'s? (?:current |present |exact )?"
        rf"(?:location|position|place|whereabouts|coordinates|pose|spot)",
        Kind.WHERE, False,
    ),
    (rf"(?:the )?{H}(?:'s)? contents?", Kind.INSIDE, False),
    (rf"(?:list|name|enumerate|show) (?:all |every )?{T}(?: you know(?: of)?)?", Kind.COUNT, False),
    # what is known of it
    (
        rf"(?:what (?:do|can|else do) you (?:know|remember|recall|tell me|say)(?: (?:about|of))|(?:do you "
        rf"(?:know|remember) )?(?:everything|anything|something|all|more)? ?(?:you know )?about|describe|do "
        rf"you know(?: about| of)?) {T}",
        Kind.ABOUT, False,
    ),
    (
        rf"(?:what|how) (?:is|are) (?:the )?(?:state|status|condition|colou?r) of {T}|(?:what|which) "
        rf"colou?r (?:is|are|has) (?P<thing2>.+?)",
        Kind.ABOUT, False,
    ),
)  # fmt: skip
FORMS = tuple((re.compile(pattern), kind, past) for pattern, kind, past in _GRAMMAR)
IS_IT = re.compile(rf"(?P<be>is|are|was|were) {T} (?:still |already |now |really |ever |{ING} )*{REL} {H}")
IS_THERE = re.compile(
    rf"(?P<be>is|are|was|were) (?:there (?:ever |still |already )?(?:been )?(?:a|an|any|some) "
    rf")(?P<thing>.+?) {REL} {H}"
)
CONTAINS = re.compile(rf"(?:does|do|did) {H} (?:still |already )?(?P<rel>contain|hold|have) {T}(?: in it)?")
IS_SO = re.compile(rf"{T} (?P<be>is|are|was|were) (?:still |already |now |{ING} )*{REL} {H}")
IS_STATE = re.compile(r"(?P<be>is|are|was|were) (?P<thing>.+?) (?:still |now |really )?(?P<state>[\w-]+)")
