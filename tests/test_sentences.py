"""No part reads a sentence to learn a fact: with random sentences of skills, scripted episodes stay the same.

What a network reads (``network_text``) keeps its words; scripted episodes use no network.
"""

from __future__ import annotations

import random
import string

import pytest

from vista import Refs, load_parts, run_task
from vista.skill import Skill

pytest.importorskip("mujoco")
pytest.importorskip("unified_planning")

TASKS = ("pick_place", "stack", "drawer", "search", "several", "tidy")
SCRIPTED = Refs(policy="scripted", world_model="mock", detector="oracle", switcher="scripted")


def episode(task: str, seed: int, planner: str) -> tuple[object, ...]:
    """What one scripted episode comes to, without words: outcome, steps, skills and their states, the
    truth."""
    from dataclasses import replace

    from vista_sim import simulate

    with (
        simulate(task, seed=seed) as sim,
        load_parts(sim.robot, refs=replace(SCRIPTED, planner=planner), oracle=sim.oracle) as parts,
    ):
        result = run_task(parts, sim.instruction)
        steps = tuple((r.subtask.skill, r.state, r.cause) for r in result.subtasks)
        return result.outcome, result.steps, result.seconds, steps, sim.success()


def with_random_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)
    monkeypatch.setattr(Skill, "sentence", lambda _: "".join(rng.choices(string.ascii_letters + " ", k=24)))


def check(monkeypatch: pytest.MonkeyPatch, task: str, seeds: range, planner: str) -> None:
    plain = [episode(task, seed, planner) for seed in seeds]
    assert all(steps for _, _, _, steps, _ in plain)
    with monkeypatch.context() as patched:
        with_random_sentences(patched)
        assert [episode(task, seed, planner) for seed in seeds] == plain


@pytest.mark.parametrize("task", TASKS)
def test_scripted_episodes_do_not_depend_on_sentences(monkeypatch, task):
    check(monkeypatch, task, range(1), "fresh")


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("planner", ["scripted", "fresh"])
@pytest.mark.parametrize("task", TASKS)
def test_twenty_scripted_episodes_of_each_task_do_not_depend_on_sentences(monkeypatch, task, planner):
    check(monkeypatch, task, range(20), planner)
