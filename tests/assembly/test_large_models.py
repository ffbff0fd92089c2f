"""Folders of other libraries and settings files stand for parts, by the same references as all else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import mocks
from tests.chat_server import ChatServer
from tests.conformance.implementations import observation, panda
from tests.policy_server import Served, StandIn
from vista.assembly import large_models, loading
from vista.errors import ConfigError, UnknownNameError
from vista.protocols import Critic, Planner, Policy, Preprocessor
from vista.types import Subtask
from vista_bench.fingerprint import ref_digest


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_one_file_makes_planner_critic_and_preprocessor(tmp_path):
    pytest.importorskip("openai")
    with ChatServer("grasp the blue mug") as server:
        ref = write(
            tmp_path / "endpoint.yaml",
            f"type: endpoint\nendpoint: {{base_url: '{server.url}', model: tiny}}\n"
            "planner: {timeout_s: 60}\n",
        )
        planner, critic = loading.load_planner(ref), loading.load_critic(ref)
        assert isinstance(planner, Planner)
        assert isinstance(critic, Critic)
        assert isinstance(loading.load_preprocessor(ref), Preprocessor)
        assert not server.requests, "nothing is connected before the first question"
        step = planner.next(observation(mocks.mock_spec()), "put the blue mug in the tray", ())
    assert isinstance(step, Subtask)
    assert loading.load_critic(None) is None
    assert loading.load_preprocessor(None) is None


def test_a_policy_server_by_address(tmp_path):
    with Served(StandIn()) as served:
        ref = write(tmp_path / "policy.yaml", f"type: lerobot\naddress: {served.address}\ntimeout_s: 60\n")
        policy = loading.load_policy(ref)
        assert isinstance(policy, Policy)
        obs = observation(panda())
        from tests.conformance.implementations import POLICIES, subgoal

        assert policy.predict_chunk(obs, subgoal(POLICIES[0], obs)).actions.shape[1] == 8


def test_a_lerobot_checkpoint_is_known_by_its_configuration(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text(json.dumps({"type": "act", "input_features": {}}))
    monkeypatch.setattr("vista.executor.lerobot.process.resource_roots", lambda: ())
    monkeypatch.delenv("VISTA_LEROBOT_PYTHON", raising=False)
    with pytest.raises(ConfigError, match=r"\./run setup lerobot"):
        loading.load_policy(tmp_path)


def test_other_libraries_folders_are_known_by_their_class(tmp_path):
    for package in ("torch", "transformers", "diffusers"):
        pytest.importorskip(package)
    from tests import tiny_pipelines
    from vista.planner.local import TransformersPlanner
    from vista.world_model.diffusers_adapter import DiffusersWorldModel

    words = tiny_pipelines.language_model(tmp_path / "words", "done")
    edit = tiny_pipelines.diffusion_pipeline(tmp_path, "edit")
    assert isinstance(loading.load_planner(words), TransformersPlanner)
    assert isinstance(loading.load_world_model(edit), DiffusersWorldModel)
    ref = write(tmp_path / "world.yaml", "type: diffusers\nmodel: ./edit\nimage_size: 32\nsteps: 1\n")
    goal = loading.load_world_model(ref).imagine(observation(mocks.mock_spec()), Subtask("grasp the mug"))
    assert goal.images["front"].shape == (32, 32, 3)
    with pytest.raises(ConfigError, match="expected GoalImagePipeline"):
        loading.load_world_model(words)
    assert large_models.named_folders(ref) == [edit]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("type: llama\n", "known: endpoint, transformers"),
        ("base_url: x\n", "entry 'type'"),
        (
            "type: endpoint\nendpoint: {base_url: 'http://x/v1', model: m, speed: 3}\n",
            "'speed'; known: base_url",
        ),
    ],
)
def test_a_wrong_settings_file_is_named_with_what_is_allowed(tmp_path, text, said):
    with pytest.raises((ConfigError, UnknownNameError), match=said) as caught:
        loading.load_planner(write(tmp_path / "planner.yaml", text))
    assert "planner.yaml" in str(caught.value)
    with pytest.raises(ConfigError, match=r"missing\.yaml"):
        loading.load_planner(str(tmp_path / "missing.yaml"))


def test_a_bench_tells_settings_and_weights_apart(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model.safetensors").write_bytes(b"one")
    ref = write(tmp_path / "world.yaml", "type: diffusers\nmodel: ./weights\n")
    seen = {ref_digest(ref, "world_model")}
    (tmp_path / "weights" / "model.safetensors").write_bytes(b"two")
    seen.add(ref_digest(ref, "world_model"))
    write(tmp_path / "world.yaml", "type: diffusers\nmodel: ./weights\nsteps: 3\n")
    seen.add(ref_digest(ref, "world_model"))
    assert len(seen) == 3


def test_the_memory_asks_an_endpoint_about_conflicts(tmp_path):
    """The same settings file as for planner and critic; a server that is gone changes nothing."""
    from robomemory import Note
    from robomemory.errors import RoboMemoryError

    ref = write(
        tmp_path / "endpoint.yaml",
        "type: endpoint\nendpoint: {base_url: 'http://127.0.0.1:9/v1', model: tiny}\nresolver_timeout_s: 2\n",
    )
    with loading.open_memory(resolver=ref) as memory:
        for t, relation in enumerate(("leans on", "bolted to"), 1):
            memory.remember([Note("spatial", "a", t, triple=("ladder", relation, "wall"))])
        assert memory.settle(30)
        assert {str(f) for f in memory.scene().facts} == {"ladder leans on wall", "ladder bolted to wall"}
    resolve = loading.load_resolver(ref)
    with pytest.raises(RoboMemoryError, match=r"'tiny' at http://127\.0\.0\.1:9/v1: ConnectionRefusedError"):
        resolve(_a_graph())
    assert loading.load_resolver() is None
    assert loading.load_resolver("rules")(_a_graph()) == []
    with pytest.raises(UnknownNameError, match="gpt"):
        loading.load_resolver("gpt")


def _a_graph():
    from robomemory import LocalGraph

    return LocalGraph((), ())
