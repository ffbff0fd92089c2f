"""Turns an instruction into subtasks and has each of them imagined, pursued and remembered.

Written against the protocols alone, so that a lockstep bench, a ROS graph and a mock run the same code.
"""

from __future__ import annotations

import logging

from vista.errors import EmptyInstructionError, InstructionError
from vista.events import Event, EventKind, Listener, ignore
from vista.loop.stages import Budget, Ending, Parts, TaskRun
from vista.loop.stopping import Halt, halt_robot, never
from vista.messages.describe import describe, on_purpose
from vista.protocols import ShouldStop
from vista.types import Answered, Done, EpisodeResult, Impossible, Outcome, Question

_log = logging.getLogger(__name__)


def run_task(
    parts: Parts,
    instruction: str,
    *,
    budget: Budget | None = None,
    listener: Listener = ignore,
    should_stop: ShouldStop = never,
    seed: int = 0,
) -> EpisodeResult:
    """Carry out ``instruction``: observe, recall, plan, imagine, pursue, remember, until one cause ends it.

    Args:
        budget: What the task may use up.
        listener: Hears every :class:`vista.events.Event`, in this thread.
        should_stop: Asked before and after every stage; None to go on, else the cause.
        seed: Of the first image that is imagined; each further attempt counts up.

    Returns:
        ``SUCCESS`` when the planner says Done; ``QUESTION`` when it asks and ``ANSWERED`` when it was asked;
        ``FAILURE`` when it says Impossible, the instruction names nothing that is seen, or the budget is
        spent; ``STOPPED`` when something outside the plan ended the task (cancelled, guard, a silent robot,
        an exception), in which case the robot was stopped.

    Raises:
        InstructionError: the instruction is empty.
    """
    if not instruction.strip():
        raise EmptyInstructionError
    task = TaskRun(
        parts,
        instruction.strip(),
        budget=budget or Budget(),
        listener=listener,
        should_stop=should_stop,
        seed=seed,
    )
    try:
        ending = _run(task)
    except Halt as halt:
        ending = Ending(Outcome.STOPPED, str(halt))
    except InstructionError as error:
        ending = Ending(Outcome.FAILURE, str(error))
    except Exception as error:
        ending = Ending(Outcome.STOPPED, f"{task.timings.current or 'task'}: {describe(error)}")
        _log.log(logging.WARNING, "%s", ending.cause, exc_info=not on_purpose(error))
    except BaseException as error:
        cause = f"interrupted by {type(error).__name__}"
        halt_robot(parts.robot, cause)
        task.end(Ending(Outcome.STOPPED, cause))
        raise
    if ending.outcome is Outcome.STOPPED:
        halt_robot(parts.robot, ending.cause)
    return task.end(ending)


def _run(task: TaskRun) -> Ending:
    """The loop itself: each turn is one subtask. Returns how the task ended and why."""
    budget = task.budget
    task.emit(Event(EventKind.TASK_STARTED, text=task.instruction))
    obs = task.observe()
    task.begin(obs)
    while True:
        recall = task.recall(obs)
        step = task.plan(obs, recall)
        if isinstance(step, Done):
            return Ending(Outcome.SUCCESS, step.reason or "nothing is left to do")
        if isinstance(step, Impossible):
            return Ending(Outcome.FAILURE, step.reason, refusal=step.why)
        if isinstance(step, Question):
            return Ending(Outcome.QUESTION, step.text, question=step)
        if isinstance(step, Answered):
            return Ending(Outcome.ANSWERED, "the instruction was a question", answer=step.text)
        if len(task.results) >= budget.max_subtasks:
            cause = f"budget: {budget.max_subtasks} subtasks tried, {step.text!r} is left"
            return Ending(Outcome.FAILURE, cause)
        if task.seconds() >= budget.seconds:
            return Ending(Outcome.FAILURE, f"budget: {budget.seconds:g} s are over, {step.text!r} is left")
        subgoal = task.imagine(obs, step)
        if subgoal is not None:
            obs = task.act(obs, subgoal)
        task.remember(obs)
