"""An instruction understood against a vocabulary: the front door of this package.

A sentence is first put into one spelling, then refused for what nobody can do whatever it is about (another
language, a condition), then told from a question about the scene, then read by the grammar, then resolved.
Nothing here looks at the world or moves anything.
"""

from __future__ import annotations

import re
from dataclasses import replace

from vista.planner.instruction import refusing
from vista.planner.instruction.building import GoalBuilder, verb_refusal
from vista.planner.instruction.ending import HiddenError, UnclearError, refuse, spelling
from vista.planner.instruction.forbidding import Forbidden
from vista.planner.instruction.openings import bare, without_header
from vista.planner.instruction.questions import SceneQuestion, question
from vista.planner.instruction.reading.clauses import ClauseReader, Unread, Wish
from vista.planner.instruction.reading.phrases import PhraseReader
from vista.planner.instruction.reading.towers import tower
from vista.planner.instruction.refusing import LONGEST, POSSIBLE
from vista.planner.instruction.resolving import PhraseResolver
from vista.planner.instruction.spelling import DOINGS, LITTLE, NOUNS, meant
from vista.planner.instruction.values import (
    AnyGoal,
    Nameable,
    Refused,
    Sort,
    Understood,
    UserQuestion,
    Vocabulary,
)  # fmt: skip
from vista.planner.instruction.words.lexicon import VERBS
from vista.planner.instruction.words.normal_text import normal, tidy
from vista.planner.instruction.words.other_words import CHAT
from vista.types.dialogue import Question, Refusal

MOST_HIDDEN = 8
Reading = Understood | Refused | Question | UserQuestion

_FIND = re.compile(
    r"\b(?:go and |go )?(?:find|locate|look for|search for|seek|spot) (?P<what>(?:the|my|a|that) [^.;!?,]+?)"
    rf"(?: ,)? (?:and(?: then)?|then|,) (?P<verb>{'|'.join(map(' '.join, VERBS))}) (?:it|them|that) "
)
_WAITING = re.compile(
    r"\b(?:if (?:you (?:please|would|could|can|do not mind|like|want)|possible|that is (?:ok|okay|"
    "alright|possible)|it is not too much trouble)|"
    "when(?:ever)? you (?:can|get (?:a|the) (?:chance|moment|time)|have (?:a moment|time|a second|a "
    r"sec)|are ready))\b"
)
_BEFORE = re.compile(r"^(?:but )?(?:right )?before (?:you )?(?P<later>.+?) , (?:first )?(?P<first>.+)$")
_AFTER = re.compile(
    r"^(?:right )?after (?:you (?:have )?)?(?P<first>\w+(?:ing| the| it| all| both| my)\b.+?) , (?:then "
    ")?(?P<later>.+)$"
)
_SWAPPED = re.compile(
    r"^(?P<later>.+?) ,? ?(?:but only |only )?after (?:you (?:have )?)?(?P<first>\w+(?:ing\b| the\b| "
    r"it\b).+)$"
)
_FIRST_WORDS = "|".join(sorted({words[0] for words in VERBS}))
_AHEAD = re.compile(r" ,? ?before (?:you )?(?=\w+ing\b|(?:" + _FIRST_WORDS + r")\b)")
_BUT_FIRST = re.compile(
    r"^(?P<later>.+?) ,? ?but (?:before that|first|before you do(?: that| so)?) ,? ?(?P<first>.+)$"
)
_HALF_UNIT = re.compile(
    r"\bhalf (?=an? (?:inch|foot|metre|meter|cm|centimet))|(?<=left )half\b|(?<=right )half\b|(?<=back "
    r")half\b|(?<=front )half\b"
)
_TO_ME = re.compile(r"(?:(?:over |back )?to |for )?(?:me|us|him|her|my (?:hand|hands|friend|boss))\b")


def understand(sentence: str, vocabulary: Vocabulary) -> Reading:
    """What ``sentence`` asks for: goals, a question of the user, a question to the user, or a refusal."""
    known = vocabulary
    for _ in range(MOST_HIDDEN):
        try:
            return _Understanding(sentence, known).result()
        except UnclearError as error:
            return error.answer
        except HiddenError as hidden:
            found = Nameable(hidden.name, Sort.THING, seen=False)
            known = replace(known, known=(*known.known, found), labels=known.labels - {hidden.name})
    raise AssertionError("more hidden things than words")


