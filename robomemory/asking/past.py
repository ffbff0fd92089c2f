"""What was: where a thing was, what a place held, since when something is so, what changed."""

from __future__ import annotations

from collections.abc import Sequence

from robomemory.asking.answers import Answer, AnswerKind
from robomemory.asking.grammar import AskedFor
from robomemory.asking.names import Named, ThingNames
from robomemory.asking.present import PresentAnswers, held_by, holding, of_relation
from robomemory.asking.since import Since
from robomemory.asking.times import TimeKind, moment_words
from robomemory.asking.words import capital, change_words, fact_words, listed, stay_words, the, was_words
from robomemory.belief.relations import PLACE, RELATIONS, STATE
from robomemory.graph.scene import SceneChange, SceneFact, Stay
from robomemory.memory import RoboMemory
from robomemory.timestamps import FOREVER, Moment

MOST_CHANGES = 1_000
"""Most changes in an answer, the newest."""


class PastAnswers:
    """Answers about the past of ``memory``."""

    def __init__(self, memory: RoboMemory, since: Since) -> None:
        self._memory, self._since, self._now = memory, since, since.now

    def where(self, asked: AskedFor, found: Sequence[Named], present: PresentAnswers) -> Answer:
        """Where each of ``found`` was: at the asked time, at first, or before it came to where it is now."""
        said, past = asked.time, self._memory.past
        places, stays, texts = [], list[Stay](), []
        moment: Moment | None = None
        for n in found:
            mine = past.stays(n.thing)
            if said is not None and said.kind is TimeKind.FIRST:
                first = next((s for s in mine if s.holder), mine[0] if mine else None)
                if first is not None:
                    stays.append(first)
                    texts.append(f"{capital(the(n.label))} was first {stay_words(first, self._now)}.")
                    moment = first.began
                continue
            if said is None or said.kind in (TimeKind.BEFORE, TimeKind.EVER):
                place, when = past.before(n.thing), "before that"
                stays += _earlier(mine)
            else:
                moment, when = self._since.at(said)
                place = past.where_was(n.thing, moment)
                stays += [s for s in mine if _covers(s, moment)]
            if place is not None:
                places.append(place)
                texts.append(was_words(place, when))
        if not texts:
            now = present.where(asked, found)
            if said is None:  # "where was the mug": it was where it is
                return now
            nowhere = listed([the(n.label) for n in found])
            text = f"Where {nowhere} was then is not known. {now.text}"
            return Answer(asked.kind, text, False, now.candidates, moment=moment, facts=now.facts)
        now = present.where(AskedFor(AnswerKind.WHERE, asked.thing), found)
        return Answer(
            asked.kind, " ".join([*texts, f"Now: {now.text}"]), True, now.candidates, tuple(places),
            stays=tuple(stays), moment=moment,
        )  # fmt: skip

    def inside(self, asked: AskedFor, found: Sequence[Named]) -> Answer:
        """What each of ``found`` held: at the asked time, or before, and no more."""
        said, past = asked.time, self._memory.past
        facts, things, texts, kept = list[SceneFact](), list[str](), [], list[str]()
        moment: Moment | None = None
        for n in found:
            there = held_by(past.told_of(n.thing), n, asked.relation)
            nested: list[str] = []
            if said is not None and said.kind is TimeKind.FIRST:
                moment = min((f.valid_from for f in there), default=None)
                mine = [f for f in there if f.valid_from == moment]
                when = "at first"
            elif said is None or said.kind in (TimeKind.BEFORE, TimeKind.EVER):
                still = {f.subject for f in there if f.valid_until_ns is None}
                ended = [f for f in there if f.valid_until_ns is not None and f.subject not in still]
                mine, when = sorted(ended, key=_ended, reverse=True), "before"
                kept += sorted(still)
            else:
                moment, when = self._since.at(said)
                mine = [f for f in there if _held(f, moment)]
                nested = past.inside(n.thing, moment) if _is_in(asked) else []
            facts += mine
            names = list(dict.fromkeys([*(f.subject for f in mine), *nested]))
            things += names
            relation = mine[0].relation if mine else RELATIONS.meaning(asked.relation or "in").relation
            what = f"{relation} {the(n.label)} {when}"
            each = listed([fact_words(f, self._now) for f in mine] or names)
            texts.append(f"{capital(what)}: {each}." if names else f"Nothing is known to have been {what}.")
        if kept:
            texts.append(f"Still there: {listed(kept, 12)}.")
        return Answer(
            asked.kind, " ".join(texts), bool(things), tuple(n.candidate for n in found),
            things=tuple(dict.fromkeys(things)), facts=tuple(facts), moment=moment,
        )  # fmt: skip

    def history(self, asked: AskedFor, found: Sequence[Named]) -> Answer:
        """Everywhere that ``found`` have been; since the asked time."""
        stays, texts = list[Stay](), []
        since = None if asked.time is None else self._since.since(asked.time)[0]
        for n in found:
            mine = [s for s in self._memory.past.stays(n.thing) if since is None or _until(s) > since]
            stays += mine
            said = "; ".join(stay_words(s, self._now) for s in mine[-8:])
            texts.append(f"{capital(the(n.label))}: {said or 'nothing is known of where it was'}.")
        return Answer(
            asked.kind, " ".join(texts), bool(stays), tuple(n.candidate for n in found), stays=tuple(stays),
            moment=since,
        )  # fmt: skip

    def since_when(self, asked: AskedFor, found: Sequence[Named], names: ThingNames) -> Answer:
        """Since when each of ``found`` is where it is, or in the asked relation."""
        others = {n.label for n in names.meant(asked.holder)} if asked.holder else set[str]()
        if asked.relation == "is":
            others = {asked.holder}
        facts, stays, texts = list[SceneFact](), list[Stay](), []
        for n in found:
            told = [f for f in self._memory.past.told_of(n.thing) if f.subject == n.label]
            open_ = [f for f in told if f.valid_until_ns is None]
            if asked.holder:
                mine = [f for f in open_ if f.object in others]
                ended = [f for f in told if f.object in others and f.valid_until_ns is not None]
                texts += [f"{capital(the(n.label))} is not there now; it was: {fact_words(f, self._now)}."
                          for f in ended[-1:] if not mine]  # fmt: skip
            else:
                mine = [f for f in open_ if f.relation in PLACE]
            here = [s for s in self._memory.past.stays(n.thing) if s.until_ns is None]
            if mine:
                facts += mine
                stays += [s for s in here if s.holder in {f.object for f in mine}]
                texts += [f"{capital(str(f))} since {moment_words(f.valid_from, self._now)}." for f in mine]
            elif here and not asked.holder:
                stays += here
                texts += [f"{capital(the(n.label))} is {stay_words(s, self._now)}." for s in here]
        began = [f.valid_from for f in facts] or [s.began for s in stays]
        text = " ".join(texts) or f"Since when {listed([the(n.label) for n in found])} is there is not known."
        return Answer(
            asked.kind, text, bool(began), tuple(n.candidate for n in found), stays=tuple(stays),
            facts=tuple(facts), moment=min(began, default=None),
        )  # fmt: skip

    def was_it(self, asked: AskedFor, found: Sequence[Named], names: ThingNames) -> Answer:
        """Whether one of ``found`` was in that relation, at the asked time or ever."""
        others = names.meant(asked.holder)
        told = [f for n in found for f in self._memory.past.told_of(n.thing)]
        said = asked.time
        if said is None or said.kind in (TimeKind.BEFORE, TimeKind.EVER, TimeKind.FIRST) or said.since:
            after = None if said is None or not said.since else self._since.since(said)[0]
            facts = [f for f in told if after is None or _ends(f) > after]
            meaning = RELATIONS.meaning(asked.relation or "in").relation
            theirs = {n.label for n in others}
            state = meaning in STATE
            facts = [f for f in facts if (f.object == asked.holder if state else f.object in theirs)
                     and (f.relation == meaning or {f.relation, meaning} <= PLACE)]  # fmt: skip
            holds: bool | None = bool(facts)
            moment = facts[-1].valid_from if facts else None
        else:
            moment, _ = self._since.at(said)
            facts = [f for f in told if _held(f, moment)]
            holds = holding(asked, found, facts, others)
            facts = of_relation([f for f in facts if f.subject in {n.label for n in found}], asked)
        word = {True: "Yes", False: "No, not as far as is known", None: "That is not known"}[holds]
        because = f": {listed([fact_words(f, self._now) for f in facts])}." if facts else "."
        return Answer(
            asked.kind, word + because, holds is not None, tuple(n.candidate for n in found), holds=holds,
            facts=tuple(facts), moment=moment,
        )  # fmt: skip

    def changes(self, asked: AskedFor) -> Answer:
        """What changed since the asked time."""
        since, when = self._since.since(asked.time)
        return self._changed(asked, self._memory.past.changes(since, FOREVER), since, when)

    def changes_of(self, asked: AskedFor, found: Sequence[Named]) -> Answer:
        """What changed with ``found`` since the asked time."""
        since, when = self._since.since(asked.time)
        changes = []
        for n in found:
            for f in self._memory.past.told_of(n.thing):
                if f.valid_from > since:
                    changes.append(SceneChange(f.valid_from_ns, "began", str(f), f.record_id, f.run))
                if since < _ends(f) < FOREVER:
                    changes.append(SceneChange(_ends(f).ns, "ended", str(f), f.record_id, f.until_run))
            for s in self._memory.past.stays(n.thing):
                if s.position is not None and s.began > since:
                    text = f"{n.label} at ({', '.join(f'{v:.2f}' for v in s.position)}) m"
                    changes.append(SceneChange(s.from_ns, "seen", text, s.record_id, s.run))
        changes.sort(key=lambda c: (c.run, c.stamp_ns, c.what != "ended", c.record_id))
        answer = self._changed(asked, tuple(changes), since, when)
        return Answer(
            answer.kind, answer.text, answer.known, tuple(n.candidate for n in found), changes=answer.changes,
            moment=answer.moment,
        )  # fmt: skip

    def _changed(self, asked: AskedFor, changes: tuple[SceneChange, ...], since: Moment, when: str) -> Answer:
        if not changes:
            return Answer(asked.kind, f"{capital(when)} nothing changed.", True, moment=since)
        many = "1 change" if len(changes) == 1 else f"{len(changes)} changes"
        text = f"{capital(when)}, {many}: {change_words(changes, self._now)}."
        return Answer(
            asked.kind, text, True, changes=changes[-MOST_CHANGES:], moment=since, count=len(changes)
        )


def _until(stay: Stay) -> Moment:
    return FOREVER if stay.until_ns is None else Moment(stay.until_run, stay.until_ns)


def _covers(stay: Stay, at: Moment) -> bool:
    return stay.began <= at < _until(stay)


def _earlier(stays: Sequence[Stay]) -> list[Stay]:
    """The stays before the present one; places count, where there are any."""
    places = [s for s in stays if s.holder] or list(stays)
    return places[:-1]


def _ends(fact: SceneFact) -> Moment:
    return FOREVER if fact.valid_until_ns is None else Moment(fact.until_run, fact.valid_until_ns)


def _ended(fact: SceneFact) -> tuple[Moment, int]:
    return _ends(fact), fact.record_id


def _held(fact: SceneFact, at: Moment) -> bool:
    return fact.valid_from <= at < _ends(fact)


def _is_in(asked: AskedFor) -> bool:
    return RELATIONS.meaning(asked.relation or "in").relation == "in"
