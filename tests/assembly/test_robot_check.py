"""``vista robot check``: a contract that its kinematics contradict is refused, with the reason."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from vista.assembly.robot_check import Checked, Finding, check_contract, refused
from vista.cli.main import main
from vista.files.resources import resource_path
from vista.robot.contract import known_robots

PANDA = yaml.safe_load(resource_path("config/robots/panda.yaml").read_text())


def checked(tmp_path: Path, changes: Mapping[str, object]) -> dict[str, Checked]:
    """The rows of the Panda's contract with ``changes`` {key/key: value}."""
    data = copy.deepcopy(PANDA)
    for path, value in changes.items():
        *way, last = path.split("/")
        entry: Any = data
        for step in way:
            entry = entry[step]
        entry[last] = value
    shutil.copy(resource_path("config/robots/panda.xml"), tmp_path)
    (tmp_path / "arm.yaml").write_text(yaml.safe_dump(data))
    return {row.what: row for row in check_contract(tmp_path / "arm.yaml")}


@pytest.mark.parametrize("name", known_robots())
def test_what_ships_passes(name: str):
    rows = check_contract(name)
    assert not refused(rows), rows


@pytest.mark.parametrize(
    ("changes", "row", "said"),
    [
        ({"joints/joint1/velocity": -1}, "contract", "line"),
        ({"kinematics": "none.xml"}, "kinematics", "none.xml does not exist"),
        ({"kinematics": "arm.yaml"}, "kinematics", "arm.yaml"),
        ({"end_effector": {"site": "tip"}}, "kinematics", "tip"),
        ({"joints/joint1/limits": [-3.1, 2.8]}, "limits", "joint1 [-3.1, 2.8], in the file [-2.897, 2.897]"),
        ({"joints/joint7": {"continuous": True, "velocity": 1.0}}, "limits", "joint7 continuous"),
        ({"home": [1.5, 0.1, 0.0, -2.1, 0.0, 2.2, 0.785]}, "home", "outside the workspace"),
        ({"workspace": [[0.2, -0.45, 0.01], [2.0, 0.45, 2.0]]}, "reach", "% of 125 points"),
        ({"withdraw": {"height_m": 0.7}}, "withdraw", "height_m 0.7 m above the top of the workspace"),
    ],
)
def test_a_contradiction_is_told_in_its_row(
    tmp_path: Path, changes: Mapping[str, object], row: str, said: str
):
    rows = checked(tmp_path, changes)
    assert rows[row].finding is Finding.WRONG
    assert said in rows[row].said
    assert refused(tuple(rows.values()))


def test_a_joint_that_the_file_lacks_is_named(tmp_path: Path):
    joints = {f"{name}x": each for name, each in PANDA["joints"].items()}
    assert "joint1x" in checked(tmp_path, {"joints": joints})["kinematics"].said


def test_models_of_another_arm_are_told_and_are_no_reason_against_it(tmp_path: Path):
    rows = checked(tmp_path, {"name": "my_arm"})
    assert rows["models"].finding is Finding.NOTE
    assert "executor" in rows["models"].said
    assert "accepts_models_of: [panda]" in rows["models"].said
    assert not refused(tuple(rows.values()))
    rows = checked(tmp_path, {"name": "my_arm", "accepts_models_of": ["panda"]})
    assert {row.finding for row in rows.values()} == {Finding.OK}


def test_the_command_prints_a_row_a_check_and_a_verdict(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["robot", "check", "panda"]) == 0
    told = capsys.readouterr().out
    assert "accepted: panda" in told
    assert "reach" in told
    assert main(["robot", "check", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml does not exist" in capsys.readouterr().out
    assert main(["robot", "check", "kuka"]) == 1
    assert "panda" in capsys.readouterr().out
