"""The long-term memories: attempts and their outcomes (episodic), general knowledge (semantic)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from robomemory.embed.embedder import F32
from robomemory.fusion import reciprocal
from robomemory.helpers import RevisionAction
from robomemory.records import MemoryKind, MemoryRecord, Query, Recall
from robomemory.store.backend import Backend
from robomemory.store.queries import RECENT, tokens
from robomemory.update_protocol import LIVE, REMOVED, Asked, Change, RecordRow, Update, fits, weighed
from robomemory.updater import by_rule
from robomemory.vectors.index import FLAT_LIMIT, Nearest, VectorIndex
from robomemory.vectors.index_files import IndexFiles
from robomemory.vectors.ivf_index import IvfIndex

NEAR = 0.4
"""Cosine from which a known semantic text is compared with a new one; see :mod:`robomemory.updater`."""

COMPARED = 10
"""Most known texts a new one is compared with (paper: an update touches at most 10 items)."""

SELECTED = 20_000
"""Up to so many records that fit a query's time and place are searched one by one, exactly."""

WORTH_SAVING = 1_000
"""Vectors that a saved index must lack before it is written anew; reading them from the store is quick."""

_log = logging.getLogger(__name__)


class LongTermMemory:
    """Records of ``kind`` in ``store``, found by the likeness of their text, their words and their age.

    Only vectors are held in memory; records are read when they are asked for. With ``revise`` a text is
    compared with what is known first (:mod:`robomemory.updater`). ``lexical`` and ``recency``: whether rare
    words and age have a say in the order.
    """

    def __init__(
        self,
        kind: MemoryKind,
        store: Backend,
        saved: IndexFiles,
        *,
        revise: bool,
        lexical: bool = True,
        recency: bool = True,
        flat_limit: int = FLAT_LIMIT,
    ) -> None:
        self._kind, self._store, self._saved = kind, store, saved
        self._revise, self._lexical, self._recency = revise, lexical, recency
        self._flat_limit = flat_limit
        self._applied = store.seq
        self._dirty = 0  # vectors that the saved index does not hold
        self._index = self._loaded()

    def _loaded(self) -> Nearest:
        """The store's own search, or the saved index brought up to date; all of it from the store where that
        does not add up."""
        if (own := self._store.nearest(self._kind)) is not None:
            return own
        found = self._saved.load(str(self._kind))
        count = self._store.count(self._kind)
        if found is not None and self._store.recorded_at(_newest(found[0])) == found[2]:
            lists, seq, _ = found
            gone = self._store.gone_since(self._kind, seq)
            index = self._new_index(lists)
            index.remove(gone)
            for ids, rows in self._store.vectors(self._kind, seq):
                index.put(ids, rows)
                self._dirty += len(ids)
            if len(index) == count:
                return index
            _log.warning(
                "%s: the saved %s index is rebuilt: it does not add up", self._store.path, self._kind
            )
        self._dirty = 0
        index = self._new_index(None)
        for ids, rows in self._store.vectors(self._kind):
            index.put(ids, rows)
        if len(index) != count:
            self._store.complain(self._kind, count - len(index))
        return index

    def _new_index(self, lists: IvfIndex | None) -> VectorIndex:
        return VectorIndex(
            self._store.dim,
            flat_limit=self._flat_limit,
            kept=lists,
            ids=() if lists is None else lists.ids(),
            mark=lambda: self._applied,
            built=self._keep,
        )

    def _keep(self, lists: IvfIndex, seq: int) -> None:
        recorded = self._store.recorded_at(_newest(lists))
        if recorded is not None:
            self._saved.save(str(self._kind), lists, seq, recorded)

    @property
    def index(self) -> Nearest:
        """The index of the vectors, for benches."""
        return self._index

    @property
    def follows(self) -> bool:
        """Whether its index, held here, follows what others commit."""
        return self._store.shared and isinstance(self._index, VectorIndex)

    def catch_up(self, seq: int) -> None:
        """Takes in what others wrote up to the update ``seq``, which is the state that this thread reads."""
        index = self._index
        if not isinstance(index, VectorIndex):  # the store's own search
            return
        index.remove(self._store.gone_since(self._kind, self._applied))
        for ids, rows in self._store.vectors(self._kind, self._applied):
            index.put(ids, rows)
        self._applied = seq

    def plan(self, update: Update) -> Change:
        if not self._revise:
            return Change(rows=tuple(update.rows))
        new: dict[int, RecordRow] = {}
        changed: dict[int, RecordRow] = {}
        stands: dict[int, int] = {}
        for row, near, records in self._alike_before(update.rows):
            if row.record.exemplar_of:  # it tells nothing in words, so none are compared
                new[row.record.id] = row
                continue
            known = [k for k in _standing(row, near, records, new, changed) if not k.record.exemplar_of]
            revision = by_rule(row.record, [k.record for k in known])
            target = next((k for k in known if k.record.id == revision.target), None)
            if _says_more(row, target) and revision.action is RevisionAction.NOOP:
                revision = replace(revision, action=RevisionAction.UPDATE)
            if row.picture is not None and revision.action is RevisionAction.NOOP:
                revision = replace(revision, action=RevisionAction.ADD)  # what it shows is new
            if revision.action in (RevisionAction.ADD, RevisionAction.UPDATE):
                new[row.record.id] = row
            if target is None or revision.action is RevisionAction.ADD:
                continue
            pool = new if target.record.id in new else changed
            if revision.action is RevisionAction.NOOP:
                old = target.record
                stands[row.record.id] = old.id
                run, ns = max(old.moment, row.record.moment)
                sure = max(old.confidence, row.record.confidence)
                pool[old.id] = replace(target, record=replace(old, run=run, stamp_ns=ns, confidence=sure))
            else:
                by = row.record.id if revision.action is RevisionAction.UPDATE else REMOVED
                pool[target.record.id] = replace(target, replaced_by=by)
        return Change(rows=tuple(new.values()), updates=tuple(changed.values()), stands=stands)

    def retraction(self, record: MemoryRecord) -> Change:
        """What was never true is taken back, and what it replaced stands again."""
        restored = tuple(replace(row, replaced_by=LIVE) for row in self._store.replaced_by(record.id))
        return Change(updates=(RecordRow(record, None, REMOVED), *restored))

    def alike(self, key: int) -> list[MemoryRecord]:
        """The standing records that a new one like the record ``key`` would be compared with, best first; no
        exemplars, which tell nothing in words."""
        vector = self._index.rows([key]).get(key)
        if vector is None:
            return []
        near = {k: c for k, c in self._index.search(vector, COMPARED + 1) if c >= NEAR and k != key}
        found = [record for record in self._store.by_id(list(near)).values() if not record.exemplar_of]
        return sorted(found, key=lambda record: -near[record.id])[:COMPARED]

    def _alike_before(
        self, rows: Sequence[RecordRow]
    ) -> Iterator[tuple[RecordRow, dict[int, float], dict[int, MemoryRecord]]]:
        """Each of ``rows`` with the {key: cosine} of what was most like it before this update, and its
        records."""
        texts = {row.record.text: _vector(row) for row in rows}
        found = self._index.search_each(list(texts.values()), COMPARED)
        near = [{key: c for key, c in each if c >= NEAR} for each in found]
        records = self._store.by_id(list(dict.fromkeys(key for each in near for key in each)))
        of_text = dict(zip(texts, near, strict=True))
        for row in rows:
            each = of_text[row.record.text]
            yield row, each, {key: records[key] for key in each if key in records}

    def apply(self, change: Change) -> None:
        new = [row for row in change.rows if row.replaced_by == LIVE]
        new += [row for row in change.updates if row.replaced_by == LIVE and row.vector is not None]
        self._index.put([row.record.id for row in new], [row.vector for row in new])
        self._index.remove([row.record.id for row in change.updates if row.replaced_by != LIVE])
        self._dirty += len(new)
        self._applied = self._store.seq

    def drop(self, ids: Sequence[int]) -> None:
        """Takes records that were forgotten out of the index."""
        self._index.remove(ids)
        self._dirty += WORTH_SAVING * len(ids)  # a saved index shall not keep what was forgotten
        self._applied = self._store.seq

    def recall(self, asked: Asked) -> list[Recall]:
        """The records that fit best: ranked by likeness, by rare words and by age, the ranks fused. All of
        it as of one committed state."""
        with self._store.snapshot():
            return self._recall(asked)

    def _recall(self, asked: Asked) -> list[Recall]:
        query, want = asked.query, asked.k * 2 + 8
        if not query.text:
            keys = self._store.fitting(self._kind, query, asked.k)
            found = self._store.by_id(keys)
            return [Recall(found[key], 1.0) for key in keys if key in found]
        likeness, records, shown = self._told_alike(asked, want)
        self._add_newest(asked, want, likeness, records)
        words: list[int] = []
        newest: list[int] = []
        if self._recency and RECENT & set(tokens(query.text)):
            newest = self._store.newest_with(self._kind, query.text, asked.k)
        if self._lexical:
            words = self._store.by_words(self._kind, query.text, want + shown)
        more = self._store.by_id([key for key in dict.fromkeys([*words, *newest]) if key not in records])
        records |= {key: r for key, r in more.items() if fits(query, r) and not r.exemplar_of}
        words = _newest_of_equals([key for key in words if key in records], records)
        scores = {key: weighed(likeness.get(key, 0.0), r.confidence) for key, r in records.items()}
        for key, vector in self._index.rows(sorted(records.keys() - likeness.keys())).items():
            scores[key] = weighed(float(vector @ asked.vector), records[key].confidence)
        kept = [key for key in records if scores[key] > 0]
        newest_first = sorted(kept, key=lambda key: records[key].moment, reverse=True)
        by_likeness = sorted(newest_first, key=lambda key: -scores[key])
        by_age = newest_first if self._recency else []
        order = reciprocal(by_likeness, words, by_age)
        if newest:
            order = list(dict.fromkeys([*(key for key in newest if key in records), *order]))
        answer = [Recall(records[key], scores[key]) for key in order if scores.get(key, 0.0) > 0][: asked.k]
        best = 0.0
        for i in range(len(answer) - 1, -1, -1):  # no record scores less than one that comes after it
            best = max(best, answer[i].score)
            answer[i] = replace(answer[i], score=best)
        return answer

    def _add_newest(
        self, asked: Asked, want: int, likeness: dict[int, float], records: dict[int, MemoryRecord]
    ) -> None:
        """Where more say the same than were looked at, the newest of them are looked at, too."""
        best = max(likeness.values(), default=0.0)
        equal = [key for key, cosine in likeness.items() if cosine >= best - 1e-6 and key in records]
        if len(likeness) < want or len(equal) < want:
            return
        for text in dict.fromkeys(records[key].text for key in equal[:4]):
            newest = self._store.newest_saying(self._kind, text, asked.k)
            found = {key: r for key, r in self._store.by_id(newest).items() if fits(asked.query, r)}
            records.update(found)
            likeness.update(dict.fromkeys(found, best))

    def _told_alike(self, asked: Asked, want: int) -> tuple[dict[int, float], dict[int, MemoryRecord], int]:
        """As :meth:`_alike`, without exemplars, and how many those were: a thing that was taught by a hundred
        pictures shall not crowd out what was told of it."""
        for most in (want, want * 8, want * 64):
            near, records = self._alike(asked, most)
            told = {key: r for key, r in records.items() if not r.exemplar_of}
            if len(told) >= asked.k or len(told) == len(records) or len(near) < most:
                break
        return near, told, len(records) - len(told)

    def _alike(self, asked: Asked, want: int) -> tuple[dict[int, float], dict[int, MemoryRecord]]:
        """The most alike records that fit the query's place and time, with their cosines."""
        query = asked.query
        if not query.narrowed:
            near = self._search(asked, want)
            return near, self._store.by_id(list(near))
        allowed = self._store.fitting(self._kind, query, SELECTED + 1)
        if len(allowed) <= SELECTED:
            near = self._search(asked, want, allowed)
            return near, self._fitting(near, query)
        for k in (want * 8, want * 64, SELECTED):  # many fit, so the most alike ones hold enough of them
            near = self._search(asked, k)
            records = self._fitting(near, query)
            if len(records) >= want:
                return near, records
        near = self._search(asked, want, self._store.fitting(self._kind, query, len(self._index)))
        return near, self._fitting(near, query)

    def _search(self, asked: Asked, k: int, allowed: list[int] | None = None) -> dict[int, float]:
        """{key: cosine}. The index follows the store a moment later: what it still gives and was replaced
        stands for what took its place."""
        near = dict(self._index.search(asked.vector, k, allowed))
        if self._revise:
            for old, new in self._store.replacements(list(near)).items():
                near[new] = max(near.get(new, 0.0), near.pop(old))
        return near

    def _fitting(self, near: dict[int, float], query: Query) -> dict[int, MemoryRecord]:
        return {key: r for key, r in self._store.by_id(list(near)).items() if fits(query, r)}

    def save(self) -> None:
        """Keeps a large index beside the store, if it has changed enough to be worth it. Nothing may be
        written meanwhile."""
        lists = self._index.lists()
        if lists is not None and self._dirty >= WORTH_SAVING:
            self._keep(lists, self._applied)
            self._dirty = 0

    def close(self) -> None:
        """Ends what runs in the background and keeps the index."""
        self._index.close()
        self.save()


