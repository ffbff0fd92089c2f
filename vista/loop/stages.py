"""What one task keeps while it runs, and its stages; their order stands in :mod:`vista.loop.task`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from vista.errors import InvalidValueError, VistaError
from vista.events import Event, EventKind, Listener, fan_out
from vista.loop.stopping import Halt, raise_if_stopped
from vista.loop.timings import Timings
from vista.messages.describe import describe
from vista.perception.grounding import Grounder
from vista.planner.preprocess import TemplatePreprocessor, named, outcome_line, sighting
from vista.protocols import (
    Critic,
    Detector,
    Memory,
    MemoryItem,
    Note,
    Planner,
    Preprocessor,
    Robot,
    ShouldStop,
    WorldModel,
)
from vista.robot.clock import FAR_S, in_lockstep
from vista.types import (
    Cause,
    Detection,
    Digest,
    EpisodeResult,
    Grounding,
    NextStep,
    Observation,
    Outcome,
    Progress,
    Question,
    Refusal,
    State,
    Subgoal,
    Subtask,
    SubtaskResult,
)


class Pursue(Protocol):
    """Takes a subgoal and moves the arm towards it: :class:`vista.loop.pursuit.MotionParts`, or the client of
    an action. Its answer's cause is STOPPED where the robot was stopped."""

    def __call__(self, subgoal: Subgoal, listener: Listener, should_stop: ShouldStop) -> Progress: ...


_TEMPLATES = TemplatePreprocessor()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a task may use up: ``max_subtasks`` that are tried, failed ones included; ``seconds`` of robot
    time; ``imagine_attempts`` per subtask, until an image scores at least ``min_score`` [0, 1]."""

    max_subtasks: int = 12
    seconds: float = 180.0
    imagine_attempts: int = 3
    min_score: float = 0.0

    def __post_init__(self) -> None:
        if self.max_subtasks < 1 or self.imagine_attempts < 1 or not self.seconds > 0:
            raise InvalidValueError(f"{self}: expected at least one subtask, one attempt and some seconds")


@dataclass(frozen=True, slots=True)
class Remark:
    """Something the planner should hear at its next turn, in the shape of a recalled item."""

    text: str
    kind: str = "temporal"
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """Who does what in a task; ``None`` leaves that stage out, or to templates (``preprocessor``).

    ``memory``: None runs without one. ``critic``: may reject a subtask, never the first one after a new plan.
    ``preprocessor``: sums up each step and writes the queries to the memory.
    """

    robot: Robot
    planner: Planner
    world_model: WorldModel
    pursue: Pursue
    memory: Memory | None = None
    detector: Detector | None = None
    critic: Critic | None = None
    preprocessor: Preprocessor | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ended: see :class:`vista.types.EpisodeResult`."""

    outcome: Outcome
    cause: str
    question: Question | None = None
    answer: str = ""
    refusal: Refusal | None = None


