"""Weights that are torn, pickled or of another network are refused by the name of their file."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")
import torch
from safetensors.torch import load_file, save_file

from tests import tiny, tiny_pipelines
from vista.assembly.large_models import policies
from vista.errors import ConfigError, ModelMismatchError
from vista.executor.lerobot.client import LeRobotPolicy
from vista.learning.pretrained import load_network
from vista.learning.weight_files import problem_in_model
from vista.planner.head import HeadPlanner
from vista.planner.local import TransformersModel, TransformersSettings
from vista.planner.network import PlannerHead
from vista.world_model.diffusers_adapter import DiffusersWorldModel

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


class Evil:
    """Leaves a mark in the folder ``mark`` when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.mkdir, (self.mark,))


def evil(mark: Path) -> bytes:
    return pickle.dumps(Evil(mark))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    tiny.planner_net().save_pretrained(folder)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "planner"))


def refusal(folder: Path) -> str:
    with pytest.raises(ModelMismatchError) as caught:
        load_network(PlannerHead, folder, "planner")
    said = str(caught.value)
    assert said.isprintable()
    assert "does not hold a PlannerHead" in said
    return said


def test_a_whole_folder_loads(folder: Path):
    assert problem_in_model(folder) is None
    assert isinstance(load_network(PlannerHead, folder, "planner"), PlannerHead)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda raw: b"", "is empty"),
        (lambda raw: raw[:5], "is torn"),
        (lambda raw: raw[:1000], "is torn"),
        (lambda raw: raw[:-1], "is torn"),
        (lambda raw: raw + b"x", "is torn"),
        (lambda raw: POINTER, "is a pointer of Git LFS"),
        (lambda raw: b"\xff" * 8 + raw[8:], "is torn"),
        (lambda raw: raw[:8] + b"[" + raw[9:], "is torn"),
        (lambda raw: b"<html>not found</html>", "is torn"),
    ],
)
def test_torn_weights_are_named(folder: Path, spoil: Callable[[bytes], bytes], said: str):
    file = folder / "model.safetensors"
    file.write_bytes(spoil(file.read_bytes()))
    told = refusal(folder)
    assert str(file) in told
    assert said in told


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (POINTER, "is a pointer of Git LFS"),
        (b'{"words": [', "is no JSON, or torn"),
        (b"[1, 2]", "holds a list, expected an object"),
        (b"null", "holds a NoneType, expected an object"),
        (b"\xff\xfe", "no UTF-8 at byte 0"),
        (b"[" * 100_000, "config.json"),
        (b'{"transformers_weights": "adapter_model.bin"}', "only *.safetensors are loaded"),
        (b'{"transformers_weights": "../x.safetensors"}', "from the same folder"),
        (b'{"image_size": "large"}', "planner"),
        (b'{"image_size": -8}', "planner"),
        (b'{"width": 0}', "planner"),
        (b'{"width": 1e400}', "planner"),
        (b'{"words": 5}', "planner"),
        (b'{"camera": []}', "config.json: camera is [], expected str"),
        (b'{"camera": 5}', "config.json: camera is 5, expected str"),
    ],
)
def test_a_torn_or_hostile_configuration_is_named(folder: Path, content: bytes, said: str):
    file = folder / "config.json"
    known = json.loads(file.read_bytes())
    try:
        change = json.loads(content)
        content = json.dumps({**known, **change}).encode() if isinstance(change, dict) else content
    except (ValueError, RecursionError):
        pass
    file.write_bytes(content)
    assert said in refusal(folder)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.pt", "weights.pth", "model.ckpt", "model.pkl", "MODEL.BIN"]
)
def test_a_pickle_is_refused_by_name_and_never_read(folder: Path, tmp_path: Path, name: str):
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(evil(tmp_path / "mark"))
    told = refusal(folder)
    assert str(folder / name) in told
    assert "only *.safetensors are loaded" in told
    assert not (tmp_path / "mark").exists()


def test_a_state_dict_of_torch_is_refused_as_well(folder: Path):
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    assert "pytorch_model.bin is a pickle" in refusal(folder)


def test_a_pickle_beside_safetensors_is_left_alone(folder: Path, tmp_path: Path):
    (folder / "pytorch_model.bin").write_bytes(evil(tmp_path / "mark"))
    load_network(PlannerHead, folder, "planner")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("target", ["pytorch_model.bin", "../other.safetensors", "absent.safetensors", 5])
