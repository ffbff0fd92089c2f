"""What every ``Policy`` keeps."""

import contextlib

import numpy as np

from tests.conformance.fixtures import over
from tests.conformance.implementations import POLICIES, observation, subgoal
from vista.errors import VistaError
from vista.protocols import Policy
from vista.types import ActionChunk, ActionSpace, Subgoal, Subtask

made = over(POLICIES)


def plan(made, seed=0):
    case, policy = made
    policy.reset()
    obs = observation(case.spec(), seed=seed)
    return obs, policy.predict_chunk(obs, subgoal(case, obs))


def test_is_a_policy(made):
    _, policy = made
    assert isinstance(policy, Policy)
    assert isinstance(policy.action_space, ActionSpace)


def test_chunk_answers_the_observation_it_was_given(made):
    case, policy = made
    obs, chunk = plan(made)
    assert isinstance(chunk, ActionChunk)
    assert chunk.space is policy.action_space
    assert chunk.start_stamp_ns == obs.stamp_ns
    assert np.isclose(chunk.dt_s, 1 / case.spec().control_hz, rtol=1e-3)
    width = 7 if chunk.space is ActionSpace.EE_DELTA else len(case.spec().joint_names) + 1
    assert chunk.actions.shape[1] == width


def test_own_estimates_are_fractions(made):
    _, chunk = plan(made)
    for value in (chunk.progress, chunk.reached):
        assert value is None or 0.0 <= value <= 1.0


def test_after_reset_the_same_input_gives_the_same_plan(made):
    _, first = plan(made)
    plan(made, seed=3)
    _, again = plan(made)
    np.testing.assert_allclose(again.actions, first.actions, atol=1e-4)


def test_a_goal_in_words_alone_is_planned_for_or_refused(made):
    case, policy = made
    obs = observation(case.spec())
    policy.reset()
    with contextlib.suppress(VistaError):
        chunk = policy.predict_chunk(obs, Subgoal(Subtask(case.subtask), {}, 0.0, 0, obs.stamp_ns))
        assert isinstance(chunk, ActionChunk)
