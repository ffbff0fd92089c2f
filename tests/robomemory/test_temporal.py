"""The buffer of steps: bounded, in order, and nothing that was compressed is lost from the file."""

import pytest

from robomemory import InvalidQueryError, MemoryKind, Query


def test_the_newest_steps_are_kept_and_the_oldest_become_one_line(reopen, note):
    memory = reopen(steps=6)
    for i in range(20):
        memory.remember([note("temporal", f"step {i}.", i)])
        assert len(memory.steps()) <= 6
    steps = memory.steps()
    assert steps[0].text.startswith("Earlier: step 0; step 1; step 2;")
    assert [s.text for s in steps[1:]] == [f"step {i}." for i in range(20 - len(steps) + 1, 20)]
    assert memory.recall([Query("what next", kinds={"temporal"})])[0].text == "step 19."
    kept = memory.records(MemoryKind.TEMPORAL)
    assert {f"step {i}." for i in range(20)} <= {r.text for r in kept}
    assert reopen(steps=6).steps() == steps


def test_many_steps_in_one_call_and_a_line_that_stays_short(reopen, note):
    memory = reopen(steps=4)
    memory.remember([note("temporal", f"a rather long story about step number {i}", i) for i in range(100)])
    steps = memory.steps()
    assert len(steps) <= 4
    assert len(steps[0].text) < 450
    assert "step number 0" in steps[0].text


def test_repeated_steps_are_said_once(reopen, note):
    memory = reopen(steps=4)
    memory.remember([note("temporal", "waited", i) for i in range(5)])
    assert memory.steps()[0].text == "Earlier: waited"


def test_the_buffer_needs_room(reopen):
    with pytest.raises(InvalidQueryError, match="at least 2"):
        reopen(steps=1)


def test_a_span_of_time_reaches_steps_that_were_compressed(reopen, note):
    memory = reopen(steps=4)
    for i in range(20):
        memory.remember([note("temporal", f"wiped spot {i}", i)])
    then = memory.recall([Query("what was done?", kinds={"temporal"}, between=(3 * 10**9, 5 * 10**9))])
    assert {r.text for r in then} == {f"wiped spot {i}" for i in (3, 4, 5)}
    assert then[0].text == "wiped spot 5"