def test_an_index_names_safetensors_that_are_there(folder: Path, target: object):
    weights = folder / "model.safetensors"
    (folder / "pytorch_model.bin").write_bytes(b"x")
    names = dict.fromkeys(load_file(weights), target)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    weights.rename(folder / "part.safetensors")
    assert "model.safetensors.index.json names the weights" in refusal(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(folder: Path, value: float):
    weights = load_file(folder / "model.safetensors")
    name = sorted(k for k, v in weights.items() if v.is_floating_point())[0]
    weights[name].view(-1)[0] = value
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert f"the weight {name} holds NaN or infinity" in refusal(folder)


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b", "", "\ud800"])
def test_a_name_that_no_folder_can_have_is_no_model(name: str):
    for load in (
        HeadPlanner.from_pretrained,
        LeRobotPolicy.from_pretrained,
        DiffusersWorldModel.from_pretrained,
    ):
        with pytest.raises((ConfigError, ModelMismatchError)):
            load(name)
    with pytest.raises((ConfigError, ModelMismatchError)):
        TransformersModel.from_settings(TransformersSettings(name))


def test_an_empty_folder_and_a_file_are_no_model(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    for nothing in (tmp_path, tmp_path / "file", tmp_path / "absent"):
        with pytest.raises(ConfigError, match="no model in"):
            HeadPlanner.from_pretrained(nothing)


# --- models of others


def test_a_language_models_folder_is_looked_into_first(tmp_path: Path):
    made = tiny_pipelines.language_model(tmp_path / "model", "done")
    weights = (made / "model.safetensors").read_bytes()
    for spoilt, said in ((weights[:-3], "is torn"), (b"", "is empty"), (POINTER, "Git LFS")):
        (made / "model.safetensors").write_bytes(spoilt)
        with pytest.raises(ModelMismatchError, match="model.safetensors " + said.replace("Git", ".*Git")):
            TransformersModel.from_settings(TransformersSettings(str(made)))
    (made / "model.safetensors").unlink()
    (made / "pytorch_model.bin").write_bytes(evil(tmp_path / "mark"))
    with pytest.raises(ModelMismatchError, match=r"pytorch_model\.bin is a pickle"):
        TransformersModel.from_settings(TransformersSettings(str(made)))
    assert not (tmp_path / "mark").exists()
    (made / "pytorch_model.bin").unlink()
    (made / "config.json").write_text("[]")
    with pytest.raises(ModelMismatchError, match=r"config\.json holds a list"):
        TransformersModel.from_settings(TransformersSettings(str(made)))


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path):
    made = tiny_pipelines.language_model(tmp_path / "model", "done")
    mark = tmp_path / "mark"
    (made / "evil.py").write_text(
        f"from pathlib import Path\nPath({str(mark)!r}).mkdir()\nclass Evil: pass\n"
    )
    config = json.loads((made / "config.json").read_text())
    config |= {
        "model_type": "evil",
        "auto_map": {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Evil"},
    }
    (made / "config.json").write_text(json.dumps(config))
    with pytest.raises((ModelMismatchError, ConfigError)):
        TransformersModel.from_settings(TransformersSettings(str(made)))
    assert not mark.exists()


def test_a_pipelines_parts_are_looked_into_first(tmp_path: Path):
    pytest.importorskip("diffusers")
    made = tiny_pipelines.diffusion_pipeline(tmp_path / "pipeline", "edit")
    (weights,) = (made / "unet").glob("*.safetensors")
    raw = weights.read_bytes()
    weights.write_bytes(raw[:-7])
    with pytest.raises(ModelMismatchError, match=f"unet/{weights.name} is torn"):
        DiffusersWorldModel.from_pretrained(made)
    weights.unlink()
    (made / "unet" / "diffusion_pytorch_model.bin").write_bytes(evil(tmp_path / "mark"))
    with pytest.raises(ModelMismatchError, match=r"diffusion_pytorch_model\.bin is a pickle"):
        DiffusersWorldModel.from_pretrained(made)
    assert not (tmp_path / "mark").exists()
    (made / "model_index.json").write_text('{"_class_name":')
    with pytest.raises(ModelMismatchError, match=r"model_index\.json is no JSON, or torn"):
        DiffusersWorldModel.from_pretrained(made)


def test_a_lerobot_checkpoint_is_looked_into_before_a_server_is_started(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"type": "act", "input_features": {}}))
    (tmp_path / "model.safetensors").write_bytes(POINTER)
    with pytest.raises(ModelMismatchError, match=r"model\.safetensors is a pointer of Git LFS"):
        LeRobotPolicy.from_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelMismatchError, match=r"pytorch_model\.bin is a pickle"):
        policies()["lerobot"]({"checkpoint": str(tmp_path)}, "a file")
