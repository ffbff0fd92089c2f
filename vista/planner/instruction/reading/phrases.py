"""Noun phrases: what stands for things and places, as it is said. What they mean is for
:mod:`vista.planner.instruction.resolving`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from vista.planner.instruction.words.lexicon import NUMBERS, RELATION_OF, VERBS
from vista.planner.instruction.words.nouns import (
    COLOUR_OF,
    GENERIC,
    GENERIC_PLACES,
    PHRASES,
    SHAPE_OF,
    singular,
)
from vista.planner.instruction.words.word_sets import word_set


class Amount(StrEnum):
    """How many of what fits are meant."""

    ONE = "one"
    ALL = "all"
    COUNT = "count"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """``said``: its words; ``words``: adjectives and noun without articles; ``noun``: its head, empty for
    "the red"; ``pronoun``: "it", "them", "there", "everything", "rest"; ``side``: "left" for "the cube on the
    left"; ``without``: exceptions; ``unlike``: adjectives that it must not have; ``at``: (relation, phrase)
    of the place where it is; ``vague``: "a cube", any of which would do."""

    said: str
    words: tuple[str, ...] = ()
    noun: str = ""
    amount: Amount = Amount.ONE
    count: int = 0
    pronoun: str = ""
    side: str = ""
    without: tuple[NounPhrase, ...] = ()
    unlike: tuple[str, ...] = ()
    at: tuple[str, NounPhrase] | None = None
    vague: bool = False
    names: tuple[str, ...] = field(default=())


MARKS = frozenset(".,;:!?")
_STOPS = word_set(
    "and or then to with of not but except plus also from out off that which who whose is are was were "
    "be goes go belongs belong should must has have needs need will shall can't up down away there here "
    "at for it them they you me i we us him her forward forwards backward backwards ahead towards "
    "toward until than by as instead rather excluding besides please both all every each everything "
    "anything so ought wants because do does did over across through where when if the a an my your our "
    "their its"
) | MARKS  # fmt: skip
POSITIONS = {
    "left": "left", "leftmost": "left", "right": "right", "rightmost": "right", "middle": "middle",
    "central": "middle", "front": "front", "back": "back", "rear": "back", "far": "back", "furthest": "back",
    "farthest": "back", "near": "front", "nearest": "front", "closest": "front", "nearer": "front",
}  # fmt: skip
_DETERMINERS = word_set("the a an my your our his her their this that these those its one's")
_PRONOUNS = word_set("it them they these those this that everything anything there something")
_WHOLE = re.compile(
    "(?:all of (?:the|these|those|my|your|them)|all(?: (?:the|these|those|my|your|of))?|every "
    "single(?: one of the)?|"
    "every one of (?:the|these|those)|every|each of the|each|any and all(?: the)?|"
    "both of (?:the|these|those|them)|"
    "both(?: (?:the|of the|my|these|those))?|(?:the |these |those |my )?(?:whole|entire)(?= (?:lot|"
    "pile|set)))(?= |$)"
)
_SIDE = re.compile(
    r"(?:(?:that|which) (?:is|are) )?(?:on|at|to|in) (?:the |your )?(?:far |very |extreme )?"
    r"(left|right|back|front|rear|middle)(?: hand)?(?: side)?(?: of the table)?(?=$| [.,;:!?]| (?:in|into|on|"
    r"onto|to|next|and|goes|should|belongs|behind|beside)\b)"
)
_NEAREST = re.compile(
    r"(?:(?:that|which) (?:is|are) )?(?:the )?"
    r"(?:closest|nearest|nearer|closer) to (?:you|yourself|the robot|me)(?= |$)"
)
_FURTHEST = re.compile(
    r"(?:(?:that|which) (?:is|are) )?(?:the )?"
    r"(?:furthest|farthest|further) (?:away )?(?:from (?:you|yourself|the robot|me))?(?= |$)"
)
_LIKE = re.compile(
    "(?:(?:that|which) (?:is|are)(?:nt)?|(?:that|which) (?:has|have) (?:the |a )?colour|of (?:the "
    ")?colour|in colour)"
    r" (not )?((?:\w+ )*?)(\w+)(?: in colour| colour)?(?= |$)"
)
_EXCEPT = re.compile(
    "(?:, )?(?:and not|but not|except for|except|apart from|aside from|other than|but for|excluding|"
    "besides|save for|but|"
    r"not including|without|not)(?: the)? (?=\w)"
)
_REST = re.compile(
    "(?:the |all the |all of the )?(?:rest|remainder|others|other ones|remaining (?:ones?|things|"
    "objects|items)|"
    r"other (?:things|objects|items|stuff)|everything else|remaining stuff)"
    r"(?: of (?:the |them|it)?(?:things|objects|items|stuff)?)?(?= |$)|(?:everything|all) else(?= |$)"
    r"|whatever is left(?: over)?(?= |$)|(?:the |all the )?remaining(?= (?:in|into|on|onto|to)\b)"
)
_RECENT = re.compile(
    "(?:the )?(?:one|thing|object|item)(?: that| which)? you (?:have )?(?:just |last )?(?:put down|"
    "placed|put|"
    r"moved|grasped|took|picked up)(?: down)?(?: just now| last| before)?(?= |$)"
    r"|what you (?:have )?(?:just |last )?(?:placed|moved|grasped|put down)(?= |$)"
)
_GENERIC_ALL = re.compile(
    "(?:absolutely )?everything(?: (?:that is )?(?:on the table|there|you (?:can )?see|here|you have|"
    "visible|in sight|in view|"
    r"there is))?(?= |$)|(?:all|the) (?:of )?(?:the )?(?:lot|(?:things|objects|items|stuff))"
    r"(?: (?:on the table|there|you (?:can )?see|here|you have|you find))?(?= |$)"
    r"|all of (?:it|them)(?= |$)|whatever (?:is )?(?:there|on the table|you see)(?: is)?(?= |$)"
    r"|the (?:whole|entire) lot(?= |$)|all(?= (?:in|into|on|onto|to|inside|go|goes)\b)"
)
_NOUN_LIKE = frozenset(SHAPE_OF) | GENERIC | frozenset(GENERIC_PLACES)


def is_noun(word: str) -> bool:
    """Whether ``word`` is a noun of the lexicon, in the singular or plural."""
    return word in _NOUN_LIKE or singular(word) in _NOUN_LIKE


class PhraseReader:
    """Reads noun phrases from ``tokens``. ``names``: known names as words; they are read as one noun."""

    def __init__(self, tokens: Sequence[str], names: Sequence[tuple[str, ...]] = ()) -> None:
        self.tokens = list(tokens)
        self._names = sorted((n for n in names if n), key=len, reverse=True)

    def rest(self, i: int) -> str:
        """What is left from token ``i`` on."""
        return " ".join(self.tokens[i:])

    def match(self, pattern: re.Pattern[str], i: int) -> tuple[re.Match[str], int] | None:
        """``pattern`` at token ``i``, and the token after it."""
        found = pattern.match(self.rest(i))
        if found is None or not found[0].strip():
            return None
        return found, i + len(found[0].split())

    def several(self, i: int) -> tuple[tuple[NounPhrase, ...], int] | None:
        """Phrases joined by commas and "and", and the token after them."""
        first = self.one(i)
        if first is None:
            return None
        found, i = [first[0]], first[1]
        while (after := self._joined(i)) is not None:
            nxt = self.one(after)
            if (
                nxt is None
                or (nxt[0].pronoun in ("it", "there") and self.tokens[i] == ",")
                or nxt[0].said in ("all", "both")
            ):
                break
            found.append(nxt[0])
            i = nxt[1]
        return tuple(_lent(found)), i

    def _joined(self, i: int) -> int | None:
        """The token after a joining word at ``i``, unless a verb follows."""
        found = self.match(_JOIN, i)
        if found is None:
            return None
        after = found[1]
        if after >= len(self.tokens) or self._verb_at(after):
            return None
        return after

    def _verb_at(self, i: int) -> bool:
        """Whether a verb begins at ``i`` that is not the first word of a noun phrase."""
        word = self.tokens[i]
        if (word,) in VERBS and not is_noun(word):
            return True
        return any(tuple(self.tokens[i : i + n]) in VERBS for n in (2, 3))

    def one(self, i: int) -> tuple[NounPhrase, int] | None:
        """A phrase at ``i``, and the token after it."""
        if i >= len(self.tokens):
            return None
        start = i
        if found := self.match(_RECENT, i):
            return NounPhrase(found[0][0], pronoun="recent"), found[1]
        if found := self.match(_REST, i):
            return self._after(NounPhrase("", pronoun="rest", amount=Amount.ALL), start, found[1])
        if found := self.match(_GENERIC_ALL, i):
            phrase = NounPhrase("", words=("things",), noun="things", amount=Amount.ALL, pronoun="everything")
            return self._after(phrase, start, found[1])
        amount, count, vague = Amount.ONE, 0, False
        if found := self.match(_WHOLE, i):
            amount, i = Amount.ALL, found[1]
            if found[0][0].startswith("both"):
                amount, count = Amount.COUNT, 2
        if i < len(self.tokens) and self.tokens[i] in _DETERMINERS and self._more(i + 1):
            vague, i = self.tokens[i] in ("a", "an") and amount is Amount.ONE, i + 1
        if self.rest(i).startswith("other ") or self.rest(i) == "other":
            amount, i = (Amount.OTHER if amount is Amount.ONE else amount), i + 1
        word = self.tokens[i] if i < len(self.tokens) else ""
        number = int(word) if word.isdigit() else NUMBERS.get(word, 0)
        if number and self._more(i + 1) and self.tokens[i + 1] not in _STOPS:
            i += 1
            amount, count = (
                (amount, count) if number == 1 or amount is not Amount.ONE else (Amount.COUNT, number)
            )
            vague = vague or (number == 1 and start == i - 1)
            if amount is Amount.COUNT and count > 2 and number != count:
                count = number
        words, names, j = self._words(i, i > start)
        if not words:
            if amount is Amount.OTHER:
                return self._after(NounPhrase("", words=("one",), noun="one", amount=amount), start, i)
            if self.tokens[start] in _PRONOUNS and start + 1 >= i:
                pronoun = self.tokens[start]
                return NounPhrase(
                    pronoun, pronoun="them" if pronoun in ("they", "these", "those") else pronoun
                ), (start + 1)
            if amount is not Amount.ONE:
                return self._after(NounPhrase("", pronoun="them", amount=amount, count=count), start, i)
            return None
        last = words[-1]
        noun = last if is_noun(last) or names or not (last in COLOUR_OF or last in POSITIONS) else ""
        plural = bool(noun) and singular(noun) != noun and not names
        if plural and amount is Amount.ONE:
            amount = Amount.ALL
        if not noun and tuple(words) == ("ones",):
            noun = "ones"
        side = next((POSITIONS[w] for w in words if w in POSITIONS and w != noun), "") if not names else ""
        phrase = NounPhrase("", tuple(words), noun, amount, count, side="", names=tuple(names), vague=vague)
        if side and singular(noun) != "drawer" and not (not noun and len(words) == 1):
            kept = tuple(w for w in words if w not in POSITIONS)
            phrase = NounPhrase("", kept, noun, amount, count, side=side, vague=vague)
        return self._after(phrase, start, j)

    def _more(self, i: int) -> bool:
        return i < len(self.tokens) and (self.tokens[i] not in _STOPS or self.tokens[i] in ("other",))

    def _words(self, i: int, determined: bool) -> tuple[list[str], list[str], int]:
        """Adjectives and noun from ``i`` on, the known name among them, and the token after them."""
        words: list[str] = []
        headed = False
        while i < len(self.tokens):
            name = next((n for n in self._names if self._is_name(n, i)), None)
            if name is not None and not headed:
                return [*words, *name], [" ".join(name)], i + len(name)
            if two := next((PHRASES[p] for n in (3, 2) if (p := " ".join(self.tokens[i : i + n])) in PHRASES
                            or (p := singular(p)) in PHRASES), None):  # fmt: skip
                size = 3 if " ".join(self.tokens[i : i + 3]) in PHRASES else 2
                plural = self.tokens[i + size - 1].endswith("s")
                return [*words, f"{two}s" if plural else two], [], i + size
            word = self.tokens[i]
            if word in _STOPS or not word[0].isalpha():
                break
            if word in POSITIONS and not is_noun(word):
                if headed or (not self._more(i + 1) and not determined):
                    break
                if self._relation_at(i):
                    break
            elif (
                (headed and not is_noun(word))
                or (
                    words
                    and not headed
                    and not is_noun(word)
                    and self._verb_at(i)
                    and not self._before_noun(i)
                )
                or (self._relation_at(i) and (word not in ("over",)) and (headed or not self._before_noun(i)))
                or (not words and not determined and self._verb_at(i) and not is_noun(word))
            ):
                break
            words.append(word)
            headed = headed or is_noun(word)
            i += 1
        return words, [], i

    def _before_noun(self, i: int) -> bool:
        return i + 1 < len(self.tokens) and is_noun(self.tokens[i + 1])

    def _is_name(self, name: tuple[str, ...], i: int) -> bool:
        here = self.tokens[i : i + len(name)]
        return tuple(here) == name

    def _relation_at(self, i: int) -> bool:
        return any(tuple(self.tokens[i : i + n]) in RELATION_OF for n in range(1, 6))

    def _after(self, phrase: NounPhrase, start: int, i: int) -> tuple[NounPhrase, int]:
        """``phrase`` with what follows the noun, as said from ``start`` on, and the token after it."""
        values = {name: getattr(phrase, name) for name in phrase.__dataclass_fields__}
        while i < len(self.tokens):
            if (found := self.match(_NEAREST, i)) and found[0][0]:
                values["side"], i = "front", found[1]
            elif (found := self.match(_FURTHEST, i)) and phrase.noun:
                values["side"], i = "back", found[1]
            elif (found := self.match(_LIKE, i)) and found[0][3] in (*COLOUR_OF, *SHAPE_OF):
                key = "unlike" if found[0][1] or "nt " in found[0][0] else "words"
                added = (*found[0][2].split(), found[0][3])
                values[key] = (*values[key], *added) if key == "unlike" else (*added, *values[key])
                i = found[1]
            elif (
                (found := self.match(_SIDE, i))
                and phrase.noun
                and (found[0][0].startswith(("that", "which")) or self._place_follows(found[1]))
            ):
                values["side"], i = POSITIONS[found[0][1]], found[1]
            elif phrase.amount is Amount.ALL and (found := self.match(_EXCEPT, i)):
                after = found[1] - (1 if found[0][0].split()[-1] == "the" else 0)
                gone = self.several(after)
                if gone is None or any(each.pronoun == "everything" for each in gone[0]):
                    break
                values["without"], i = (*values["without"], *gone[0]), gone[1]
            else:
                break
        if i < len(self.tokens) and self.tokens[i] == "each" and phrase.amount is Amount.ALL:
            i += 1
        values["said"] = " ".join(t for t in self.tokens[start:i] if t not in MARKS)
        return NounPhrase(**values), i

    def _place_follows(self, i: int) -> bool:
        """Whether a place is said after ``i``: what comes before it says which thing is meant."""
        return bool(
            re.match(r"(?:in|into|on|onto|to|next|behind|beside|goes|should|belongs|between)\b", self.rest(i))
        )


_JOIN = re.compile(
    r"(?:, )?(?:and also|and then also|and|plus|along with|as well as|together with|also)(?: also)? |, "
)


def _lent(phrases: list[NounPhrase]) -> list[NounPhrase]:
    """The phrases; one without a noun gets that of the next that has one ("the red and the blue cube")."""
    out: list[NounPhrase] = []
    noun = ""
    for each in reversed(phrases):
        if each.noun and each.noun not in GENERIC:
            noun = each.noun
        elif noun and each.words and not each.noun and not each.pronoun and not each.names:
            words = (*each.words, singular(noun))
            values = {name: getattr(each, name) for name in each.__dataclass_fields__}
            values |= {"words": words, "noun": singular(noun)}
            each = NounPhrase(**values)
        out.append(each)
    return out[::-1]
