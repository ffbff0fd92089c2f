"""A whole task: every way it can end, what is planned anew, and what is told and remembered of it."""

import pytest

from tests import mocks
from vista.errors import InstructionError, InvalidValueError, StaleObservationError, VistaError
from vista.events import EventKind, fan_out
from vista.guard import SafetyGuard
from vista.loop import Budget, MotionParts, Parts, run_task
from vista.types import Answered, Ask, Cause, Impossible, Option, Outcome, Progress, Question, Refusal, State


class BrokenPolicy(mocks.MockPolicy):
    def predict_chunk(self, obs, subgoal):
        raise RuntimeError("out of memory")


class World:
    """One task with mocks in every place; what is given replaces one."""

    def __init__(self, *steps, **parts):
        self.robot = parts.pop("robot", None) or mocks.MockRobot()
        self.planner = parts.pop("planner", None) or mocks.MockPlanner(*(steps or ("grasp it", "place it")))
        self.world_model = parts.pop("world_model", None) or mocks.MockWorldModel()
        self.memory = parts.pop("memory", None) or mocks.MockMemory()
        self.detector, self.critic = mocks.MockDetector(), parts.pop("critic", None)
        self.guard = SafetyGuard(self.robot.spec)
        self.policy = parts.pop("policy", None) or mocks.MockPolicy()
        self.pursue = parts.pop("pursue", self._pursue)
        self.should_stop = parts.pop("should_stop", lambda: None)
        self.events, self.options = [], parts
        self.tell = self.events.append

    def _pursue(self, subgoal, listener, should_stop):
        parts = MotionParts(self.robot, self.policy, mocks.MockSwitcher(), self.guard)
        return parts(subgoal, listener, should_stop)

    def run(self, instruction="put the blue mug in the tray"):
        parts = Parts(
            self.robot, self.planner, self.world_model, self.pursue, self.memory, self.detector, self.critic
        )
        return run_task(parts, instruction, listener=self.tell, should_stop=self.should_stop, **self.options)

    def kinds(self):
        return [event.kind for event in self.events]


def fail_once(world, *answers):
    """A pursue that gives ``answers`` first and then does its work."""
    left = list(answers)
    work = world.pursue

    def run(subgoal, listener, should_stop):
        return left.pop(0) if left else work(subgoal, listener, should_stop)

    world.pursue = run
    return world


def progress(state, reason=""):
    return Progress(state, 0.5, reason)


def test_a_task_goes_through_and_is_remembered():
    world = World()
    result = world.run()
    assert result.outcome is Outcome.SUCCESS
    assert result.cause == "all steps are done"
    assert [(s.text, s.state) for s in result.subtasks] == [
        ("grasp it", State.REACHED),
        ("place it", State.REACHED),
    ]
    assert result.steps == len(world.robot.sent) > 0
    assert result.seconds == pytest.approx(sum(len(c.actions) for c in world.robot.sent) * 0.1)
    assert result.truth is None
    assert [n.kind for n in world.memory.notes].count("temporal") == 2
    assert world.memory.notes[0].kind == "spatial"
    assert world.memory.notes[0].position is not None
    last = world.memory.notes[-1]
    assert last.kind == "episodic"
    assert "success" in last.text
    assert set(last.entities) == {"blue mug", "tray"}
    for stage in ("observe", "detect", "recall", "plan", "imagine", "pursue", "pursue.predict", "remember"):
        assert result.timings[stage], stage


def test_events_tell_the_whole_story_in_order():
    world, copy = World("grasp it"), []
    world.tell = fan_out(world.events.append, copy.append)
    result = world.run()
    assert copy == world.events
    story = [k for k in world.kinds() if not k.startswith("stage")]
    assert story[0] is EventKind.TASK_STARTED
    assert story[-1] is EventKind.TASK_ENDED
    for kind in ("detected", "recalled", "subtask_started", "imagined", "progress", "subtask_ended"):
        assert kind in story
    assert world.events[-1].result == result
    imagined = next(e for e in world.events if e.kind is EventKind.IMAGINED)
    ended = next(e for e in world.events if e.kind is EventKind.SUBTASK_ENDED)
    assert set(imagined.subgoal.images) == set(ended.images) == set(mocks.CAMERAS)
    assert ended.progress.state is State.REACHED
    assert [e.at_s for e in world.events] == sorted(e.at_s for e in world.events)
    stages = [(e.kind, e.stage) for e in world.events if e.kind.startswith("stage") and "." not in e.stage]
    assert len(stages) % 2 == 0
    for (start, name), (end, same) in zip(stages[::2], stages[1::2], strict=True):
        assert (start, end, name) == (EventKind.STAGE_STARTED, EventKind.STAGE_ENDED, same)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_instruction_is_refused(text):
    with pytest.raises(InstructionError, match="empty"):
        World().run(text)


