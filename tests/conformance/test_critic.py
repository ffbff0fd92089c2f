"""What every ``Critic`` and every ``Preprocessor`` keeps."""

import pytest

from tests.conformance.fixtures import over
from tests.conformance.implementations import CRITICS, PREPROCESSORS, observation
from tests.mocks import MockDetector, MockItem
from vista.protocols import Critic, Preprocessor
from vista.types import Digest, State, Subtask, SubtaskResult

critic = over(CRITICS)
preprocessor = over(PREPROCESSORS)


def test_a_critic_accepts_or_says_why_not(critic):
    case, made = critic
    assert isinstance(made, Critic)
    recall = [MockItem("a mug fell here", "episodic", 0.5)]
    objection = made.review(observation(case.spec()), case.instruction, Subtask.said(case.subtask), recall)
    assert objection is None or objection.strip()


@pytest.mark.parametrize(
    "last", [None, SubtaskResult(Subtask.said("grasp the blue mug"), 1.0, 3.0, State.FAILED, "missed")]
)
def test_a_preprocessor_always_asks_about_the_instruction(preprocessor, last):
    case, made = preprocessor
    assert isinstance(made, Preprocessor)
    obs = observation(case.spec())
    digest = made.digest(obs, case.instruction, MockDetector().detect(obs), last)
    assert isinstance(digest, Digest)
    assert digest.queries[0] == case.instruction
    assert "where is the blue mug" in digest.queries
    assert all(query.strip() for query in digest.queries)
    assert digest.summary or last is None
