"""What every ``Planner`` keeps."""

import time

from tests.conformance.fixtures import over
from tests.conformance.implementations import PLANNERS, observation
from tests.mocks import MockItem
from vista.protocols import Planner
from vista.types import Cause, Done, Impossible, State, Subtask, SubtaskResult

made = over(PLANNERS)


def test_answers_with_a_short_sentence_or_an_end(made):
    case, planner = made
    assert isinstance(planner, Planner)
    planner.reset()
    step = planner.next(observation(case.spec()), case.instruction, ())
    assert isinstance(step, (Subtask, Done, Impossible))
    if isinstance(step, Subtask):
        assert 1 <= len(step.text.split()) <= 20
    if isinstance(step, Impossible):
        assert step.reason


def test_takes_whatever_the_memory_recalls(made):
    case, planner = made
    planner.reset()
    recall = [MockItem(f"{kind} item", kind, 0.5) for kind in ("spatial", "temporal", "episodic", "semantic")]
    assert isinstance(
        planner.next(observation(case.spec()), case.instruction, recall), (Subtask, Done, Impossible)
    )


def test_takes_how_the_last_subtask_ended(made):
    case, planner = made
    planner.reset()
    obs = observation(case.spec())
    step = planner.next(obs, case.instruction, (), None)
    if isinstance(step, Subtask):
        planner.reset()
        last = SubtaskResult(step, 0.0, 3.0, State.FAILED, "the fingers hold nothing", 0.5, Cause.NOT_HELD)
        again = planner.next(obs, case.instruction, (), last)
        assert isinstance(again, (Subtask, Done, Impossible))


def test_answers_within_a_second(made):
    case, planner = made
    planner.reset()
    planner.next(observation(case.spec()), case.instruction, ())  # the first call may load a model
    taken = []
    for _ in range(5):
        start = time.monotonic()
        planner.next(observation(case.spec()), case.instruction, ())
        taken.append(time.monotonic() - start)
    assert min(taken) < 1.0  # the best of several: other work on the machine only ever makes one slower


def test_fresh_planners_begin_alike(made):
    case, planner = made
    other = case.make()
    obs = observation(case.spec())
    for each in (planner, other):
        each.reset()
    assert planner.next(obs, case.instruction, ()) == other.next(obs, case.instruction, ())
    case.close(other)
