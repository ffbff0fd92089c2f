"""Cells ``words`` and ``words-sealed`` of suite ``open``: 150 sentences each, as new users type them, read in
what the camera sees; those that ask for something that the simulator can judge are carried out.

``right`` counts sentences whose reading is the right one: the goals with their things and places, the cause
of a refusal, what is asked back, or the kind of a question. ``wrong_motions`` counts sentences after which
the arm moved, or would move, for something else than what was said. ``executed``: the arm moved; ``done``: in
truth. ``not_yet``: understood rightly, and refused because no executor does it yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vista.assembly import Refs, loading
from vista.loop import Budget
from vista.planner.fitting import FittingPlanner
from vista.planner.instruction.understanding import Reading
from vista.planner.instruction.values import (
    AnyGoal,
    ClearGoal,
    MoveGoal,
    PlaceGoal,
    Refused,
    Understood,
    UserQuestion,
)  # fmt: skip
from vista.planner.symbolic.planner import RememberingPlanner
from vista.protocols import Planner
from vista.types import Answered, Done, Impossible, NextStep, Question, Subtask
from vista_bench.episode import EpisodeRunner
from vista_bench.jobs import EpisodeJob
from vista_bench.results import Counted, Episode, failed_seeds, wilson
from vista_bench.suites.base import Cell
from vista_bench.suites.basic import one_torch_thread
from vista_bench.suites.open_world.spoken import SpokenTask
from vista_bench.suites.open_world.words import OPEN, SEALED, RightReading, SaidGoal, Sentence, read_words
from vista_sim.objects.pictures import drawn
from vista_sim.objects.specs import sample_object
from vista_sim.oracle import Oracle
from vista_sim.robot import SimRobot
from vista_sim.world import World

FILES = {"words": OPEN, "words-sealed": SEALED}
"""{cell: its sentences}."""
BUDGET = Budget(max_subtasks=16, seconds=150.0)
TAUGHT = {"odd": ("orange hexprism", "pink triprism")}
"""{scene: things in it that no part was trained on}; the detector is taught them, as a user would."""
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsEpisode(Episode):
    """One sentence. ``success``: it was read rightly; ``read``: as what, in a word or two; ``wrong_motion``:
    the arm did, or would do, something else than was said; ``executed``: it moved; ``done``: what was asked
    for was so at the end; ``not_yet``: understood, and refused as not possible yet."""

    say: str
    scene: str
    read: str
    wrong_motion: bool
    executed: bool = False
    done: bool = False
    not_yet: bool = False
    cause: str = ""


def sentence_of(cell: str, index: int) -> Sentence:
    """Sentence ``index`` of ``cell``."""
    sentences = read_words(FILES[cell])
    return sentences[index % len(sentences)]


def open_words(refs: Refs, index_of: Callable[[EpisodeJob], int]) -> Callable[[EpisodeJob], WordsEpisode]:
    """One process of one thread; every sentence begins with an empty memory."""
    one_torch_thread()
    runners: dict[tuple[str, ...], EpisodeRunner] = {}

    def run(job: EpisodeJob) -> WordsEpisode:
        sentence = sentence_of(job.cell, index_of(job))
        names = TAUGHT.get(sentence.scene, ())
        if names not in runners:
            runners[names] = EpisodeRunner(refs)
            specs = {name: sample_object(name, np.random.default_rng(i)) for i, name in enumerate(names)}
            runners[names].loader.teach(drawn(specs, runners[names].spec))
        return said(runners[names], sentence)

    return run


def said(runner: EpisodeRunner, sentence: Sentence) -> WordsEpisode:
    """What ``sentence`` makes of the parts of ``runner``."""
    read, step = first_answer(runner, sentence)
    right = any(is_right(read, step, reading) for reading in sentence.readings)
    moves, may_move = isinstance(step, Subtask), any(reading.goals for reading in sentence.readings)
    episode = WordsEpisode(
        success=right, say=sentence.say, scene=sentence.scene, read=_in_a_word(read, step),
        wrong_motion=moves and not (may_move and right),
        not_yet=right and isinstance(read, Understood) and isinstance(step, Impossible),
    )  # fmt: skip
    if not (sentence.run and moves):
        return episode
    task = SpokenTask(sentence)
    run = runner.run(task, budget=BUDGET)
    # Whatever it was called: what counts is which thing the hand took.
    return replace(
        episode, wrong_motion=not may_move or not run.witness.lifted <= sentence.named,
        executed=bool(run.result.subtasks), done=run.truth.success, cause=run.result.cause,
    )  # fmt: skip


def first_answer(runner: EpisodeRunner, sentence: Sentence) -> tuple[Reading | None, NextStep]:
    """How the planner reads ``sentence`` (None: a planner that does not say it), and its first answer."""
    task = SpokenTask(sentence)
    world = World(task.scene, runner.spec, runner.kinematics)
    task.prepare(world)
    robot = SimRobot(world)
    try:
        with loading.open_memory() as memory:
            planner: Planner = runner.loader.parts(robot, memory, Oracle(world, task)).planner
            planner.reset()
            obs = robot.observe()
            mine = planner.chosen if isinstance(planner, FittingPlanner) else planner
            read = mine.reading(obs, sentence.say) if isinstance(mine, RememberingPlanner) else None
            return read, planner.next(obs, sentence.say, ())
    finally:
        robot.close()


def is_right(read: Reading | None, step: NextStep, right: RightReading) -> bool:
    """Whether ``read`` is ``right``. A planner that says no reading is judged by its first ``step``: for a
    task, a step about a thing or drawer that is named."""
    if read is None:
        return _is_right_step(step, right)
    if isinstance(read, Understood):
        return bool(right.goals) and same_goals([_key(goal) for goal in read.goals], right.goals)
    if isinstance(read, Refused):
        return right.refuse == read.why
    if isinstance(read, UserQuestion):
        return right.answer == read.kind
    return right.ask == read.kind


def _is_right_step(step: NextStep, right: RightReading) -> bool:
    if isinstance(step, Subtask):
        names = {name for goal in right.goals for name in goal.named}
        return step.skill is not None and step.skill.thing in names
    if isinstance(step, Impossible):
        return right.refuse == step.why
    if isinstance(step, Done):
        return False
    return bool(right.answer) if isinstance(step, Answered) else right.ask == step.kind


def same_goals(read: Sequence[Key], right: Sequence[SaidGoal]) -> bool:
    """Whether the goals ``read`` are the ``right`` ones: several that place one thing each may stand for one
    that places them all."""
    left = list(read)
    for wanted in map(_said_key, right):
        if wanted[0] != "place":
            if not left or left.pop(0) != wanted:
                return False
            continue
        things: frozenset[object] = frozenset()
        while left and left[0][0] == "place" and left[0][2:] == wanted[2:] and things != wanted[1]:
            more = left.pop(0)[1]
            assert isinstance(more, frozenset)
            things |= more
        if things != wanted[1]:
            return False
    return not left


def _key(goal: AnyGoal) -> Key:
    if isinstance(goal, PlaceGoal):
        return "place", frozenset(goal.things), str(goal.relation), _places(goal.relation, goal.places)
    if isinstance(goal, MoveGoal):
        return "move", goal.thing, str(goal.direction), goal.distance_m and round(goal.distance_m, 4)
    if isinstance(goal, ClearGoal):
        return "clear", goal.place
    return type(goal).__name__.removesuffix("Goal").lower(), goal.thing


def _said_key(goal: SaidGoal) -> Key:
    if goal.kind == "place":
        return "place", frozenset(goal.things), goal.relation, _places(goal.relation, goal.places)
    if goal.kind == "move":
        return "move", goal.things[0], goal.direction, goal.distance_m and round(goal.distance_m, 4)
    return goal.kind, (goal.places if goal.kind == "clear" else goal.things)[0]


def _places(relation: str, places: tuple[str, ...]) -> object:
    return frozenset(places) if relation == "between" else places


def _in_a_word(read: Reading | None, step: NextStep) -> str:
    what = step if read is None else read
    if isinstance(what, Refused | Impossible):
        return f"refused: {what.why}"
    if isinstance(what, UserQuestion | Answered):
        return f"asked: {what.kind}" if isinstance(what, UserQuestion) else "answered"
    return f"asks: {what.kind}" if isinstance(what, Question) else "task"


def tell(found: Sequence[Counted[WordsEpisode]]) -> Cell:
    """The row of a cell."""
    episodes = [each.episode for each in found]
    wrong = Counter(each.read for each in episodes if not each.success)
    executed, done = sum(e.executed for e in episodes), sum(e.done for e in episodes)
    return {
        "right": sum(e.success for e in episodes),
        "wrong_motions": sum(e.wrong_motion for e in episodes),
        "executed": executed,
        "done": done,
        "done_interval": list(wilson(done, executed)),
        "not_yet": sum(e.not_yet for e in episodes),
        "misread": dict(wrong.most_common()),
        "failed_seeds": failed_seeds(found),
    }