def _newest(lists: IvfIndex) -> int:
    """The key of the newest record in ``lists``; 0: there is none."""
    return max((int(key) for key in lists.ids()), default=0)


def _newest_of_equals(keys: Sequence[int], records: Mapping[int, MemoryRecord]) -> list[int]:
    """``keys`` with the newest first among those of one text."""
    of_text: dict[str, list[int]] = {}
    for key in keys:
        of_text.setdefault(records[key].text, []).append(key)
    for same in of_text.values():
        same.sort(key=lambda key: (records[key].moment, key))  # taken from the end
    return [of_text[records[key].text].pop() for key in keys]


def _says_more(row: RecordRow, known: RecordRow | None) -> bool:
    """Whether ``row`` has the values of a text that ``known`` has in words alone."""
    return row.record.triple is not None and known is not None and known.record.triple is None


def _vector(row: RecordRow) -> F32:
    assert row.vector is not None
    return row.vector


def _standing(
    row: RecordRow,
    near: dict[int, float],
    records: dict[int, MemoryRecord],
    new: dict[int, RecordRow],
    changed: dict[int, RecordRow],
) -> list[RecordRow]:
    """The standing rows most like ``row``, those of this update (``new``, ``changed``) too, best first."""
    near = dict(near)
    found = {key: changed.get(key, RecordRow(r, None)) for key, r in records.items()}
    for key, pending in new.items():
        if (likeness := float(_vector(pending) @ _vector(row))) >= NEAR:
            near[key], found[key] = likeness, pending
    standing = [r for r in found.values() if r.replaced_by == LIVE]
    return sorted(standing, key=lambda r: -near[r.record.id])[:COMPARED]