class _Understanding:
    def __init__(self, sentence: str, vocabulary: Vocabulary) -> None:
        self._sentence, self._vocabulary = sentence, vocabulary
        self._names = [tuple(normal(k.name).split()) for k in vocabulary.known]
        self._names += [tuple(words.split()) for words in vocabulary.aliases]
        self._builder = GoalBuilder(vocabulary)

    def result(self) -> Reading:
        """The reading.

        Raises:
            UnclearError: it is a question to the user, or refused.
        """
        if not self._sentence.strip() or len(self._sentence) > LONGEST:
            return Refused(
                Refusal.NO_TASK,
                f"an instruction of {len(self._sentence)} characters, expected 1 to {LONGEST}",
            )
        text = normal(self._sentence)
        if (refused := refusing.other_language(text)) is not None:
            return refused
        text = tidy(_WAITING.sub(" ", refusing.sequenced(text)))
        text = _FIND.sub(lambda m: f"{m['verb']} {m['what']} ", text)
        text = re.sub(r"\b(that|which|who) (is|are) not\b", r"\1 \2nt", text)
        asked = [question(part) for part in _sentences(text)]
        if asked and all(asked):
            return self._asked(asked[0])
        parts = [part for part, q in zip(_sentences(text), asked, strict=True) if q is None]
        for each in filter(None, asked):
            self._mention(each)
        text = " . ".join(part.rstrip(" ?") for part in parts)
        if (refused := refusing.condition(_without_order(text))) is not None:
            return refused
        forbidden = Forbidden(self._builder, self._names)
        text = forbidden.positive(without_header(bare(text)))
        goals = forbidden.heed(self._goals(text))
        return Understood(goals, tuple(self._builder.mentioned.taken))

    # --- questions of the user ---
    def _asked(self, asked: SceneQuestion | None) -> Reading:
        assert asked is not None
        if asked.kind is None:
            return Refused(Refusal.NO_TASK, f"this is no task, and no question about the scene; {POSSIBLE}")
        things, places = self._meant(asked.phrase)
        return UserQuestion(asked.kind, self._sentence.strip(), tuple(things), tuple(places), asked.phrase)

    def _meant(self, said: str) -> tuple[list[str], list[str]]:
        read_ = PhraseReader(said.split(), self._names).one(0) if said else None
        if read_ is None or read_[0].pronoun:
            return [], []
        resolver = PhraseResolver(self._vocabulary, self._builder.mentioned)
        places = resolver.candidates(read_[0], (Sort.CONTAINER, Sort.DRAWER, Sort.SURFACE))
        return [k.name for k in resolver.candidates(read_[0], (Sort.THING,))], [k.name for k in places]

    def _mention(self, asked: SceneQuestion) -> None:
        things, _ = self._meant(asked.phrase)
        if things:
            self._builder.mentioned.things.append(tuple(things))

    # --- goals ---
    def _goals(self, text: str) -> tuple[AnyGoal, ...]:
        if (refused := refusing.unsupported(_HALF_UNIT.sub(" ", text))) is not None and not self._is_named(
            text
        ):
            raise UnclearError(refused)
        if (found := _BEFORE.match(text) or None) is not None:
            return self._ordered(found["later"], found["first"])
        if (found := _AFTER.match(text)) is not None:
            text = f"{found['first']} . then {found['later']}"
        elif (found := _BUT_FIRST.match(text)) is not None or (found := _SWAPPED.match(text)) is not None:
            return self._ordered(found["later"], found["first"])
        text = _AHEAD.sub(" then ", text)
        self._one(text)
        return self._builder.finish()

    def _is_named(self, text: str) -> bool:
        """Whether the words that no skill heeds belong to a name."""
        bare = text
        for name in sorted(self._names, key=len, reverse=True):
            bare = bare.replace(" ".join(name), " ")
        return refusing.unsupported(_HALF_UNIT.sub(" ", bare)) is None

    def _ordered(self, later: str, first: str) -> tuple[AnyGoal, ...]:
        """Goals of two parts; what is said first is resolved first, and done last."""
        self._one(later)
        done_last = list(self._builder.finish())
        self._builder.goals = []
        self._one(first)
        return (*self._builder.finish(), *done_last)

    def _one(self, text: str) -> None:
        """Add the goals of ``text``."""
        if (built := tower(text, self._names)) is not None:
            self._builder.add_tower(built)
            return
        if " : " in text:
            head, _, tail = text.partition(" : ")
            if self._listed(head, tail):
                return
            words = head.split()
            announced = words and (
                words[0]
                in (
                    "clear",
                    "tidy",
                    "swap",
                    "clean",
                    "sort",
                    "rearrange",
                    "exchange",
                    "switch",
                    "organise",
                    "organize",
                    "arrange",
                    "pack",
                    "stack",
                    "do",
                )
            )
            if announced:
                text = tail
        self._clauses(text)

    def _listed(self, head: str, tail: str) -> bool:
        """Whether ``tail`` only lists what ``head`` is about: "put two things in the tray: the ball and the
        mug"."""
        reader = PhraseReader(tail.split(), self._names)
        things = reader.several(0)
        if things is None or things[1] < len(reader.tokens):
            return False
        clauses = ClauseReader(head.split(), self._names).read()
        if isinstance(clauses, Unread) or not clauses or not clauses[-1].things:
            return False
        said = clauses[-1].things[0]
        if not (
            said.noun in ("things", "objects", "items", "ones", "following")
            or said.pronoun in ("them", "everything", "it")
            or "following" in said.words
        ):
            return False
        self._builder.add([*clauses[:-1], replace(clauses[-1], things=things[0])])
        return True

    def _clauses(self, text: str) -> None:
        text = tidy(text)
        if not text:
            raise refuse(Refusal.NO_TASK, f"this asks for nothing; {POSSIBLE}")
        made = ClauseReader(text.split(), self._names).read()
        if isinstance(made, Unread):
            raise self._unread(made)
        self._spelt(made)
        self._builder.add(made)

    def _spelt(self, clauses: list[Wish]) -> None:
        """Refuse a noun phrase without article that begins with a verb of no skill ("turn on the light")."""
        for clause in clauses:
            if not clause.verb or clause.verb == "put":
                phrase = clause.things[0] if clause.things else None
                if (
                    phrase is not None
                    and phrase.words
                    and not phrase.names
                    and phrase.said.split()[0] == phrase.words[0]
                ):
                    first = phrase.words[0]
                    strange = not self._builder.resolver.candidates(phrase, tuple(Sort))
                    if (
                        strange
                        and clause.act is not None
                        and (error := verb_refusal(first, "")) is not None
                        and clause.said.startswith(first)
                    ):
                        raise error

    def _says_nothing(self, unread: Unread) -> bool:
        """Whether what was read has neither a verb nor a thing that is known."""
        clause, resolver = unread.clause, self._builder.resolver
        if clause is None or clause.verb or clause.where is not None:
            return False
        return not any(p.pronoun or resolver.candidates(p, tuple(Sort)) for p in clause.things)

    def _unread(self, unread: Unread) -> UnclearError:
        words = frozenset(word for name in self._names for word in name)
        rest, word = unread.rest, unread.word
        if _TO_ME.match(rest):
            return refuse(Refusal.UNKNOWN_ACTION, f"nothing is handed over to people; {POSSIBLE}")
        if unread.starts:
            if (error := verb_refusal(word, rest)) is not None:
                return error
            if unread.clause is not None and word in ("it", "them", "they", "that"):
                return refuse(Refusal.UNSUPPORTED, f"{rest!r} is not understood; {POSSIBLE}")
        for each in (*rest.split()[:6],):
            right = meant(
                each, NOUNS | LITTLE | words | (DOINGS if unread.starts else frozenset()), also=words
            )
            if right is not None:
                return UnclearError(spelling(each, right))
        if self._says_nothing(unread):
            return refuse(Refusal.NO_TASK, f"this asks for nothing that is understood; {POSSIBLE}")
        if not unread.starts or (unread.clause is not None and word not in CHAT):
            return refuse(Refusal.UNSUPPORTED, f"{rest!r} is not understood; {POSSIBLE}")
        return refuse(Refusal.NO_TASK, f"this asks for nothing that is understood; {POSSIBLE}")


def _sentences(text: str) -> list[str]:
    parts = re.findall(r"[^.!?;]+(?: [?])?", text)
    return [part.strip() for part in parts if re.search(r"\w", part)]


def _without_order(text: str) -> str:
    """``text`` without "before you ..." and "after you ...", which only order the steps."""
    return re.sub(r"\b(?:before|after) (?:you )?(?=\w+)", " ", text)


__all__ = ["Reading", "understand"]
