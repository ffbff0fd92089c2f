"""The questions about a scene that a memory answers itself."""

from __future__ import annotations

from robomemory.graph.questions import SceneQuestions
from robomemory.graph.scene import SceneChange, SceneGraph, Stay, Whereabouts


class SceneAnswers:
    """Passes questions on to ``_questions``; see :class:`robomemory.graph.questions.SceneQuestions`."""

    _questions: SceneQuestions

    def scene(
        self, at_ns: int | None = None, known_ns: int | None = None, *, run: int | None = None
    ) -> SceneGraph:
        """See :meth:`SceneQuestions.scene`."""
        return self._questions.scene(at_ns, known_ns, run=run)

    def where_is(self, name: str) -> Whereabouts | None:
        """See :meth:`SceneQuestions.where_is`."""
        return self._questions.where_is(name)

    def where_was(self, name: str, at_ns: int | None = None, *, run: int | None = None) -> Whereabouts | None:
        """See :meth:`SceneQuestions.where_was`."""
        return self._questions.where_was(name, at_ns, run=run)

    def history(self, name: str) -> tuple[Stay, ...]:
        """See :meth:`SceneQuestions.history`."""
        return self._questions.history(name)

    def inside(self, name: str, at_ns: int | None = None, *, run: int | None = None) -> tuple[str, ...]:
        """See :meth:`SceneQuestions.inside`."""
        return self._questions.inside(name, at_ns, run=run)

    def changes(
        self, since_ns: int, until_ns: int | None = None, *, run: int | None = None
    ) -> tuple[SceneChange, ...]:
        """See :meth:`SceneQuestions.changes`."""
        return self._questions.changes(since_ns, until_ns, run=run)