def test_impossible_is_a_failure_with_the_planners_reason():
    world = World(planner=mocks.MockPlanner(answer=Impossible("no red mug; seen: blue mug, tray")))
    result = world.run()
    assert (result.outcome, result.cause) == (Outcome.FAILURE, "no red mug; seen: blue mug, tray")
    assert world.robot.sent == []


def test_a_refusal_says_why_as_a_field():
    world = World(planner=mocks.MockPlanner(answer=Impossible("that says what not to do", Refusal.NEGATION)))
    assert world.run().refusal is Refusal.NEGATION
    assert world.robot.sent == []


def test_a_planner_that_must_ask_ends_the_task_with_its_question():
    question = Question(Ask.WHICH, "the mug", "Which mug?", (Option("blue mug"), Option("red mug")))
    world = World(planner=mocks.MockPlanner(answer=question))
    result = world.run()
    assert (result.outcome, result.question, result.cause) == (Outcome.QUESTION, question, "Which mug?")
    assert world.robot.sent == []


def test_a_planner_that_was_asked_ends_the_task_with_its_answer():
    world = World(planner=mocks.MockPlanner(answer=Answered("the mug is in the tray")))
    result = world.run()
    assert (result.outcome, result.answer) == (Outcome.ANSWERED, "the mug is in the tray")
    assert world.robot.sent == []


def test_an_instruction_that_names_nothing_is_a_failure_too():
    world = World()

    def refuse(obs, instruction, recall, last=None):
        raise InstructionError("no red mug; seen: blue mug, tray")

    world.planner.next = refuse
    result = world.run()
    assert (result.outcome, result.cause) == (Outcome.FAILURE, "no red mug; seen: blue mug, tray")
    assert world.robot.causes == []


def test_a_failed_subtask_is_planned_anew_and_the_planner_hears_of_it():
    world = fail_once(World(), progress(State.FAILED, "the mug slipped"))
    result = world.run()
    assert result.outcome is Outcome.SUCCESS
    assert [s.state for s in result.subtasks] == [State.FAILED, State.REACHED, State.REACHED]
    assert world.planner.resets == 2
    assert "the mug slipped" in world.planner.heard[2][0]
    assert [last and (last.text, last.state, last.reason) for last in world.planner.ended[:3]] == [
        None,
        ("grasp it", State.FAILED, "the mug slipped"),
        ("grasp it", State.REACHED, "the policy says so"),
    ]
    assert "the mug slipped" not in " ".join(world.planner.heard[3][:1])


@pytest.mark.parametrize("state", [State.TIMED_OUT, State.RUNNING])
def test_other_ends_than_reached_are_planned_anew_as_well(state):
    result = fail_once(World("grasp it"), progress(state, "slow")).run()
    assert result.outcome is Outcome.SUCCESS
    assert result.subtasks[0].state in (State.TIMED_OUT, State.FAILED)


def test_budget_of_subtasks_ends_a_hopeless_task():
    world = World(budget=Budget(max_subtasks=3))
    world.pursue = lambda *_: progress(State.FAILED, "slipped")
    result = world.run()
    assert result.outcome is Outcome.FAILURE
    assert "3 subtasks" in result.cause
    assert len(result.subtasks) == 3


def test_the_last_subtask_of_the_budget_may_still_finish_the_task():
    assert World(budget=Budget(max_subtasks=2)).run().outcome is Outcome.SUCCESS


def test_budget_of_seconds_ends_a_task():
    world = World("one", "two", "three", budget=Budget(seconds=0.5))
    result = world.run()
    assert result.outcome is Outcome.FAILURE
    assert "0.5 s" in result.cause
    assert len(result.subtasks) == 1


