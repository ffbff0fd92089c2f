"""Commits what a helper says: each time an update of its own, with provenance, undone by ``retract``.

The edits of a resolver become notes (arXiv 2508.01415, Algorithm 2, step 7): ``source`` is
"resolver:" and its name, and the metadata name the records that raised the question. An edit that says that
something was never true takes the evidence for it back in the same update; retracting its record brings it
back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from robomemory.belief.evidence import CLAIMS, FACTS, Evidence, Told, turned
from robomemory.belief.relations import SAME, denial
from robomemory.checks import MAX_TEXT
from robomemory.embed.embedder import Embedder
from robomemory.errors import InvalidNoteError, MemoryClosedError
from robomemory.graph.entity_merging import names_in
from robomemory.helpers import Revision, RevisionAction
from robomemory.memory_parts import MemoryParts
from robomemory.notes import Plain
from robomemory.records import MemoryKind, MemoryRecord
from robomemory.resolving.edits import AddEdge, DeleteEdge, Edit, ModifyEdge, SameThing
from robomemory.resolving.gathering import Raised
from robomemory.resolving.local_graph import Edge, LocalGraph
from robomemory.resolving.provenance import RAISED_BY, REVISED_BY, VOIDS, keys_text, source_of
from robomemory.store.backend import Backend
from robomemory.store.change_feed import Follower
from robomemory.store.locks import FairLock
from robomemory.temporal import rewritten
from robomemory.timestamps import Moment
from robomemory.update_protocol import LIVE, REMOVED, Change, RecordRow, Update

_log = logging.getLogger(__name__)
MOST_READ = 5_000
"""Pieces of evidence of an end that are read for an edit that says "never true"."""

_MOST_LABEL = 200  # characters of a name in a text


class SwapBack:
    """Reads and writes ``store`` and its caches ``parts`` for the helpers; ``now`` gives the next moment of
    recording [ns]. Only a commit takes the lock ``writing``. After :meth:`close` nothing is written."""

    def __init__(
        self,
        store: Backend,
        parts: MemoryParts,
        follower: Follower,
        writing: FairLock,
        now: Callable[[], int],
        embedder: Embedder,
    ) -> None:
        self._store, self._parts, self._follower = store, parts, follower
        self._writing, self._now, self._embedder = writing, now, embedder
        self._closed = False

    def close(self) -> None:
        """From now on nothing is written. It does not wait."""
        self._closed = True

    def local_graph(self, raised: Raised) -> LocalGraph | None:
        """The local graph around what was ``raised``; None: nothing of it stands."""
        self._follower.follow()
        return self._parts.spatial.local_graph(raised)

    def swap(self, local: LocalGraph, edits: Sequence[Edit], name: str) -> bool:
        """Commits ``edits`` of ``local``, by the resolver of the ``name``. Whether it did: not, if something
        that they touch changed meanwhile.

        Raises:
            StoreError: the disk failed. MemoryClosedError.
        """
        drafts = [self._draft(edit, local, name) for edit in edits]
        texts = list(dict.fromkeys(each for draft in drafts for each in names_in(draft.record)))
        vectors = dict(zip(texts, self._embedder.embed(texts), strict=True))
        with self._writing, self._store.turn():
            self._begin()
            if not self._parts.spatial.stands(local, {end for draft in drafts for end in draft.touched}):
                return False
            claimed = {draft: self._claims(draft.void) for draft in drafts if draft.void is not None}
            for draft in (draft for draft, claims in claimed.items() if claims is None):
                _log.warning("resolver %s: %r is left out: too much was said since", name, draft.record.text)
                drafts.remove(draft)
            now = self._now()
            while drafts:
                rows, void = [], list[Evidence]()
                for draft in drafts:
                    claims = claimed.get(draft) or []
                    said: dict[str, Plain] = {**draft.record.metadata}
                    if claims:
                        said[VOIDS] = keys_text(sorted({e.record_id for e in claims}))
                    record = replace(draft.record, id=self._store.ids.record(), metadata=said)
                    rows.append(RecordRow(record, None))
                    void += claims
                update = Update(rows, vectors, self._store.ids, now, void)
                change = self._parts.plan({MemoryKind.SPATIAL: update})[MemoryKind.SPATIAL]
                meant = [_is_meant(change, row.record.id, d) for row, d in zip(rows, drafts, strict=True)]
                if all(meant):
                    self._commit(MemoryKind.SPATIAL, change, now)
                    break
                for draft, fits in zip(drafts, meant, strict=True):
                    if not fits:
                        _log.warning("resolver %s: %r can't be told apart from what is known; it is left out",
                                     name, draft.record.text)  # fmt: skip
                drafts = [draft for draft, fits in zip(drafts, meant, strict=True) if fits]
        return True

    def candidate(self, key: int) -> tuple[MemoryRecord, list[MemoryRecord]] | None:
        """The semantic record ``key``, if it stands, with the records most like it, best first: those that
        stand beside it, and those that it took the place of."""
        part = self._parts.long_term[MemoryKind.SEMANTIC]
        record = self._store.by_id([key]).get(key)
        if record is None:
            return None
        replaced = [row.record for row in self._store.replaced_by(key)]
        return record, [*replaced, *part.alike(key)]

    def revise(self, key: int, revision: Revision, name: str) -> None:
        """Commits what the updater of the ``name`` decided of the semantic record ``key``, unless the record
        or the target stands no longer. Raises as :meth:`swap`."""
        with self._writing, self._store.turn():
            self._begin()
            rows = {row.record.id: row for row in self._store.replaced_by(key)}
            record = self._store.by_id([key]).get(key)
            target = self._store.by_id([revision.target]).get(revision.target)
            if target is None and revision.target in rows:
                target = rows[revision.target].record
            adds = revision.action is RevisionAction.ADD
            if record is None or (target is None and not adds):
                _log.info("what updater %s revised has changed meanwhile; its answer is dropped", name)
                return
            before = {k: replace(row, replaced_by=LIVE) for k, row in rows.items()}
            said = {**record.metadata, REVISED_BY: source_of("updater", name)}
            mine = RecordRow(replace(record, metadata=said), None)
            if target is not None and not adds:
                known = before.get(target.id) or RecordRow(target, None)
                if revision.action is RevisionAction.UPDATE:
                    known = replace(known, vector=None, replaced_by=key)
                elif revision.action is RevisionAction.REMOVE:
                    known, mine = (
                        replace(known, vector=None, replaced_by=REMOVED),
                        replace(mine, replaced_by=REMOVED),
                    )
                else:
                    run, ns = max(target.moment, record.moment)
                    sure = max(target.confidence, record.confidence)
                    fresh = replace(target, run=run, stamp_ns=ns, confidence=sure)
                    known, mine = replace(known, record=fresh), replace(mine, replaced_by=target.id)
                before[target.id] = known
            self._commit(MemoryKind.SEMANTIC, Change(updates=(mine, *before.values())), self._now())

    def steps_in(self, line: int) -> list[MemoryRecord]:
        """The steps that the compressed ``line`` stands for, if it stands."""
        if line not in self._store.by_id([line]):
            return []
        return [row.record for row in self._store.drawn_into(line)]

    def rewrite(self, line: int, text: str, name: str) -> None:
        """Commits ``text`` of the summarizer of the ``name`` in place of the compressed ``line``, unless that
        stands no longer. Raises as :meth:`swap`."""
        with self._writing, self._store.turn():
            self._begin()
            old = self._store.row(MemoryKind.TEMPORAL, line)
            if old is None or old.replaced_by != LIVE or line not in self._store.by_id([line]):
                _log.info("the line that summarizer %s wrote anew is gone; its answer is dropped", name)
                return
            said = {RAISED_BY: keys_text([line]), REVISED_BY: source_of("summarizer", name)}
            try:
                new = rewritten(old, self._store.ids.record(), text, said)
            except InvalidNoteError as error:
                _log.warning("summarizer %s wrote a line that can't be kept: %s", name, error)
                return
            change = Change(rows=(new,), updates=(replace(old, replaced_by=new.record.id),))
            self._commit(MemoryKind.TEMPORAL, change, self._now())

    def _begin(self) -> None:
        """Raises MemoryClosedError once nothing shall be written any more."""
        if self._closed:
            raise MemoryClosedError(f"{self._store.path}: the memory is closed")
        self._follower.follow()

    def _commit(self, kind: MemoryKind, change: Change, now_ns: int) -> None:
        changes = {kind: change}
        self._follower.commit(changes, now_ns, lambda: self._parts.apply(changes))

    def _claims(self, edge: Edge) -> list[Evidence] | None:
        """What says that ``edge``, which holds, does so; None: too much was told of its ends since it began
        to be read while others wait to write."""
        fact, found = turned(edge.subject, edge.relation, edge.object), dict[int, Evidence]()
        for end in (edge.subject, edge.object):
            for place, e in enumerate(self._store.evidence_from(end, edge.valid_from)):
                if place == MOST_READ:
                    return None
                if e.told is Told.HOLDS and turned(e.subject, e.relation, e.object) == fact:
                    found[e.id] = e
        return list(found.values())

    def _draft(self, edit: Edit, local: LocalGraph, name: str) -> _Draft:
        """The note that ``edit`` becomes."""
        if isinstance(edit, AddEdge):
            return self._told(
                local, name, edit.subject, edit.relation, edit.object, local.at, edit.confidence
            )
        if isinstance(edit, SameThing):
            one, other = sorted((edit.one, edit.other), reverse=True)
            return self._told(local, name, one, SAME, other, local.at, 1.0)
        assert isinstance(edit, DeleteEdge | ModifyEdge)
        edge = local.edge[edit.edge]
        if isinstance(edit, ModifyEdge):
            assert edit.subject is not None
            assert edit.relation is not None
            assert edit.object is not None
            told = self._told(
                local, name, edit.subject, edit.relation, edit.object, edge.seen, edge.confidence
            )
            return replace(told, void=edge, touched=(*told.touched, edge.subject, edge.object))
        relation = denial(edge.relation)
        if edit.never:
            told = self._told(local, name, edge.subject, relation, edge.object, edge.seen, 1.0)
            return replace(told, void=edge)
        run, ns = edge.seen  # what was said at that very moment ends right after it
        at = max(local.at, Moment(run, ns + 1))
        return self._told(local, name, edge.subject, relation, edge.object, at, 1.0)

    def _told(
        self, local: LocalGraph, name: str, subject: int, relation: str, obj: int, at: Moment, sure: float
    ) -> _Draft:
        spatial = self._parts.spatial
        triple = (spatial.address(subject), relation, spatial.address(obj))
        one, two = (local.vertex[end].label[:_MOST_LABEL] for end in (subject, obj))
        more = {RAISED_BY: keys_text(local.raised_by)} if local.raised_by else {}
        record = MemoryRecord(
            0, MemoryKind.SPATIAL, at.ns, f"{one} {relation} {two}"[:MAX_TEXT], (), None, triple, sure,
            source_of("resolver", name), at.run, metadata=more,
        )  # fmt: skip
        return _Draft(record, (subject, obj))


@dataclass(frozen=True, slots=True)
class _Draft:
    """A note that an edit becomes, about the things ``touched``, of which the first two are its ends; with
    ``void`` what says that this edge holds is taken back."""

    record: MemoryRecord
    touched: tuple[int, ...]
    void: Edge | None = None


def _is_meant(change: Change, note: int, draft: _Draft) -> bool:
    """Whether ``change`` keeps the note as a record of its own, about the things that the edit is about."""
    if not any(row.record.id == note for row in change.rows):
        return False
    now = {move.thing: move.now for move in change.moves}
    ends = {now.get(end, end) for end in draft.touched[:2]}
    told = [e for e in change.evidence if e.note_id == note and e.told in (*FACTS, *CLAIMS)]
    if told and told[0].told in CLAIMS:
        said = {told[0].subject_told, told[0].object_told}
        return len(ends) == 1 and said == {*draft.touched[:2]}
    return len(told) == 1 and {told[0].subject, told[0].object} == ends
