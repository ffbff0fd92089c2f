"""What a robot did and saw in the simulator, asked over MCP by the client of the official SDK."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")
pytest.importorskip("mujoco")
pytest.importorskip("unified_planning")

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from robomemory import HashingEmbedder, RoboMemory
from vista import Refs, load_parts, run_task
from vista_sim import simulate
from vista_sim.scenes.scene import TRAY_RADIUS

ROOT = Path(__file__).resolve().parents[2]
SCRIPTED = Refs(
    planner="fresh", policy="scripted", world_model="mock", detector="oracle", switcher="scripted"
)
SEEN_M = 0.02
"""How far a sighting may be from the truth: a nearer one than this adds no record."""


def asked(file: Path, question: str, *options: str) -> dict[str, Any]:
    """The structured answer of a server process to ``question``."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "vista.cli", "memory", "serve", str(file), *options], cwd=ROOT,
        env={"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "sim"), str(ROOT / "bench")))},
    )  # fmt: skip

    async def run() -> dict[str, Any]:
        with file.with_suffix(".log").open("w") as log, anyio.fail_after(90):
            async with Client(stdio_client(server, errlog=log)) as client:
                result = await client.call_tool("ask", {"question": question})
                assert not result.is_error, result.content[0].text
                return result.structured_content

    return anyio.run(run)


def test_where_since_when_and_who_of_a_task_in_the_simulator(tmp_path: Path):
    file = tmp_path / "kitchen.sqlite3"
    with (
        RoboMemory(file, embedder=HashingEmbedder()) as memory,
        simulate("pick_place", seed=1, target="red mug") as sim,
        load_parts(sim.robot, refs=SCRIPTED, oracle=sim.oracle, memory=memory) as parts,
    ):
        result = run_task(parts, sim.instruction)
        assert str(result.outcome) == "success"
        world = sim.robot.world
        truth = world.object_pose(world.index("red mug"))[:3, 3]
        end_s = memory.now().ns / 1e9
    answer = asked(file, "where is the red mug, since when, who saw it", "--embedder", "hashing")
    (mug,) = answer["candidates"]
    assert math.dist(mug["position"], truth) < SEEN_M
    assert mug["facts"] == ["red mug in tray"]
    where, since, who = answer["parts"]
    assert (where["kind"], since["kind"], who["kind"]) == ("where", "since when", "who")
    placed = [r for r in result.subtasks if r.subtask.skill is not None and r.subtask.skill.verb == "place"]
    assert placed[-1].start_s <= since["moment_s"] <= end_s
    tellers = {t["source"]: t for t in answer["tellers"]}
    assert set(tellers) == {"detector", "planner"}
    assert tellers["detector"]["saw"] >= 2
    assert tellers["detector"]["last_s"] == end_s
    before = asked(file, "where was the red mug before? what did you do last?", "--embedder", "hashing")
    assert "gripper" in {s["holder"] for s in before["stays"]}
    assert before["found"][0]["kind"] == "temporal"


@pytest.mark.long
@pytest.mark.ros
@pytest.mark.timeout(400)
def test_where_since_when_and_who_of_a_demo(tmp_path: Path):
    pytest.importorskip("rclpy")
    pytest.importorskip("vista_msgs")
    from vista.cli.shared.scene_arguments import scene_of
    from vista.graph.running import free_domain
    from vista.graph.table import load_stack

    words = [sys.executable, "-m", "vista.cli", "demo", "--memory-folder", str(tmp_path / "memory")]
    words += ["--runs", str(tmp_path / "runs"), "--domain", str(free_domain())]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr  # the simulator confirms it
    (report,) = (tmp_path / "runs").glob("*/result.json")
    seconds = json.loads(report.read_text())["seconds"]
    (file,) = (tmp_path / "memory").glob("*.sqlite3")
    answer = asked(file, "where is the blue mug, since when, who saw it")
    (mug,) = answer["candidates"]
    truth = scene_of(load_stack().chosen({"target": "blue mug"})).scene
    assert math.dist(mug["position"][:2], truth.tray) < TRAY_RADIUS
    where, since, who = answer["parts"]
    assert where["known"]
    assert who["known"]
    assert 0 < since["moment_s"] - (mug["last_seen_s"] - seconds) <= seconds + 1
    assert "detector" in {t["source"] for t in answer["tellers"] if t["saw"] > 0}
