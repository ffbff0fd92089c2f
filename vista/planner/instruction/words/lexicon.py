"""Words for doings and relations, and words that say nothing. Data only."""

from __future__ import annotations

from enum import StrEnum

from vista.planner.instruction.words.word_sets import word_set


class Act(StrEnum):
    """What a verb does. ``TAKE`` is a grasp where no place is said, ``HAVE`` needs one, ``FILL`` names its
    place first."""

    PUT = "put"
    GRASP = "grasp"
    TAKE = "take"
    REMOVE = "remove"
    OPEN = "open"
    CLOSE = "close"
    CLEAR = "clear"
    FILL = "fill"
    HAVE = "have"


_BASES: dict[Act, str] = {
    Act.PUT: "put place set lay drop pop stick move bring carry transfer deposit dump chuck toss throw stow "
    "rest position relocate insert slip tuck plop plonk plunk lower store keep deliver haul transport return "
    "shift push shove slide nudge pull drag scoot budge fit slot add sling park stand balance perch stash "
    "situate stack drop_off set_down put_down lay_down place_down pile rehome send convey ferry put_back "
    "place_back release let_go_of put_away set_aside put_aside arrange heap bung whack dunk hide "
    "load pack lean",
    Act.GRASP: "grasp pick_up pick grab seize lift lift_up raise hold grip clutch clasp take_hold_of "
    "get_hold_of grab_hold_of snatch hold_on_to hold_onto hoist pick_out grab_onto",
    Act.TAKE: "take get fetch retrieve gather collect obtain take_up",
    Act.REMOVE: "remove extract withdraw take_out get_out lift_out take_off bring_out pull_out",
    Act.OPEN: "open open_up pull_open slide_open reopen draw_open",
    Act.CLOSE: "close shut close_up push_shut push_closed slide_shut slide_closed push_in pull_shut",
    Act.CLEAR: "clear clear_out clear_off clear_up empty empty_out unload clean_out tidy tidy_up clean_up",
    Act.FILL: "fill fill_up",
    Act.HAVE: "have make let want need",
}  # fmt: skip
_IRREGULAR = {
    "put": "put", "set": "set", "lay": "laid", "stick": "stuck", "bring": "brought", "take": "taken",
    "throw": "thrown", "hold": "held", "get": "got", "shut": "shut", "keep": "kept", "stand": "stood",
    "send": "sent", "hide": "hidden", "fit": "fit", "sling": "slung",
}  # fmt: skip
_DOUBLED = word_set("put set drop pop stow get grab slot chuck fit grip shut slip plop drag bung") - {
    "stow", "chuck", "bung",
}  # fmt: skip


def _continuous(verb: str) -> str:
    if verb in _DOUBLED:
        return f"{verb}{verb[-1]}ing"
    return f"{verb[:-1]}ing" if verb.endswith("e") else f"{verb}ing"


def participle(verb: str) -> str:
    """As in "it should be placed": "placed", "put"."""
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb in _DOUBLED:
        return f"{verb}{verb[-1]}ed"
    if verb.endswith("y") and verb[-2] not in "aeo":
        return f"{verb[:-1]}ied"
    return f"{verb}d" if verb.endswith("e") else f"{verb}ed"


def _verbs() -> dict[tuple[str, ...], tuple[Act, str]]:
    out: dict[tuple[str, ...], tuple[Act, str]] = {}
    for act, bases in _BASES.items():
        for base in bases.split():
            first, *rest = base.split("_")
            for form in (first, _continuous(first)):
                out[(form, *rest)] = (act, base)
    return out


VERBS = _verbs()
"""{words of a verb: (what it does, its base form with _ for spaces)}, also in the form with -ing."""

PARTICIPLES = frozenset(participle(base) for base in _BASES[Act.PUT].split() if "_" not in base)
STANCES = word_set("stand sit rest be lie go stay remain placed put set moved located end live")
"""As in "have the mug stand in the tray"."""

