"""Parts come from what ships, folders, words and one's own classes; anything else is said in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vista.assembly import loading, references
from vista.errors import ConfigError, UnknownNameError, VistaError
from vista.guard import SafetyGuard
from vista.planner.scripted import ScriptedPlanner, plan_of
from vista.protocols import Memory, Planner, Policy, WorldModel
from vista.robot.contract import load_robot
from vista.skill import Relation, Skill, Verb
from vista.types import Done, Impossible, Observation, Subtask

GRASP, PLACE = Skill(Verb.GRASP, "blue mug"), Skill(Verb.PLACE, "blue mug", Relation.IN, "tray")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of the user's own, beside which the command is run."""
    (tmp_path / "my_parts.py").write_text(
        "from vista.types import ActionSpace\n"
        "class MyPolicy:\n"
        "    folder = ''\n"
        "    action_space = ActionSpace.EE_DELTA\n"
        "    def reset(self): ...\n"
        "    def predict_chunk(self, obs, subgoal): ...\n"
        "    @classmethod\n"
        "    def from_pretrained(cls, folder):\n"
        "        made = cls()\n"
        "        made.folder = folder\n"
        "        return made\n"
        "class Half:\n"
        "    def reset(self): ...\n"
        "class Broken:\n"
        "    def __init__(self):\n"
        "        raise RuntimeError('no camera')\n"
        "number = 7\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"] + [p for p in __import__("sys").path if p])
    monkeypatch.delitem(__import__("sys").modules, "my_parts", raising=False)
    return tmp_path


def test_ones_own_class_is_found_beside_the_caller(own: Path):
    part = loading.load_policy("my_parts:MyPolicy")
    assert isinstance(part, Policy)
    (own / "weights").mkdir()
    assert loading.load_policy("my_parts:MyPolicy@weights").folder == "weights"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("my_parts:Half", "Half is not a Policy: it lacks action_space, predict_chunk"),
        ("my_parts:Broken", "Broken() failed: RuntimeError: no camera"),
        ("my_parts:number", "number is not a class"),
        ("my_parts:Missing", "known: MyPolicy, Half, Broken"),
        ("my_parts:Half@.", "has no from_pretrained"),
        ("my_parts:MyPolicy@nowhere", "the folder nowhere does not exist"),
        ("no_such_module:Policy", "cannot be imported"),
        (":Policy", "expected module:Class"),
        ("./nowhere", "the folder ./nowhere does not exist"),
        ("nonsense", "known: long, scripted, mock, a model folder"),
        ("scripted", "reads the simulator's truth"),
    ],
)
def test_a_bad_reference_is_named_with_what_is_allowed(own: Path, ref: str, said: str):
    with pytest.raises(VistaError) as caught:
        loading.load_policy(ref)
    assert said in str(caught.value)


def test_a_folder_of_another_model_is_refused(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["GoalVLA"]}))
    with pytest.raises(ConfigError, match="holds a GoalVLA; expected PlannerHead"):
        loading.load_planner(tmp_path)
    with pytest.raises(ConfigError, match="expected GoalImagePipeline"):
        loading.load_world_model(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="not a model's configuration"):
        loading.load_policy(tmp_path)
    with pytest.raises(ConfigError, match="names a class"):
        loading.load_policy(tmp_path.parent)


def test_a_model_that_does_not_ship_says_what_makes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("vista.files.resources.resource_roots", lambda: (tmp_path,))
    with pytest.raises(ConfigError, match="'vista train world-model' makes one"):
        references.shipped("world_model")


def test_words_need_no_model():
    spec = load_robot("panda")
    assert isinstance(loading.load_policy("mock"), Policy)
    assert isinstance(loading.load_world_model("mock"), WorldModel)
    assert isinstance(loading.load_planner("scripted"), Planner)
    assert isinstance(loading.load_guard(spec), SafetyGuard)
    with pytest.raises(UnknownNameError, match="known: oracle"):
        loading.load_detector("truth", spec)


def test_a_memory_of_no_folder_is_empty_every_time(monkeypatch: pytest.MonkeyPatch):
    from robomemory.embed.embedder import HashingEmbedder

    monkeypatch.setattr(loading, "embedder", HashingEmbedder)
    with loading.open_memory() as memory:
        assert isinstance(memory, Memory)
        assert not memory.records()


def test_plans_follow_from_the_sentence():
    assert plan_of("Put the Blue Mug in the tray.") == (GRASP, PLACE)
    assert plan_of("sing a song") == ()


def observation(gripper: float, command: float) -> Observation:
    import numpy as np

    from vista.types import Pose

    pose = Pose(np.zeros(3), np.array([1.0, 0, 0, 0]))
    return Observation(1, {}, np.zeros(7, np.float32), np.zeros(7, np.float32), gripper, pose, command)


def test_the_scripted_planner_grasps_again_with_an_empty_hand():
    planner, told = ScriptedPlanner(), "put the blue mug in the tray"
    empty, full = observation(1.0, 1.0), observation(0.4, 0.0)
    planner.reset()
    assert planner.next(empty, told, ()) == Subtask(GRASP, 0)
    assert planner.next(full, told, ()) == Subtask(PLACE, 1)
    planner.reset()
    assert planner.next(full, told, ()) == Subtask(PLACE, 1)
    planner.reset()
    assert planner.next(empty, told, ()) == Subtask(GRASP, 0)
    assert isinstance(planner.next(full, told, ()), Subtask)
    assert isinstance(planner.next(empty, told, ()), Done)
    planner.reset()
    assert isinstance(planner.next(empty, "dance", ()), Impossible)