def test_critic_rejects_but_never_the_first_after_a_new_plan():
    world = World("one", "two", critic=mocks.MockCritic("one", "two"))
    result = world.run()
    assert result.outcome is Outcome.SUCCESS
    assert world.critic.reviewed == ["two"], "neither the first of all nor the first after its rejection"
    assert EventKind.REJECTED in world.kinds()
    assert any("not yet" in text for text in world.planner.heard[3])


def test_world_model_tries_other_seeds_until_the_image_is_good_enough():
    model = mocks.MockWorldModel(0.1, 0.3, 0.8)
    world = World("grasp it", world_model=model, seed=5, budget=Budget(imagine_attempts=4, min_score=0.5))
    result = world.run()
    assert model.seeds == [5, 6, 7]
    assert result.subtasks[0].score == 0.8


def test_a_refused_image_fails_the_subtask_and_nothing_moves():
    model = mocks.MockWorldModel(*[0.1] * 4)
    budget = Budget(imagine_attempts=2, min_score=0.5, max_subtasks=2)
    world = World("grasp it", world_model=model, budget=budget)
    result = world.run()
    assert result.outcome is Outcome.FAILURE
    assert [s.state for s in result.subtasks] == [State.FAILED] * 2
    assert "best score 0.10" in result.subtasks[0].reason
    assert result.subtasks[0].cause is Cause.REFUSED
    assert world.robot.sent == []


def test_a_world_model_that_refuses_in_words_is_asked_again_one_that_is_gone_is_not():
    world = World("grasp it", budget=Budget(max_subtasks=1))
    calls = []

    def refuse(obs, subtask, seed=0, grounding=None):
        calls.append(seed)
        raise VistaError("nothing looks like a mug")

    world.world_model.imagine = refuse
    assert "nothing looks like a mug" in world.run().subtasks[0].reason
    assert len(calls) == 3

    world, calls[:] = World("grasp it"), []

    def gone(obs, subtask, seed=0, grounding=None):
        calls.append(seed)
        raise StaleObservationError("no answer from world_model for 5 s")

    world.world_model.imagine = gone
    result = world.run()
    assert (result.outcome, result.cause) == (Outcome.STOPPED, "imagine: no answer from world_model for 5 s")
    assert len(calls) == 1


def test_a_stop_inside_pursue_ends_the_task_with_that_cause():
    world = World(policy=BrokenPolicy())
    result = world.run()
    assert (result.outcome, result.cause) == (Outcome.STOPPED, "predict: RuntimeError: out of memory")
    assert [r.cause for r in result.subtasks] == [Cause.STOPPED]
    assert world.planner.resets == 1, "no other subtask was tried"


def test_a_robot_that_falls_silent_on_the_way_is_the_cause():
    world = World(robot=mocks.MockRobot(silent_after=2))
    result = world.run()
    assert result.outcome is Outcome.STOPPED
    assert "camera 'front'" in result.cause
    assert world.memory.notes[-1].kind == "episodic"