PULLS, PUSHES = word_set("pull draw tug drag slide"), frozenset(["push", "shove"])
"""Verbs that open, and that close, a drawer."""

COPULA = (
    r"(?:should|must|shall|can|could|may|will|would|(?:needs?|has|have|ought|is|are|wants?|want|supposed|"
    r"is supposed|are supposed|was supposed|gets?|got|is going) to|to)"
    rf"(?: now)? (?:(?:be|get)(?: (?:{'|'.join(sorted(PARTICIPLES))}))?|go|end up|sit|stand|lie|rest|stay|"
    r"come|live|move|land|belong)|goes|go|belongs|belong|lives|needs to|gets (?:put|placed)"
)
"""Between a thing and its place: "the mug goes in the tray"."""

RELATIONS: dict[str, str] = {
    "in": "in into inside within in_to inside_of back_in back_into down_in down_into right_in straight_into "
    "over_into",
    "on": "on onto upon atop on_to on_top_of on_the_top_of back_on back_onto down_on over_onto to_the_top_of "
    "right_on right_on_top_of directly_on directly_onto directly_on_top_of on_top",
    "to": "to over_to across_to back_to onto_to",
    "left_of": "to_the_left_of left_of on_the_left_of to_left_of at_the_left_of on_the_left_side_of "
    "to_the_left_side_of on_the_left_hand_side_of to_the_left_hand_side_of at_the_left_side_of "
    "just_left_of just_to_the_left_of directly_left_of on_the_left_from immediately_left_of",
    "right_of": "to_the_right_of right_of on_the_right_of to_right_of at_the_right_of on_the_right_side_of "
    "to_the_right_side_of on_the_right_hand_side_of to_the_right_hand_side_of at_the_right_side_of "
    "just_right_of just_to_the_right_of directly_right_of on_the_right_from immediately_right_of",
    "next_to": "next_to beside by near close_to alongside adjacent_to right_next_to right_beside nearby "
    "by_the_side_of at_the_side_of right_by besides just_next_to directly_next_to up_next_to close_by "
    "near_to over_by over_next_to to_the_side_of besides_to on_the_side_of along_side",
    "in_front_of": "in_front_of infront_of right_in_front_of just_in_front_of directly_in_front_of "
    "to_the_front_of ahead_of in_the_front_of in_front",
    "behind": "behind in_back_of right_behind just_behind directly_behind to_the_rear_of at_the_rear_of "
    "to_the_back_of beyond",
    "between": "between in_between midway_between halfway_between right_between in_the_gap_between "
    "in_the_space_between exactly_between amid in_the_middle_between half_way_between",
    "under": "under below beneath underneath under_neath",
    "above": "above over",
}  # fmt: skip
"""{relation: how it is said}; "to" is the relation that its place goes with."""
RELATION_OF = {tuple(said.split("_")): name for name, every in RELATIONS.items() for said in every.split()}

SOURCES = ("from inside of", "from inside", "from within", "from out of", "from on top of", "from off",
           "from the top of", "from", "out of", "off of", "off from", "off", "out from")  # fmt: skip
"""What stands before the place that a thing is taken from."""

UNITS = {
    "mm": 0.001, "millimetre": 0.001, "millimeter": 0.001, "cm": 0.01, "centimetre": 0.01, "centimeter": 0.01,
    "dm": 0.1, "decimetre": 0.1, "decimeter": 0.1, "m": 1.0, "metre": 1.0, "meter": 1.0, "inch": 0.0254,
    "foot": 0.3048, "feet": 0.3048, "ft": 0.3048, "yard": 0.9144, "cms": 0.01, "mms": 0.001,
    "inche": 0.0254, "centi": 0.01,
}  # fmt: skip
"""{unit of length, in the singular: in metres}."""

NUMBERS = {
    word: n
    for n, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
} | {
    word: 10 * n
    for n, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
    )
}
NUMBERS["hundred"] = 100

