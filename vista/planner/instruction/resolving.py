"""What noun phrases mean: names of the vocabulary. Two that fit equally are a question, none is a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vista.planner.instruction.by_place import extreme, is_close, where_in_words
from vista.planner.instruction.ending import HiddenError, UnclearError, missing, spelling
from vista.planner.instruction.reading.phrases import POSITIONS, Amount, NounPhrase
from vista.planner.instruction.spelling import LITTLE, NOUNS, meant
from vista.planner.instruction.values import Nameable, Refused, Sort, Vocabulary
from vista.planner.instruction.words.nouns import (
    COLOUR_OF,
    GENERIC,
    GENERIC_PLACES,
    PLAIN,
    SHAPE_OF,
    SHAPED,
    SIZES,
    singular,
)  # fmt: skip
from vista.types.dialogue import Ask, Option, Question, Refusal

PLACES = (Sort.CONTAINER, Sort.DRAWER, Sort.SURFACE)


@dataclass(slots=True)
class Mentioned:
    """What was spoken of so far: ``things`` in groups, newest last; ``place``, its ``relation`` and the
    things that were put there; ``taken``: what words were taken for."""

    things: list[tuple[str, ...]] = field(default_factory=list)
    place: str = ""
    drawer: str = ""
    taken: list[str] = field(default_factory=list)

    @property
    def every(self) -> set[str]:
        """All names that were mentioned."""
        return {name for group in self.things for name in group}


class PhraseResolver:
    """Resolves phrases against ``vocabulary`` and what was ``mentioned``."""

    def __init__(self, vocabulary: Vocabulary, mentioned: Mentioned) -> None:
        self.vocabulary, self.mentioned = vocabulary, mentioned
        self._words = frozenset(w for each in vocabulary.known for w in each.name.split()) | frozenset(
            w for alias in vocabulary.aliases for w in alias.split()
        )

    # --- things ---
    def things(self, phrases: Sequence[NounPhrase], *, but: Sequence[str] = ()) -> tuple[str, ...]:
        """The movable things that ``phrases`` mean, without ``but``.

        Raises:
            UnclearError: none or several fit; or it can't be moved.
        """
        names = [name for phrase in phrases for name in self._things(phrase, but)]
        names = list(dict.fromkeys(names))
        if names:
            self.mentioned.things.append(tuple(names))
        return tuple(names)

    def _things(self, phrase: NounPhrase, but: Sequence[str]) -> list[str]:
        if phrase.pronoun and phrase.pronoun != "everything":
            return self._pronoun(phrase, but)
        found = [k for k in self.candidates(phrase, (Sort.THING,)) if k.name not in but]
        if not found:
            others = self.candidates(phrase, PLACES)
            if others:
                raise UnclearError(
                    Refused(Refusal.IMPOSSIBLE, f"the {others[0].name} can't be taken up or moved")
                )
        found = self._present(found) or found
        gone = {name for each in phrase.without for name in self._excepted(each)}
        return self._amount(phrase, [k for k in found if k.name not in gone], self._is_other(phrase))

    def _present(self, found: Sequence[Nameable]) -> list[Nameable]:
        """Of ``found`` what is in view or in a drawer: what was somewhere else before, and is not seen, may
        be gone."""
        drawers = {k.name for k in self.vocabulary.of(Sort.DRAWER)}
        return [k for k in found if k.seen or k.inside in drawers or k.name == self.vocabulary.held]

    def _excepted(self, phrase: NounPhrase) -> list[str]:
        if phrase.pronoun:
            return self._pronoun(phrase, ())
        found = self.candidates(phrase, tuple(Sort))
        if not found:
            raise self.missing(phrase)
        return [k.name for k in found]

    def _is_other(self, phrase: NounPhrase) -> bool:
        return phrase.amount is Amount.OTHER

    def _pronoun(self, phrase: NounPhrase, but: Sequence[str]) -> list[str]:
        groups, word = self.mentioned.things, phrase.pronoun
        if word == "recent":
            if not self.vocabulary.recent:
                raise UnclearError(missing(phrase.said, "Nothing was moved before. Which thing is meant?"))
            return [self.vocabulary.recent[-1]]
        if word == "rest":
            gone = self.mentioned.every | set(but) | {n for e in phrase.without for n in self._excepted(e)}
            left = [k.name for k in self._present(self.vocabulary.of(Sort.THING)) if k.name not in gone]
            if not left:
                raise UnclearError(Refused(Refusal.NOT_THERE, f"nothing else is there; {self.seen()}"))
            return left
        if not groups and word in ("it", "that", "this") and self.vocabulary.held:
            return [self.vocabulary.held]
        if not groups:
            raise UnclearError(missing(phrase.said, f"What is meant by {phrase.said!r}?"))
        if word in ("it", "this", "that"):
            if len(groups[-1]) > 1:
                known = [k for n in groups[-1] if (k := self.vocabulary.get(n))]
                raise UnclearError(self.which(phrase.said, known))
            return list(groups[-1])
        if len(groups[-1]) == 1 and word == "them":
            return [name for group in groups for name in group]
        return list(groups[-1])

    def _amount(self, phrase: NounPhrase, found: list[Nameable], other: bool) -> list[str]:
        if other:
            found = self._others(phrase, found)
        if not found:
            raise self.missing(phrase)
        if phrase.side and len(found) > 1:
            found = extreme(found, phrase.side)
        if phrase.amount is Amount.ALL:
            return [k.name for k in found]
        if phrase.amount is Amount.COUNT:
            if len(found) == phrase.count:
                return [k.name for k in found]
            if len(found) < phrase.count:
                there = ", ".join(k.name for k in found)
                said = f"{phrase.count} are asked for, and there are {len(found)}: {there}"
                raise UnclearError(Refused(Refusal.NOT_THERE, said, (self._canonical(phrase),)))
            raise UnclearError(self.which(phrase.said, found))
        if len(found) > 1:
            found = self._like_before(phrase, found) or self._spoken_of(phrase, found) or found
        if len(found) > 1:
            raise UnclearError(self.which(phrase.said, found))
        return [found[0].name]

    def _others(self, phrase: NounPhrase, found: list[Nameable]) -> list[Nameable]:
        """Of ``found`` those that were not mentioned; "the other one" is of the kind that was."""
        last = self.mentioned.things[-1] if self.mentioned.things else ()
        left = [k for k in found if k.name not in self.mentioned.every]
        if phrase.noun in ("one", "ones", "") and last:
            kind = last[-1].split()[-1]
            alike = [k for k in left if k.name.split()[-1] == kind]
            return alike or left
        return left

    def _like_before(self, phrase: NounPhrase, found: list[Nameable]) -> list[Nameable]:
        """Of ``found`` the one of the kind that was spoken of last, for "the blue one"."""
        if phrase.noun not in ("one", "ones", "") or not self.mentioned.things:
            return []
        kind = self.mentioned.things[-1][-1].split()[-1]
        alike = [k for k in found if k.name.split()[-1] == kind]
        return alike if len(alike) == 1 else []

    def _spoken_of(self, phrase: NounPhrase, found: list[Nameable]) -> list[Nameable]:
        """Of ``found`` the one that was spoken of, for "the box" after "the blue box"."""
        spoken = [k for k in found if k.name in self.mentioned.every]
        return spoken if len(spoken) == 1 and not phrase.vague else []

    # --- places ---
    def place(self, phrase: NounPhrase, *, relation: str = "", but: Sequence[str] = ()) -> Nameable:
        """The thing, container, drawer or table that ``phrase`` means.

        Raises:
            UnclearError: none or several fit.
        """
        if phrase.pronoun in ("it", "there", "that", "this", "them"):
            return self._same_place(phrase, relation, but)
        if phrase.pronoun:
            raise UnclearError(missing(phrase.said, "Which place is meant?"))
        noun = singular(phrase.noun)
        sorts: tuple[Sort, ...] = tuple(Sort)
        if noun in GENERIC_PLACES:
            sorts = (Sort.CONTAINER,)
        if not phrase.noun and phrase.words and phrase.words[-1] in POSITIONS:
            sorts = (Sort.DRAWER,)
        found = [k for k in self.candidates(phrase, sorts) if k.name not in but]
        if phrase.amount is Amount.OTHER:
            spoken = self.mentioned.every | {self.mentioned.place, self.mentioned.drawer}
            found = [k for k in found if k.name not in spoken and (noun != "one" or k.sort is Sort.DRAWER)]
        if not found:
            raise self.missing(phrase)
        if phrase.side and len(found) > 1:
            found = extreme(found, phrase.side)
        if len(found) > 1 and (last := self._like_before(phrase, found)):
            found = last
        if len(found) > 1:
            holding = self._holding(phrase, found)
            found = holding or found
        if len(found) > 1:
            raise UnclearError(self.which(phrase.said, found))
        return found[0]

    def _holding(self, phrase: NounPhrase, found: list[Nameable]) -> list[Nameable]:
        """The drawer that was spoken of last, for "the drawer"."""
        if singular(phrase.noun) != "drawer" or len(phrase.words) > 1:
            return []
        return [k for k in found if k.name == self.mentioned.drawer]

    def _same_place(self, phrase: NounPhrase, relation: str, but: Sequence[str]) -> Nameable:
        mentioned = self.mentioned
        name = mentioned.place
        place = self.vocabulary.get(name)
        things = [n for n in (mentioned.things[-1] if mentioned.things else ()) if n not in but]
        if phrase.pronoun == "there" and place is not None:
            return place
        if place is not None and place.sort in PLACES and (relation in ("in", "to") or not things):
            return place
        both = list(dict.fromkeys([*things, *([name] if name and name not in but else [])]))
        known = [k for n in both if (k := self.vocabulary.get(n))]
        if len(known) == 1:
            return known[0]
        if not known:
            raise UnclearError(missing(phrase.said, f"Which place is meant by {phrase.said!r}?"))
        raise UnclearError(self.which(phrase.said, known))

    def drawers(self, phrases: Sequence[NounPhrase]) -> list[str]:
        """The drawers that ``phrases`` mean.

        Raises:
            UnclearError: none or several fit, or it is no drawer.
        """
        names: list[str] = []
        for phrase in phrases:
            if phrase.pronoun in ("it", "that", "this", "them", "rest", "there"):
                drawers = [k.name for k in self.vocabulary.of(Sort.DRAWER)]
                if phrase.pronoun == "rest" or (
                    phrase.amount is not Amount.ONE and not self.mentioned.drawer
                ):
                    names += [n for n in drawers if n != self.mentioned.drawer]
                elif self.mentioned.drawer:
                    names.append(self.mentioned.drawer)
                else:
                    raise UnclearError(missing(phrase.said, f"Which drawer is meant by {phrase.said!r}?"))
                continue
            if phrase.amount in (Amount.ALL, Amount.COUNT):
                found = self.candidates(phrase, (Sort.DRAWER,))
                gone = {n for each in phrase.without for n in self._excepted(each)}
                found = [k for k in found if k.name not in gone]
                if phrase.amount is Amount.COUNT and len(found) > phrase.count:
                    raise UnclearError(self.which(phrase.said, found))
                if not found:
                    raise self._no_drawer(phrase)
                names += [k.name for k in found]
                continue
            place = self.place(phrase)
            if place.sort is not Sort.DRAWER:
                raise UnclearError(Refused(Refusal.IMPOSSIBLE, f"the {place.name} can't be opened or closed"))
            names.append(place.name)
        self.mentioned.drawer = self.mentioned.place = names[-1]
        return list(dict.fromkeys(names))

    def _no_drawer(self, phrase: NounPhrase) -> UnclearError:
        if others := self.candidates(phrase, tuple(Sort)):
            said = f"the {others[0].name} can't be opened or closed"
            return UnclearError(Refused(Refusal.IMPOSSIBLE, said))
        return self.missing(phrase)

    # --- names ---
    def candidates(self, phrase: NounPhrase, sorts: Sequence[Sort]) -> list[Nameable]:
        """What of ``sorts`` fits the words of ``phrase``."""
        vocabulary = self.vocabulary
        said = " ".join(phrase.words)
        if (name := vocabulary.aliases.get(phrase.said) or vocabulary.aliases.get(said)) and (
            k := vocabulary.get(name)
        ):
            return [k] if k.sort in sorts else []
        every = vocabulary.of(*sorts)
        exact = [k for k in every if k.name in phrase.names[:1]]
        if exact and all(word in PLAIN for word in phrase.words if word not in exact[0].name.split()):
            return exact
        wanted = [word for word in phrase.words if not self._plain(word)]
        if phrase.side and singular(phrase.noun) == "drawer":
            wanted.append(phrase.side)
        found = [k for k in every if all(self._fits(word, k, phrase) for word in wanted)]
        found = [k for k in found if not any(self._fits(word, k, phrase) for word in phrase.unlike)]
        if phrase.at is not None:
            holder = self.place(phrase.at[1])
            found = [k for k in found if k.inside == holder.name or is_close(k, holder, phrase.at[0])]
        return found

    def _plain(self, word: str) -> bool:
        return word not in self._words and (word in PLAIN or word in SIZES)

    def _fits(self, word: str, known: Nameable, phrase: NounPhrase) -> bool:
        label = known.name.split()
        one = singular(word)
        if word in label or one in label:
            return True
        last = word == phrase.noun
        if (last and one in GENERIC) or word == "ones":
            return known.sort is Sort.THING
        if last and one in GENERIC_PLACES:
            return known.sort is Sort.CONTAINER
        if word in POSITIONS:
            return POSITIONS[word] in label
        for table in (COLOUR_OF, SHAPE_OF, SHAPED):
            name = table.get(word) or table.get(one)
            if name is not None and name in label and name not in (word, one):
                note = f"{one!r}: taken for {name}"
                if note not in self.mentioned.taken:
                    self.mentioned.taken.append(note)
                return True
        return False

    def which(self, about: str, found: Sequence[Nameable]) -> Question:
        """The question which of ``found`` is meant."""
        options = tuple(Option(k.name, where_in_words(k, found), k.position, k.entity) for k in found)
        listed = [f"the {o.name}" + (f" {o.where}" if o.where else "") for o in options]
        return Question(Ask.WHICH, about, f"Which is meant by {about!r}: {' or '.join(listed)}?", options)

    def missing(self, phrase: NounPhrase) -> UnclearError:
        """What is said of a phrase that fits nothing: a word may be misspelt, or it is not there."""
        words = [w for w in phrase.words if w not in self._words and singular(w) not in self._words]
        near = NOUNS | LITTLE | self._words
        for word in words:
            for form in dict.fromkeys((word, singular(word))):
                if (right := meant(form, near, also=self._words)) is not None:
                    return UnclearError(spelling(word, right))
        said = " ".join(phrase.words) or phrase.said
        hidden = self.hidden(phrase)
        if hidden is not None:
            raise HiddenError(hidden)
        reason = f"no {said!r} is seen or known; {self.seen()}"
        return UnclearError(Refused(Refusal.NOT_THERE, reason, (self._canonical(phrase),)))

    def hidden(self, phrase: NounPhrase) -> str | None:
        """The name of what may be hidden and could be looked for."""
        name = self._canonical(phrase)
        return name if name in self.vocabulary.labels else None

    def _canonical(self, phrase: NounPhrase) -> str:
        """The words of ``phrase`` as a detector would say them."""
        words = [w for w in phrase.words if not self._plain(w) and singular(w) not in GENERIC]
        return " ".join(COLOUR_OF.get(w) or SHAPE_OF.get(singular(w)) or w for w in words)

    def seen(self) -> str:
        """What is there, in words."""
        return f"seen: {', '.join(dict.fromkeys(k.name for k in self.vocabulary.known)) or 'nothing'}"
