"""What an instruction asks for in the scene that is seen: read by a grammar, or by a model in its place,
against what is seen and remembered, then checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robomemory.planning.belief import Observed
from robomemory.planning.goals import Intent
from robomemory.planning.manipulation import THING
from robomemory.planning.planner import Around, MemoryPlanner
from vista.planner.instruction.understanding import Reading, understand
from vista.planner.instruction.values import AnyGoal, Refused, Understood, UserQuestion, Vocabulary
from vista.planner.symbolic.answering import Answerer, answer
from vista.planner.symbolic.goal_facts import about, facts_of, foreseeable, not_yet, opened_first
from vista.planner.symbolic.scene_observer import SceneObserver
from vista.planner.symbolic.vocabulary import vocabulary
from vista.protocols import Detector
from vista.types import Answered, Impossible, Observation, Question

PARTLY = 0.1
"""So well a thing fits a name at least that a phrase says a part of ("the ball"), for a second look."""
InstructionReader = Callable[[str, Vocabulary], Reading]
"""Reads an instruction: the grammar of this project, or a language model behind the same checks."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What is to be done: ``goals`` in their order, and what words were ``taken`` for."""

    goals: tuple[AnyGoal, ...]
    taken: tuple[str, ...]


class Intentions:
    """Understands instructions and tells the ``core`` what to plan for.

    Args:
        detector, observer: See the scene.
        memory: Answers questions about it; None: they are answered from what is seen.
        reader: Reads a sentence.
    """

    def __init__(
        self,
        core: MemoryPlanner,
        detector: Detector,
        observer: SceneObserver,
        memory: Answerer | None = None,
        reader: InstructionReader = understand,
    ) -> None:
        self._core, self._detector, self._observer = core, detector, observer
        self._memory, self._read = memory, reader

    def reading(self, instruction: str, obs: Observation) -> tuple[Reading, Around]:
        """What ``instruction`` says in what is seen, and what is around. What it names and nobody sees is
        looked for by that name: a detector that misnames a thing still finds it."""
        read, around = self._reading(instruction, obs, ())
        named = self._misnamed(read.missing, obs) if isinstance(read, Refused) else []
        return self._reading(instruction, obs, named) if named else (read, around)

    def _misnamed(self, phrases: Sequence[str], obs: Observation) -> list[str]:
        """The names by which the detector may find what ``phrases`` say, and has taken for something else."""
        labels = self._detector.labels
        if labels is None:
            return list(phrases)
        found: list[str] = []
        for phrase in phrases:
            words = set(phrase.split())
            fitting = [label for label in sorted(labels) if words <= set(label.split())]
            sights = {label: self._detector.find(obs, label) for label in fitting if label != phrase}
            found += [phrase] if phrase in labels else []
            found += [label for label, sight in sights.items() if sight and sight.score >= PARTLY]
        return found

    def _reading(self, instruction: str, obs: Observation, named: Sequence[str]) -> tuple[Reading, Around]:
        self._observer.reset(named)
        seen = self._observer.look(obs)
        around = self._core.recollect(instruction, seen)
        known = vocabulary(around, self._observer.positions, frozenset(seen.objects), self._detector.labels)
        return self._read(instruction, known), around

    def understand(self, instruction: str, obs: Observation) -> Purpose | Impossible | Question | Answered:
        """What is to be done, or what is said instead; the arm has not moved."""
        read, around = self.reading(instruction, obs)
        if isinstance(read, UserQuestion):
            return Answered(answer(read, around, self._memory))
        if isinstance(read, Question):
            return read
        if isinstance(read, Refused):
            return Impossible(read.reason, read.why)
        assert isinstance(read, Understood)
        if why := not_yet(read.goals):
            return Impossible(why)
        return Purpose(opened_first(read.goals, around.belief), read.taken)

    def begin(
        self, instruction: str, task: Purpose, obs: Observation
    ) -> tuple[Observed, tuple[AnyGoal, ...]]:
        """Have the core plan for ``task``. Returns what is seen, and the goals that are left for later: what
        they ask for is known only when the others are reached."""
        names = about(task.goals)
        seen = self._observer.look(obs)
        self._observer.reset([name for name in names if seen.objects.get(name, THING) == THING])
        seen = self._observer.look(obs)
        belief = self._core.belief(seen)
        now = foreseeable(task.goals)
        goals = tuple(g for goal in task.goals[:now] if (g := facts_of(goal, belief)) is not None)
        named = {name for goal in goals for s, _, o in goal.facts for name in (s, o)}
        known = [*names, *sorted(name for name in named - set(names) if self._core.is_thing(name))]
        self._core.begin_with(Intent(instruction, goals, about=tuple(known)), seen, task.taken)
        return seen, task.goals[now:]