STAGES = {
    "observe": ("robot", "observe"),
    "detect": ("detector", "detect"),
    "remember": ("memory", "remember"),
    "recall": ("memory", "recall"),
    "plan": ("planner", "next"),
    "critic": ("critic", "review"),
    "imagine": ("world_model", "imagine"),
    "predict": ("policy", "predict_chunk"),
    "send": ("robot", "send"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_cancel_in_any_stage_latches_the_cause_and_stops_the_arm(stage):
    world, cause = World(critic=mocks.MockCritic()), []
    world.should_stop = lambda: cause[0] if cause else None
    part, method = (getattr(world, STAGES[stage][0]), STAGES[stage][1])
    sent_at_cancel = []

    def cancel():
        cause.append(f"cancelled in {stage}")
        sent_at_cancel.append(len(world.robot.sent))

    setattr(part, method, mocks.wrap(getattr(part, method), cancel))
    result = world.run()
    assert (result.outcome, result.cause) == (Outcome.STOPPED, f"cancelled in {stage}")
    assert world.robot.causes[0] == f"cancelled in {stage}"
    assert len(world.robot.sent) - sent_at_cancel[0] == (1 if stage == "send" else 0)
    assert world.events[-1].kind is EventKind.TASK_ENDED


def test_cancelled_before_it_began_nothing_is_touched():
    world = World(should_stop=mocks.Cancel(0))
    result = world.run()
    assert (result.outcome, result.cause) == (Outcome.STOPPED, "cancelled by the user")
    assert world.robot.observed == 0


@pytest.mark.parametrize("stage", STAGES)
def test_an_exception_in_any_stage_ends_the_task_and_names_the_stage(stage):
    world = World(critic=mocks.MockCritic())
    part, method = (getattr(world, STAGES[stage][0]), STAGES[stage][1])

    def fail():
        raise ValueError("broken part")

    setattr(part, method, mocks.wrap(getattr(part, method), fail))
    result = world.run()
    assert (result.outcome, result.cause) == (Outcome.STOPPED, f"{stage}: ValueError: broken part")
    assert world.robot.causes
    assert world.events[-1].kind is EventKind.TASK_ENDED


def test_interrupt_is_remembered_and_goes_on_up():
    world = World()

    def interrupt(obs, subtask, seed=0, grounding=None):
        raise KeyboardInterrupt

    world.world_model.imagine = interrupt
    with pytest.raises(KeyboardInterrupt):
        world.run()
    assert world.robot.causes
    assert "interrupted" in world.memory.notes[-1].text


def test_a_memory_lost_at_the_end_does_not_undo_a_success():
    world = World("grasp it")
    keep = world.memory.remember

    def lose(notes):
        if notes[0].kind == "episodic":
            raise OSError("disk full")
        keep(notes)

    world.memory.remember = lose
    assert world.run().outcome is Outcome.SUCCESS
    assert any(e.kind is EventKind.WARNING and "disk full" in e.text for e in world.events)


def test_runs_without_memory_and_detector():
    robot = mocks.MockRobot()
    planner, model = mocks.MockPlanner("grasp it"), mocks.MockWorldModel()
    result = run_task(Parts(robot, planner, model, lambda *_: progress(State.REACHED)), "do it")
    assert result.outcome is Outcome.SUCCESS
    assert "recall" not in result.timings


def test_what_is_sent_is_a_chunk_the_guard_let_through():
    world = World()
    passed = []
    check = world.guard.check

    def watch(chunk, obs):
        verdict = check(chunk, obs)
        passed.append(verdict.chunk)
        return verdict

    world.guard.check = watch
    world.run()
    assert world.robot.sent
    assert all(any(sent is chunk for chunk in passed) for sent in world.robot.sent)


class Hurried(mocks.MockMemory):
    """Needs half a minute on a busy machine: keeps for how long it was waited, and has nothing by less."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def recall(self, queries, *, k=5, timeout_s=1.0):
        self.waited.append(timeout_s)
        return super().recall(queries, k=k, timeout_s=timeout_s) if timeout_s > 30.0 else []


def test_what_is_recalled_in_lockstep_does_not_depend_on_how_busy_the_machine_is():
    world = World(memory=Hurried())
    world.run()
    assert min(world.memory.waited) > 30.0
    assert any(world.planner.heard)


def test_who_waits_for_a_free_robot_does_not_wait_long():
    robot = mocks.MockRobot()
    robot.lockstep = False
    world = World(robot=robot, memory=Hurried())
    world.run()
    assert max(world.memory.waited) <= 1.0


def test_budget_without_room_is_a_mistake():
    with pytest.raises(InvalidValueError):
        Budget(max_subtasks=0)


def test_a_step_is_remembered_as_values():
    world = World("grasp the blue mug", "place the blue mug in the tray", "wave")
    assert world.run().outcome is Outcome.SUCCESS
    assert [n.step for n in world.memory.notes if n.kind == "temporal"] == [
        ("grasp", "blue mug", "", "", "reached"),
        ("place", "blue mug", "in", "tray", "reached"),
        None,
    ]


def test_a_step_that_stopped_the_robot_counts_what_was_sent():
    world = World()
    world.pursue = lambda *_: Progress(State.FAILED, 0.2, "button", Cause.STOPPED, steps=7)
    result = world.run()
    assert (result.outcome, result.cause, result.steps) == (Outcome.STOPPED, "button", 7)
