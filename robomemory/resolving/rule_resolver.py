"""The embedded rules as a resolver: what they decided when the notes came stays."""

from __future__ import annotations

from robomemory.resolving.edits import Apart, Edit, Keep
from robomemory.resolving.local_graph import LocalGraph, QuestionKind


class RuleResolver:
    """Answers each question as the rules do: two unlike facts both hold, a fact is about the thing of its
    name that was seen last, and things of alike names are two. A memory without a resolver behaves the same.
    """

    name = "rules"

    def __call__(self, local: LocalGraph, /) -> list[Edit]:
        edits: list[Edit] = []
        for question in local.questions:
            if question.kind is QuestionKind.SAME_THING:
                edits.append(Apart(*question.vertices))
            else:
                edits += map(Keep, question.edges)
        return edits