POLITE = (
    r"please|kindly|thanks a lot|thank you very much|many thanks|thank you so much|thank you|thanks|cheers|"
    r"for me|for us|mate|buddy|pal|dude|"
    r"bro|robot arm|robot|um+|uh+|er+m?|hmm+|hm|hey there|hey|hi there|hi|hello there|hello|good morning|"
    r"good afternoon|good evening|yo|okay|ok|alright|right then|all right|oh|ah|well|so|just|"
    r"now|right now|straight away|right away|immediately|asap|as soon as possible|"
    r"if you please|if you would|if you could|if you can|if you do not mind|if you like|if possible|"
    r"if you want|if it is not too much trouble|when you can|whenever you can|when you get a chance|"
    r"when you have a moment|when you have time|when you are ready|whenever you are ready|at once|"
    r"actually|simply|basically|literally|maybe|perhaps|possibly|you know|i mean|i guess|i think|sort of|"
    r"kind of|again|as well|too|instead|sir|friend|my friend|man|love|dear|carefully|nicely|neatly|properly|"
    r"safely|thx|ta|(?:would|will|could|can|won t) you(?: please)?(?= ?$| [.?!])|by the way|btw|real quick|"
    r"in one go|one by one|one at a time|one after the other|one after another|in that order|"
    r"in this order|in order|for now|this time|at the same time|completely|fully|all the way|wide|"
    r"entirely|exactly|directly|straight|up there|over there|over here|down there|each|altogether"
)
"""Words that change nothing. Read after requests, negations and conditions."""

REQUESTS = (
    r"(?:can|could|would|will|may) (?:you(?! mind)|we|i ask you to|i get you to|i have you)"
    r"(?: (?:please|kindly|possibly|maybe|perhaps|just|also|now|then|quickly go and|like|um|uh|go|try|"
    r"help me|help|go ahead and|go and|all))*"
    r"(?: (?:to|and))?(?! (?:see|tell|say|explain|describe|list|count|show|find|spot|locate|remember|know"
    r"|recall|help)\b)|"
    "would you mind|do you mind|would you be so (?:kind|good|nice) as to|be so (?:kind|good|nice) "
    "(?:as )?to|"
    r"be a dear and|be (?:good|kind|nice) and|"
    r"would you be able to|"
    "i (?:want|need|require|ask|order|command|would like|would love|wish|expect|beg|urge|tell|told)(?: "
    "for)? "
    r"you to|i (?:would )?(?:like|want|love|wish|prefer) to (?:see|have)|"
    r"i (?:would appreciate|appreciate) it if you (?:could|would|can)|i (?:would )?(?:prefer|like) it if you|"
    r"it would be (?:great|nice|good|lovely|helpful|awesome|cool|perfect) if you (?:could|would|can)|"
    r"i was (?:wondering|hoping) (?:if )?you (?:could|would|can)|i wonder if you (?:could|would|can)|"
    r"any chance (?:of|you could|you can)|"
    r"you (?:can|could|should|must|may|need to|have to|shall|will|ought to|are to|had better|might want to)|"
    r"let us|let me have you|we (?:need|have|want|ought) to|we (?:should|must|can|could)|"
    r"(?:your|the) (?:task|job|goal|mission|order|next task|instruction)s? (?:is|are)(?: now)?(?: to)?|"
    r"please|kindly|go ahead and|go on and|go and|try to|try and|be sure to|make sure (?:that |to |you )?|"
    r"see to it that|ensure that|ensure|see that|remember to|do not forget to|never forget to|"
    r"do not hesitate to|feel free to|time to|how about|what about|why do not you|why not|"
    r"help me(?: to)?|help|start by|begin by|start with|begin with|begin|start|"
    r"the plan is to|it is time to|your turn to|proceed to|"
    r"i (?:would like|would love|want|need|would prefer|would appreciate|wish for|wish|prefer|like)|"
    r"(?:can|could|may) (?:i|we) (?:have|get|see)|we (?:need|want|would like)|do|just|simply|also|go"
)
"""Openings that make a request of what follows; what stands in them is said out of politeness."""
