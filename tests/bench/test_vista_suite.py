"""The paper's columns: what each episode meets is what the column says, and nobody's training data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from vista.assembly import Refs
from vista.assembly.training import recipe_of_method
from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.executor.methods import METHODS
from vista.learning.recipes import load_recipe
from vista.learning.splits import load_splits
from vista_bench.jobs import BenchProgress
from vista_bench.results import Counted, Key
from vista_bench.suites import BenchSettings, make_suite
from vista_bench.suites.long import LongEpisode, in_vain, long_refs, long_task
from vista_bench.suites.methods import meeting, meeting_task, vista_refs

SPLITS = load_splits()


def test_novel_is_every_unknown_object_on_every_unknown_table_three_times():
    met = [meeting("novel", i, 20000 + i) for i in range(189)]
    assert set(Counter((m.target, m.patterns) for m in met).values()) == {3}
    assert {m.target for m in met} == set(SPLITS.novel_objects)
    assert {m.patterns[0] for m in met} == set(SPLITS.novel_patterns)


def test_a_known_target_among_strangers_and_a_stranger_among_the_known():
    for i in range(45):
        swapped = meeting("distractor", i, i)
        strange = set(swapped.others) - set(SPLITS.demo_objects)
        assert swapped.target in SPLITS.demo_objects
        assert len(strange) == 1 + i % 3
        assert strange <= set(SPLITS.novel_objects)
        stranger = meeting("target", i, i)
        assert stranger.target not in SPLITS.demo_objects
        assert stranger.others == SPLITS.demo_objects
    assert len({meeting("target", i, i).target for i in range(45)}) == 5


def test_held_out_is_what_the_world_model_never_saw():
    for i in range(180):
        met = meeting("heldout", i, i)
        seen = met.target in SPLITS.world_objects and set(met.patterns) <= set(SPLITS.world_patterns)
        assert not seen, met
    assert Counter(meeting("heldout", i, i).group for i in range(180)) == {
        "combination": 60, "shape": 60, "pattern": 60
    }  # fmt: skip


@pytest.mark.parametrize("cell", ["basic", "distractor", "target", "novel", "heldout"])
def test_the_scene_holds_the_target_and_three_others_from_the_seed_alone(cell: str):
    one, same = (meeting_task(cell, 7, 20007) for _ in range(2))
    assert one.scene == same.scene
    labels = [p.spec.label for p in one.scene.objects]
    assert len(set(labels)) == 4
    assert meeting(cell, 7, 20007).target in labels
    assert one.scene.pattern in meeting(cell, 7, 20007).patterns
    assert one.instruction == f"put the {meeting(cell, 7, 20007).target} in the tray"


def test_cells_share_no_seed_and_an_offset_stays_inside():
    suite = make_suite("vista")
    seeds = [s for cell in suite.cells for s in suite.seeds(BenchSettings(), cell, 189)]
    assert len(set(seeds)) == len(seeds)
    assert set(suite.seeds(BenchSettings(seed=811), "novel", 189)) <= set(range(20000 + 3811, 24000))
    with pytest.raises(InvalidValueError, match="1000 seeds"):
        suite.seeds(BenchSettings(seed=900), "novel", 189)
    with pytest.raises(InvalidValueError, match="--task stack"):
        suite.check(BenchSettings(task="stack"))


def test_each_method_gets_the_same_number_of_steps():
    recipe = load_recipe("executor")
    for name in METHODS:
        made = recipe if name == "ours" else recipe_of_method(recipe, name)
        for stage in ("base", "long"):
            assert made.stages[stage].steps == recipe.stages[stage].steps
            assert (made.stages[stage].imagined is None) is not METHODS[name].goal_image
        assert made.out == METHODS[name].folder
        assert made.stages["long"].out == METHODS[name].long_folder
        assert made.data == recipe.data
    with pytest.raises(UnknownNameError, match="known: ours"):
        recipe_of_method(recipe, "poem")
    with pytest.raises(ConfigError, match="one kind of detector"):
        recipe_of_method(load_recipe("detector"), "text")


def test_a_baseline_is_shown_and_told_what_it_was_trained_on(tmp_path, monkeypatch):
    monkeypatch.setattr("vista_bench.suites.methods.resource_path", lambda _: tmp_path / "models")
    with pytest.raises(ConfigError, match="vista train executor --method text"):
        vista_refs(BenchSettings(), "text")
    for name, method in METHODS.items():
        (tmp_path / method.folder).mkdir(parents=True)
        (tmp_path / method.folder / "config.json").write_text("{}")
        refs = vista_refs(BenchSettings(), name)
        assert (refs.world_model == "mock") is not method.goal_image
        assert (refs.planner == "whole") is (method.told == "instruction")
    assert vista_refs(BenchSettings(), "oracle").world_model == "oracle"


def test_a_search_has_time_for_drawers_that_are_opened_in_vain():
    seed = load_splits().seed("tuning", 9900)
    assert [in_vain(long_task(cell, seed)) for cell in ("search", "novel-search", "drawer", "stack")] == [
        2, 2, 0, 0,
    ]  # fmt: skip


def test_suite_long_takes_what_learned_the_longer_tasks_unless_told_otherwise():
    for method, folder in (("ours", "executor_long"), ("fixed", "executor_long"), ("text", "text_long")):
        assert Path(str(long_refs(BenchSettings(), method).policy)).name == folder
    own = BenchSettings(refs=Refs(policy="mine"))
    assert long_refs(own, "ours").policy == "mine"
    assert Path(str(long_refs(BenchSettings(), "subtask").policy)).name == "subtask"


def test_a_task_is_counted_over_known_and_novel_scenes_where_both_were_run(monkeypatch):
    def record(good: bool) -> Counted[LongEpisode]:
        episode = LongEpisode(
            success=good, failure="" if good else "dropped", outcome="success", cause="", grasped=good,
            nearest_m=0.0, instruction="", jerk=0.0, idle_s=0.0, steps=1, seconds=1.0, wall_s=1.0,
            progress=float(good),
        )  # fmt: skip
        return Counted(Key("stack", "ours", 1, "f"), episode)

    suite = make_suite("long")
    runs = [
        ("stack", "ours", [record(True)] * 3 + [record(False)]),
        ("novel-stack", "ours", [record(True)] + [record(False)] * 3),
        ("stack", "text", [record(True)] * 4),
        ("search", "ours", [record(True)]),
    ]
    monkeypatch.setattr(suite, "collect", lambda *_: runs)
    cells = suite.measure(BenchSettings(), Path(), BenchProgress())
    assert [(c["cell"], c["method"], c["n"]) for c in cells] == [
        *((cell, method, len(mine)) for cell, method, mine in runs),
        ("stack + novel-stack", "ours", 8),
    ]
    assert cells[-1]["success_rate"] == cells[-1]["progress"] == 0.5


def test_goals_measures_each_number_of_steps_on_its_own():
    suite = make_suite("goals")
    suite.check(BenchSettings(methods=("steps4", "alone", "oracle")))
    marks = [str(suite.identity(BenchSettings(), "novel", method)) for method in suite.methods]
    assert len(set(marks)) == len(suite.methods)
    with pytest.raises(UnknownNameError, match="steps3"):
        suite.check(BenchSettings(methods=("steps3",)))
