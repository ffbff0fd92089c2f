"""The control loop: a task is a chain of subtasks, each one imagined, pursued and remembered.

Two levels, both written against the protocols alone, so that a lockstep bench, a ROS graph and a mock
run the same code:

* :func:`pursue` moves the arm towards one subgoal until it is reached, has failed or took too long;
* :func:`run_task` turns an instruction into subgoals and has each of them pursued.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from vista.errors import InstructionError, InvalidValueError
from vista.events import Event, EventKind, OnEvent, ignore
from vista.loop.clock import CLOCK_STALL_S, ClockWatch
from vista.loop.stages import Budget, Parts, Pursue, Task
from vista.loop.stopping import STOPPED, Halt, ShouldStop, halt_robot, never, raise_if_stopped
from vista.loop.timings import Timings
from vista.messages.describe import describe, on_purpose
from vista.planner.preprocess import Preprocessor
from vista.protocols import Critic, Detector, Guard, Memory, Planner, Policy, Robot, Switcher, WorldModel
from vista.robot.gripper import closed_on_nothing
from vista.robot.retreat import Withdrawal
from vista.types import Decision, Done, EpisodeResult, Impossible, Outcome, Progress, State, Subgoal

__all__ = ["STOPPED", "Budget", "Event", "EventKind", "Pursue", "ShouldStop", "pursue", "run_task"]

_log = logging.getLogger(__name__)


def pursue(
    robot: Robot,
    policy: Policy,
    switcher: Switcher,
    guard: Guard,
    subgoal: Subgoal,
    *,
    execute_rows: int = 4,
    timeout_s: float = 30.0,
    should_stop: ShouldStop = never,
    on_progress: Callable[[Progress], None] = ignore,
    timings: Timings | None = None,
    hold_tries: int = 10,
    hold_wait_s: float = 0.1,
    withdrawal: Withdrawal | None = None,
) -> Progress:
    """Move towards ``subgoal`` until the switcher, the guard, the clock or the caller ends it.

    Only what the guard has let through is sent, and only the first ``execute_rows`` rows of each chunk.
    While the guard says HOLD nothing is sent and the chunk is planned again, ``hold_tries`` times at
    ``hold_wait_s`` [s] of wall time (in lockstep at once, as nothing would change meanwhile); then the
    subtask has failed for the guard's reason. How long the parts think never counts. Anything that
    makes it unsafe to go on (guard STOP, ``should_stop``, a robot or camera that is silent, an exception
    in a learned part) stops the robot; the answer is then FAILED with a reason that begins with
    :data:`STOPPED`, and no further subtask should be tried.

    Args:
        execute_rows: Rows of each chunk that are sent before the next is planned, at least 1.
        timeout_s: Robot time [s] after which the answer is TIMED_OUT.
        should_stop: Asked at every step; None to go on, else the cause.
        on_progress: Told after every step, at the end with the answer.
        timings: Collects ``pursue.observe``, ``.predict``, ``.judge``, ``.guard`` and ``.send``.
        withdrawal: How the hand leaves a place where the switcher or the clock said that it failed, where it
            let go of something or grasped it, and where it begins with fingers that are closed on nothing;
            None: it stays.
            It ends early, without another cause, where the guard holds it.

    Returns:
        REACHED, FAILED or TIMED_OUT, with the one reason.

    Raises:
        InvalidValueError: ``execute_rows`` is below 1.
    """
    if execute_rows < 1:
        raise InvalidValueError(f"execute_rows: {execute_rows}, expected at least 1")
    timings = Timings() if timings is None else timings
    pursuit = _Pursuit(robot, policy, switcher, guard, subgoal, should_stop, on_progress, timings)
    try:
        if withdrawal is not None and closed_on_nothing(robot.observe()):
            pursuit.withdraw(withdrawal, execute_rows, again=True)
        final = pursuit.run(execute_rows, timeout_s, hold_tries, hold_wait_s)
        if withdrawal is not None and not pursuit.held:
            pursuit.withdraw(withdrawal, execute_rows, again=final.state is not State.REACHED)
        on_progress(final)
        return final
    except Halt as halt:
        cause = str(halt)
    except Exception as error:
        cause = f"{timings.current.removeprefix('pursue.') or 'pursue'}: {describe(error)}"
        _log.log(logging.WARNING, "%s", cause, exc_info=not on_purpose(error))
    except BaseException as error:
        halt_robot(robot, f"interrupted by {type(error).__name__}")
        raise
    halt_robot(robot, cause)
    return Progress(State.FAILED, pursuit.fraction, STOPPED + cause)


class _Pursuit:
    """One call of :func:`pursue`."""

    def __init__(
        self,
        robot: Robot,
        policy: Policy,
        switcher: Switcher,
        guard: Guard,
        subgoal: Subgoal,
        should_stop: ShouldStop,
        on_progress: Callable[[Progress], None],
        timings: Timings,
    ) -> None:
        self.policy, self.switcher, self.guard = policy, switcher, guard
        self.subgoal, self.should_stop, self.on_progress = subgoal, should_stop, on_progress
        self.measure = timings.measure
        self.fraction = 0.0
        self.held = False
        self._watch = ClockWatch(robot, should_stop, CLOCK_STALL_S)

    def run(self, execute_rows: int, timeout_s: float, hold_tries: int, hold_wait_s: float) -> Progress:
        self.policy.reset()
        self.guard.reset()
        start_ns, holds = -1, 0
        while True:
            raise_if_stopped(self.should_stop)
            with self.measure("pursue.observe"):
                obs = self._watch.observe()
            if start_ns < 0:
                start_ns = obs.stamp_ns
                self.switcher.reset(self.subgoal, start_ns)
            with self.measure("pursue.predict"):
                chunk = self.policy.predict_chunk(obs, self.subgoal)
            with self.measure("pursue.judge"):
                progress = self.switcher.judge(obs, chunk)
            self.fraction = progress.fraction
            if progress.state is not State.RUNNING:
                return progress
            if (obs.stamp_ns - start_ns) * 1e-9 >= timeout_s:
                return Progress(State.TIMED_OUT, self.fraction, f"not reached within {timeout_s:g} s")
            with self.measure("pursue.guard"):
                verdict = self.guard.check(chunk.head(execute_rows), obs)
            said = f"guard {verdict.rule}: {verdict.reason}"
            if verdict.decision is Decision.STOP:
                raise Halt(said)
            if verdict.chunk is None:
                holds += 1
                if holds >= hold_tries:
                    self.held = True
                    return Progress(State.FAILED, self.fraction, said)
                self.on_progress(Progress(State.RUNNING, self.fraction, f"holding still, {said}"))
                self._watch.hold(hold_wait_s)
                continue
            holds = 0
            raise_if_stopped(self.should_stop)
            with self.measure("pursue.send"):
                self._watch.send(verdict.chunk)
            if verdict.decision is Decision.CLIP:
                progress = Progress(State.RUNNING, self.fraction, f"clipped, {said}")
            self.on_progress(progress)

    def withdraw(self, how: Withdrawal, execute_rows: int, *, again: bool) -> None:
        """Take the hand away, no longer than it may take, as far as the guard lets it."""
        start_ns = -1
        self.guard.reset()
        while True:
            raise_if_stopped(self.should_stop)
            with self.measure("pursue.observe"):
                obs = self._watch.observe()
            if start_ns < 0:
                start_ns, target = obs.stamp_ns, how.target(obs, again)
            chunk = how.chunk(obs, target, execute_rows)
            if chunk is None or (obs.stamp_ns - start_ns) * 1e-9 >= how.timeout_s:
                return
            with self.measure("pursue.guard"):
                verdict = self.guard.check(chunk, obs)
            if verdict.decision is Decision.STOP:
                raise Halt(f"guard {verdict.rule}: {verdict.reason}")
            if verdict.chunk is None:
                return
            with self.measure("pursue.send"):
                self._watch.send(verdict.chunk)
            self.on_progress(Progress(State.RUNNING, self.fraction, "withdrawing"))


def run_task(
    robot: Robot,
    planner: Planner,
    world_model: WorldModel,
    pursue: Pursue,
    memory: Memory | None,
    instruction: str,
    *,
    detector: Detector | None = None,
    critic: Critic | None = None,
    preprocessor: Preprocessor | None = None,
    budget: Budget | None = None,
    on_event: OnEvent = ignore,
    should_stop: ShouldStop = never,
    timings: Timings | None = None,
    seed: int = 0,
) -> EpisodeResult:
    """Carry out ``instruction``: observe, recall, plan, imagine, pursue, remember, until one cause ends it.

    Args:
        pursue: Takes a subgoal and moves the arm towards it: :func:`pursue` with its parts bound, or the
            client of an action. It should look at the same ``should_stop``.
        memory: None runs without a memory.
        critic: May reject a subtask, never the first one after a new plan.
        preprocessor: Sums up each step and writes the queries to the memory; None does so by templates.
        on_event: Hears every :class:`vista.events.Event`, in this thread.
        should_stop: Asked before and after every stage; None to go on, else the cause.
        timings: Collects the stages; give the same one to ``pursue`` to see its parts too.
        seed: Of the first image that is imagined; each further attempt counts up.

    Returns:
        ``SUCCESS`` when the planner says Done; ``FAILURE`` when it says Impossible, the instruction names
        nothing that is seen, or the budget is spent; ``STOPPED`` when something outside the plan ended
        the task (cancelled, guard, a silent robot, an exception), in which case the robot was stopped.
        ``steps`` counts what was sent through ``timings``.

    Raises:
        InstructionError: the instruction is empty.
    """
    if not instruction.strip():
        raise InstructionError(
            "the instruction is empty; expected a sentence such as 'put the blue mug in the tray'"
        )
    parts = Parts(robot, planner, world_model, pursue, memory, detector, critic, preprocessor)
    task = Task(
        parts,
        instruction.strip(),
        budget=budget or Budget(),
        on_event=on_event,
        should_stop=should_stop,
        timings=Timings() if timings is None else timings,
        seed=seed,
    )
    try:
        outcome, cause = _run(task)
    except Halt as halt:
        outcome, cause = Outcome.STOPPED, str(halt)
    except InstructionError as error:
        outcome, cause = Outcome.FAILURE, str(error)
    except Exception as error:
        outcome, cause = Outcome.STOPPED, f"{task.timings.current or 'task'}: {describe(error)}"
        _log.log(logging.WARNING, "%s", cause, exc_info=not on_purpose(error))
    except BaseException as error:
        cause = f"interrupted by {type(error).__name__}"
        halt_robot(robot, cause)
        task.end(Outcome.STOPPED, cause)
        raise
    if outcome is Outcome.STOPPED:
        halt_robot(robot, cause)
    return task.end(outcome, cause)


def _run(task: Task) -> tuple[Outcome, str]:
    """The loop itself: each turn is one subtask. Returns how the task ended and why."""
    budget = task.budget
    task.emit(Event(EventKind.TASK_STARTED, text=task.instruction))
    obs = task.observe()
    task.begin(obs)
    while True:
        recall = task.recall(obs)
        step = task.plan(obs, recall)
        if isinstance(step, Done):
            return Outcome.SUCCESS, step.reason or "nothing is left to do"
        if isinstance(step, Impossible):
            return Outcome.FAILURE, step.reason
        if len(task.results) >= budget.max_subtasks:
            return Outcome.FAILURE, f"budget: {budget.max_subtasks} subtasks tried, {step.text!r} is left"
        if task.seconds() >= budget.seconds:
            return Outcome.FAILURE, f"budget: {budget.seconds:g} s are over, {step.text!r} is left"
        subgoal = task.imagine(obs, step)
        if subgoal is not None:
            obs = task.act(obs, subgoal)
        task.remember(obs)
