"""The questions that a memory answers itself, besides recall."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from robomemory.embed.embedder import CachedEmbedder
from robomemory.graph.history import History
from robomemory.graph.questions import SceneQuestions
from robomemory.graph.scene import Entity, SceneChange, SceneGraph, Stay, Whereabouts
from robomemory.timestamps import Moment


class SceneAnswers:
    """Passes questions on to ``_questions``; see :class:`robomemory.graph.questions.SceneQuestions`."""

    _questions: SceneQuestions
    _embedder: CachedEmbedder

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

    def inside(
        self, name: str, at_ns: int | None = None, *, run: int | None = None,
        relations: Collection[str] = ("in",),
    ) -> tuple[str, ...]:  # fmt: skip
        """See :meth:`SceneQuestions.inside`."""
        return self._questions.inside(name, at_ns, run=run, relations=relations)

    def changes(
        self, since_ns: int, until_ns: int | None = None, *, run: int | None = None
    ) -> tuple[SceneChange, ...]:
        """See :meth:`SceneQuestions.changes`."""
        return self._questions.changes(since_ns, until_ns, run=run)

    def named(self, name: str) -> list[Entity]:
        """See :meth:`SceneQuestions.named`."""
        return self._questions.named(name)

    def candidates(self, name: str) -> list[Entity]:
        """See :meth:`SceneQuestions.candidates`."""
        return self._questions.candidates(name)

    def now(self) -> Moment:
        """See :meth:`SceneQuestions.now`."""
        return self._questions.now()

    @property
    def past(self) -> History:
        """See :attr:`SceneQuestions.past`."""
        return self._questions.past

    @property
    def embedder_name(self) -> str:
        """The name of what makes vectors of texts."""
        return self._embedder.name

    def likeness(self, text: str, others: Sequence[str]) -> list[float]:
        """How like ``text`` each of ``others`` is [-1, 1]: the cosine of their vectors.

        Raises:
            EmbeddingError: the embedder failed.
        """
        first, *rest = self._embedder.embed([text, *others])
        return [float(first @ row) for row in rest]
