"""What every ``Switcher`` keeps."""

import numpy as np

from tests.conformance.fixtures import over
from tests.conformance.implementations import SWITCHERS, observation, subgoal
from vista.protocols import Switcher
from vista.types import ActionChunk, ActionSpace, Cause, State

made = over(SWITCHERS)
SECOND = 1_000_000_000


def judge(made, at_s, progress=0.1, reached=0.0):
    case, switcher = made
    obs = observation(case.spec(), stamp_ns=int((1 + at_s) * SECOND))
    actions = np.zeros((4, 7))
    actions[:, 0] = np.linspace(0.02, 0.08, 4)
    chunk = ActionChunk(actions, 0.1, ActionSpace.EE_DELTA, obs.stamp_ns, progress, reached)
    return switcher.judge(obs, chunk)


def begin(made):
    case, switcher = made
    obs = observation(case.spec())
    switcher.reset(subgoal(case, obs), obs.stamp_ns)


def test_a_subtask_that_has_just_begun_is_running(made):
    assert isinstance(made[1], Switcher)
    begin(made)
    first = judge(made, 0.0)
    assert first.state is State.RUNNING
    assert 0.0 <= first.fraction <= 1.0


def test_nothing_runs_for_ever_and_the_end_has_a_reason(made):
    begin(made)
    for at_s in np.arange(0.0, 600.0, 2.0):
        last = judge(made, float(at_s))
        if last.state is not State.RUNNING:
            break
    assert last.state in (State.TIMED_OUT, State.FAILED)
    assert last.reason
    assert last.cause in (Cause.OUT_OF_TIME, Cause.NO_PROGRESS, Cause.NOT_HELD)


def test_reset_begins_anew(made):
    begin(made)
    while judge(made, 590.0).state is State.RUNNING:
        pass
    begin(made)
    assert judge(made, 0.0).state is State.RUNNING