class TaskRun:
    """The stages of one task. Every method raises :class:`Halt` when the caller wants the task to end."""

    def __init__(
        self,
        parts: Parts,
        instruction: str,
        *,
        budget: Budget,
        listener: Listener,
        should_stop: ShouldStop,
        seed: int,
    ) -> None:
        self.parts, self.instruction, self.budget = parts, instruction, budget
        self.should_stop, self.timings = should_stop, Timings()
        self.emit = fan_out(self._hear, listener)
        self.results: list[SubtaskResult] = []
        self._last: SubtaskResult | None = None
        self._seed, self._new_plan = seed, True
        self._remarks: list[Remark] = []
        self._seen: tuple[Detection, ...] = ()
        self._grounder = None if parts.detector is None else Grounder(parts.detector, parts.robot.spec.places)
        self._start_ns: int | None = None
        self._now_ns = self._run = self._steps = 0

    def _hear(self, event: Event) -> None:
        """Collect how long the parts of a stage took; the stages themselves are timed here."""
        if event.kind is EventKind.STAGE_ENDED and "." in event.stage:
            self.timings.add(event.stage, event.seconds)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce, time and make cancellable one stage."""
        raise_if_stopped(self.should_stop)
        self.emit(Event(EventKind.STAGE_STARTED, stage=name))
        try:
            with self.timings.measure(name):
                yield
        finally:
            self.emit(Event(EventKind.STAGE_ENDED, stage=name, seconds=self.timings.last(name)))
        raise_if_stopped(self.should_stop)

    def seconds(self) -> float:
        """Robot time since the first observation [s]."""
        # A robot's clock may be set back; time since the start is never negative.
        return 0.0 if self._start_ns is None else max(0, self._now_ns - self._start_ns) * 1e-9

    def observe(self) -> Observation:
        """The newest observation; the first one starts the clock of the task."""
        with self.stage("observe"):
            return self._look()

    def begin(self, obs: Observation) -> None:
        """Have the memory number this task's run of the robot's clock, which may have begun anew."""
        if self.parts.memory is not None:
            self._run = self.parts.memory.begin_run(obs.stamp_ns)

    def recall(self, obs: Observation) -> Sequence[MemoryItem]:
        """Note down what is seen and how the last step is summed up, then ask the memory what helps now."""
        if self.parts.detector is not None:
            with self.stage("detect"):
                self._seen = tuple(self.parts.detector.detect(obs))
            self.emit(Event(EventKind.DETECTED, detections=self._seen, images=obs.images))
        if self.parts.memory is None:
            return ()
        digest = self._digest(obs)
        notes = [sighting(self.parts.memory, d, obs.stamp_ns, self._run) for d in self._seen]
        if digest.summary and self.results and digest.summary != outcome_line(self.results[-1]):
            notes.append(
                self._note("temporal", digest.summary, _about(self.results[-1].subtask), obs.stamp_ns)
            )
        self._remember(notes)
        with self.stage("recall"):
            if in_lockstep(self.parts.robot):  # what is recalled must not depend on how busy the machine is
                items = tuple(self.parts.memory.recall(digest.queries, timeout_s=FAR_S))
            else:
                items = tuple(self.parts.memory.recall(digest.queries))
        self.emit(Event(EventKind.RECALLED, recall=items))
        return items

    def plan(self, obs: Observation, recall: Sequence[MemoryItem]) -> NextStep:
        """The next subtask. The critic may reject it once; what a new plan begins with is not questioned,
        so that planner and critic can't turn each other down for ever."""
        heard = [*self._remarks, *recall]
        with self.stage("plan"):
            if self._new_plan:
                self.parts.planner.reset()
            step = self.parts.planner.next(obs, self.instruction, heard, self._last)
        if isinstance(step, Subtask) and step.why:
            self.emit(Event(EventKind.PLANNED, subtask=step))
        critic, first, self._new_plan, self._remarks = self.parts.critic, self._new_plan, False, []
        if critic is None or first or not isinstance(step, Subtask):
            return step
        with self.stage("critic"):
            objection = critic.review(obs, self.instruction, step, heard)
        if objection is None:
            return step
        self._last = None
        self._replan(f"the critic rejected {step.text!r}: {objection}")
        self.emit(Event(EventKind.REJECTED, subtask=step, text=objection))
        return self.plan(obs, recall)

    def imagine(self, obs: Observation, subtask: Subtask) -> Subgoal | None:
        """The best image of ``subtask`` done; None, and a failed subtask, when the world model refuses."""
        self.emit(Event(EventKind.SUBTASK_STARTED, subtask=subtask, images=obs.images))
        best, refusal, grounding = None, "no image", self._ground(obs, subtask)
        with self.stage("imagine"):
            for _ in range(self.budget.imagine_attempts):
                raise_if_stopped(self.should_stop)
                try:
                    subgoal = self.parts.world_model.imagine(obs, subtask, self._seed, grounding)
                except VistaError as error:
                    # A refusal is worth another seed; a world model that is gone is not.
                    if isinstance(error, OSError):
                        raise
                    refusal = describe(error)
                else:
                    if best is None or subgoal.score > best.score:
                        best = subgoal
                    if best.score >= self.budget.min_score:
                        break
                finally:
                    self._seed += 1
        if best is not None and best.score >= self.budget.min_score:
            best = best if grounding is None else replace(best, grounding=grounding)
            self.emit(Event(EventKind.IMAGINED, subtask=subtask, subgoal=best))
            return best
        if best is not None:
            refusal = f"best score {best.score:.2f}, expected at least {self.budget.min_score:.2f}"
        refused = Progress(State.FAILED, 0.0, f"imagine: {refusal}", Cause.REFUSED)
        self._close(subtask, refused, obs, self.seconds(), 0.0)
        return None

    def _ground(self, obs: Observation, subtask: Subtask) -> Grounding | None:
        """Where the thing and the place of ``subtask`` are; None for a sentence that is no skill, and without
        a detector."""
        if self._grounder is None or subtask.skill is None:
            return None
        with self.stage("ground"):
            return self._grounder.ground(obs, subtask.skill)

    def act(self, obs: Observation, subgoal: Subgoal) -> Observation:
        """Have ``subgoal`` pursued. Returns the observation at its end."""
        began_s = self.seconds()
        with self.stage("pursue"):
            progress = self.parts.pursue(subgoal, self.emit, self.should_stop)
            self._steps += progress.steps
            # A stopped robot may be silent; its last image is welcome in the report, but not needed.
            with contextlib.suppress(*((Exception,) if progress.stopped else ())):
                obs = self._look()
            self._close(subgoal.subtask, progress, obs, began_s, subgoal.score)
            if progress.stopped:
                raise Halt(progress.reason)
        return obs

    def remember(self, obs: Observation) -> None:
        """Note down how the last subtask went."""
        if self.parts.memory is None:
            return
        last = self.results[-1]
        self._remember([self._note("temporal", outcome_line(last), _about(last.subtask), obs.stamp_ns, last)])

    def end(self, ending: Ending) -> EpisodeResult:
        """Latch how the task ended, note it down as far as that is still possible, and tell it."""
        steps = "; ".join(f"{r.text} ({r.state})" for r in self.results) or "none"
        told = ending.answer or ending.cause
        text = f"{self.instruction}: {ending.outcome}. Steps: {steps}. {told}".rstrip(". ")
        if self.parts.memory is not None:
            try:
                self.parts.memory.remember([self._note("episodic", text, (self.instruction,), self._now_ns)])
            except Exception as error:
                _log.warning("the episode could not be remembered: %s", describe(error))
                self.emit(Event(EventKind.WARNING, text=f"not remembered: {describe(error)}"))
        result = EpisodeResult(
            self.instruction, ending.outcome, ending.cause, self._steps, self.seconds(), tuple(self.results),
            self.timings.as_mapping(), question=ending.question, answer=ending.answer, refusal=ending.refusal,
        )  # fmt: skip
        self.emit(Event(EventKind.TASK_ENDED, result=result))
        return result

    def _look(self) -> Observation:
        obs = self.parts.robot.observe()
        self._start_ns = obs.stamp_ns if self._start_ns is None else self._start_ns
        self._now_ns = obs.stamp_ns
        return obs

    def _close(
        self, subtask: Subtask, progress: Progress, obs: Observation, began_s: float, score: float
    ) -> None:
        if progress.state is not State.REACHED:
            if progress.state is State.RUNNING:
                progress = replace(progress, state=State.FAILED, reason="ended while still running")
            self._replan(f"{subtask.text!r} {progress.state}: {progress.reason}")
        self._last = SubtaskResult(
            subtask, began_s, self.seconds(), progress.state, progress.reason, score, progress.cause
        )
        self.results.append(self._last)
        self.emit(Event(EventKind.SUBTASK_ENDED, subtask=subtask, progress=progress, images=obs.images))

    def _replan(self, why: str) -> None:
        self._new_plan = True
        self._remarks.append(Remark(why))

    def _remember(self, notes: Sequence[Note]) -> None:
        if self.parts.memory is not None and notes:
            with self.stage("remember"):
                self.parts.memory.remember(notes)

    def _digest(self, obs: Observation) -> Digest:
        last = self.results[-1] if self.results else None
        if self.parts.preprocessor is None:
            return _TEMPLATES.digest(obs, self.instruction, self._seen, last)
        with self.stage("digest"):
            return self.parts.preprocessor.digest(obs, self.instruction, self._seen, last)

    def _note(
        self, kind: str, text: str, about: Sequence[str], stamp_ns: int, result: SubtaskResult | None = None
    ) -> Note:
        """A note about the things seen that ``about`` names; of a subtask that ended with its values."""
        assert self.parts.memory is not None
        skill = None if result is None else result.subtask.skill
        step = None
        if result is not None and skill is not None:
            step = (skill.verb, skill.thing, skill.relation or "", skill.place, result.state)
        return self.parts.memory.note(
            kind, text, stamp_ns, entities=tuple(named(about, self._seen)), source="agent", run=self._run,
            step=step,
        )  # fmt: skip


def _about(subtask: Subtask) -> Sequence[str]:
    """What a subtask is about: the thing and the place of a skill, else its words."""
    return (subtask.text,) if subtask.skill is None else (subtask.skill.thing, subtask.skill.place)
