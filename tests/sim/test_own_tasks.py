"""A task is one short file: in the folder of tasks it is found by its place, elsewhere by its name."""

import pkgutil
import sys

import pytest

from vista.errors import ConfigError, UnknownNameError
from vista_sim import tasks
from vista_sim.env import TabletopEnv
from vista_sim.measure import solve
from vista_sim.scenes.task_scenes import scene_task
from vista_sim.tasks import TASKS, find_task, make_task

CLEAR = '''\
"""Two things into the drawer, which is shut over them."""

from vista.skill import Relation, Skill, Verb
from vista_sim.scenes.cabinet_scenes import sample_cabinet
from vista_sim.task import Task, TaskSetup, carry


class ClearTable(Task):
    """ "clear the <object> away": it goes into the drawer, which is shut again."""

    def set_up(self, seed, choice, target, rng):
        thing = target or str(rng.choice(["red cube", "orange box"]))
        scene = sample_cabinet(
            seed, choice.labels, choice.patterns, drawers=1, distractors=1,
            subject=thing, hidden=False, tray=False,
        )
        opens, closes = Skill(Verb.OPEN, "drawer"), Skill(Verb.CLOSE, "drawer")
        skills = (opens, *carry(thing, Relation.IN, "drawer"), closes)
        return TaskSetup(scene, f"clear the {thing} away", skills)
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "clear_table.py"
    path.write_text(CLEAR)
    return path


def test_a_task_is_about_twenty_five_lines():
    assert len(CLEAR.splitlines()) <= 25


def test_a_file_is_a_task(file, choice):
    task = make_task(str(file), 10_000, choice, "red cube")
    assert task.name == "cleartable"
    assert task.instruction == "clear the red cube away"
    assert [skill.sentence() for skill in task.goal] == [
        "place the red cube in the drawer",
        "close the drawer",
    ]
    assert (task.targets, task.drawer, task.hidden_in) == (("red cube",), 0, None)
    assert solve(task).success


def test_it_works_where_a_name_does(file):
    assert scene_task(str(file), 10_001).scene == scene_task(str(file), 10_001).scene
    env = TabletopEnv(str(file), image_size=64)
    _, info = env.reset(seed=0)
    assert [skill.verb for skill in info["skills"]] == ["open", "grasp", "place", "close"]
    env.close()


def test_a_class_of_a_module_is_a_task(file, monkeypatch, choice):
    monkeypatch.syspath_prepend(str(file.parent))
    try:
        assert make_task("clear_table:ClearTable", 3, choice).instruction.startswith("clear the ")
        with pytest.raises(
            UnknownNameError, match="unknown task of module clear_table 'Clear'; known: ClearTable"
        ):
            find_task("clear_table:Clear")
    finally:
        sys.modules.pop("clear_table", None)


def test_a_file_in_the_folder_of_tasks_is_found_without_a_list(file, monkeypatch):
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(file.parent)])
    try:
        assert set(tasks.discovered()) == {*TASKS, "cleartable"}
    finally:
        sys.modules.pop("vista_sim.tasks.clear_table", None)


def test_every_module_of_the_folder_is_a_task():
    assert set(TASKS) == {module.name for module in pkgutil.iter_modules(tasks.__path__)}


BAD = {
    "x = 1": "expected one class that derives from vista_sim.task.Task; found: none",
    CLEAR + "\n\nclass Other(ClearTable):\n    pass\n": "found: ClearTable, Other",
    "1 / 0": "ZeroDivisionError",
    "def (": "SyntaxError",
    "raise SystemExit(3)": "SystemExit",
}


@pytest.mark.parametrize("text", BAD)
def test_a_file_that_is_no_task_says_why(tmp_path, text):
    path = tmp_path / "odd.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"(?s)odd\.py.*{BAD[text]}"):
        find_task(str(path))


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.py does not exist"):
        find_task(str(tmp_path / "gone.py"))
    with pytest.raises(ConfigError, match="module 'no_such_module' cannot be imported"):
        find_task("no_such_module:Task")
    with pytest.raises(ConfigError, match="expected module:Class"):
        find_task(":Task")


def test_a_skill_that_the_scene_has_not_is_refused(tmp_path, choice):
    path = tmp_path / "wrong.py"
    path.write_text(CLEAR.replace('carry(thing, Relation.IN, "drawer")', 'carry(thing, Relation.IN, "tray")'))
    with pytest.raises(
        UnknownNameError, match=r"unknown subtask 'place the .* in the tray'; known: open the"
    ):
        make_task(str(path), 0, choice)
