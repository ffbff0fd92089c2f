"""Edits are held against the local graph: nothing else can be touched."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from robomemory import checks
from robomemory.belief.evidence import turned
from robomemory.belief.relations import RELATIONS, SAME, SOMEWHERE
from robomemory.errors import InvalidNoteError
from robomemory.resolving.edits import AddEdge, Apart, DeleteEdge, Edit, Keep, ModifyEdge, SameThing
from robomemory.resolving.local_graph import LocalGraph, QuestionKind

MOST_EDITS = 100  # of one answer
MOST_WORDS = 80  # characters of a relation

_log = logging.getLogger(__name__)


class _RefusedEditError(ValueError):
    """The edit can't be made of this graph; the message says why."""


def whole(answer: object) -> object:
    """``answer`` with the edits that it gives one by one laid out: what hangs or fails does so here."""
    if isinstance(answer, str | bytes) or not isinstance(answer, Iterable):
        return answer
    return list(islice(answer, MOST_EDITS + 1))


def changing(edits: object, local: LocalGraph, name: str) -> list[Edit]:
    """The ``edits`` that change ``local`` and may do so, in plain form: relations as the table has them. Each
    other one is logged with the reason, under the ``name`` of the resolver, and left out."""
    found: list[Edit] = []
    edited: set[int] = set()
    if isinstance(edits, str | bytes) or not isinstance(edits, Iterable):
        _log.warning(
            "resolver %s answered %s, expected edits; the rules' answer stays", name, checks.shown(edits)
        )
        return found
    for place, edit in enumerate(islice(edits, MOST_EDITS + 1)):
        if place == MOST_EDITS:
            _log.warning("resolver %s made more than %d edits; the rest is left out", name, MOST_EDITS)
            break
        try:
            said = _checked(edit, local)
            if isinstance(said, DeleteEdge | ModifyEdge):
                if said.edge in edited:
                    raise _RefusedEditError(f"edge {said.edge} is edited twice")
                edited.add(said.edge)
        except _RefusedEditError as error:
            _log.warning("resolver %s: %s is refused: %s", name, checks.shown(edit), error)
            continue
        if said is not None:
            found.append(said)
    return found


def _checked(edit: object, local: LocalGraph) -> Edit | None:
    """``edit`` in plain form; None if it changes nothing."""
    if isinstance(edit, Keep):
        _edge(edit.edge, local)
        return None
    if isinstance(edit, DeleteEdge):
        if not isinstance(edit.never, bool):
            raise _RefusedEditError(f"never is {checks.shown(edit.never)}, expected True or False")
        _edge(edit.edge, local)
        return edit
    if isinstance(edit, AddEdge):
        if isinstance(edit.confidence, bool) or not isinstance(edit.confidence, int | float):
            raise _RefusedEditError(f"confidence {checks.shown(edit.confidence)}, expected 0 to 1")
        if not 0 < edit.confidence <= 1:
            raise _RefusedEditError(f"confidence {edit.confidence}, expected more than 0 and at most 1")
        subject, relation, obj = _fact(edit.subject, edit.relation, edit.object, local)
        if _known(subject, relation, obj, local):
            raise _RefusedEditError("this holds already")
        return AddEdge(subject, relation, obj, float(edit.confidence))
    if isinstance(edit, ModifyEdge):
        return _modified(edit, local)
    if isinstance(edit, SameThing | Apart):
        asked = {frozenset(q.vertices) for q in local.questions if q.kind is QuestionKind.SAME_THING}
        for end in (edit.one, edit.other):
            _vertex(end, local)
        if frozenset((edit.one, edit.other)) not in asked:
            raise _RefusedEditError("the rules do not ask whether these two are one thing")
        return edit if isinstance(edit, SameThing) else None
    raise _RefusedEditError("expected Keep, AddEdge, DeleteEdge, ModifyEdge, SameThing or Apart")


def _modified(edit: ModifyEdge, local: LocalGraph) -> Edit:
    _edge(edit.edge, local)
    old = local.edge[edit.edge]
    subject, relation, obj = _fact(
        old.subject if edit.subject is None else edit.subject,
        old.relation if edit.relation is None else edit.relation,
        old.object if edit.object is None else edit.object,
        local,
    )
    if turned(subject, relation, obj) == turned(old.subject, old.relation, old.object):
        raise _RefusedEditError("it changes nothing")
    if _known(subject, relation, obj, local):
        return DeleteEdge(edit.edge, never=True)
    return replace(edit, subject=subject, relation=relation, object=obj)


def _edge(key: object, local: LocalGraph) -> None:
    if isinstance(key, bool) or not isinstance(key, int) or key not in local.edge:
        raise _RefusedEditError(f"no edge {checks.shown(key)} is in the local graph")


def _vertex(key: object, local: LocalGraph) -> None:
    if isinstance(key, bool) or not isinstance(key, int) or key not in local.vertex:
        raise _RefusedEditError(f"no vertex {checks.shown(key)} is in the local graph")


def _fact(subject: int, relation: object, obj: int, local: LocalGraph) -> tuple[int, str, int]:
    """The fact with the relation as the table has it."""
    for end in (subject, obj):
        _vertex(end, local)
    if subject == obj:
        raise _RefusedEditError("both ends are one vertex")
    try:
        said = checks.text("relation", relation, InvalidNoteError)
    except InvalidNoteError as error:
        raise _RefusedEditError(str(error)) from error
    if len(said) > MOST_WORDS:
        raise _RefusedEditError(f"the relation has {len(said)} characters, at most {MOST_WORDS} are allowed")
    meaning = RELATIONS.meaning(said)
    if meaning.denied or meaning.relation in (SAME, SOMEWHERE):
        raise _RefusedEditError(f"{checks.shown(said)} says nothing that holds between two things")
    return (obj, meaning.relation, subject) if meaning.turned else (subject, meaning.relation, obj)


def _known(subject: int, relation: str, obj: int, local: LocalGraph) -> bool:
    said = turned(subject, relation, obj)
    return any(turned(e.subject, e.relation, e.object) == said for e in local.edges)
