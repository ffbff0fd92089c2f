"""Editing pipelines of diffusers as world models: tiny ones with random weights, made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
import torch

from tests import mocks, tiny_pipelines
from tests.conformance.implementations import observation
from vista.errors import ConfigError, ImaginationError, ModelMismatchError, UnknownNameError
from vista.learning.pretrained import precision_for
from vista.types import Subtask
from vista.world_model.diffusers_adapter import (
    UNVERIFIED,
    DiffusersSettings,
    DiffusersWorldModel,
    central,
)

OBS = observation(mocks.mock_spec())
GRASP, PLACE = Subtask.said("grasp the blue mug"), Subtask.said("place the blue mug in the tray")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny_pipelines.diffusion_pipeline(tmp_path_factory.mktemp("pipelines"), "edit")


def model(folder: Path, **more) -> DiffusersWorldModel:
    return DiffusersWorldModel.from_settings(
        DiffusersSettings(str(folder), **{"image_size": 32, "steps": 2, **more})
    )


def image(world_model, seed=0, subtask=GRASP, obs=OBS):
    return world_model.imagine(obs, subtask, seed).images["front"].astype(int)


def test_the_image_depends_on_seed_words_and_scene(folder):
    made = model(folder, options={"guidance_scale": 5.0, "image_guidance_scale": 1.5})
    first = image(made, 3)
    assert first.shape == (32, 32, 3)
    assert np.abs(first - image(made, 3)).max() <= 1
    assert np.abs(first - image(made, 4)).mean() > 1
    assert np.abs(first - image(made, 3, PLACE)).max() > 1
    assert np.abs(first - image(made, 3, obs=observation(mocks.mock_spec(), seed=9))).mean() > 1


def test_candidates_are_one_batch_and_the_same_as_one_by_one(folder):
    """Batched or not: within one grey level."""
    many = model(folder, candidates=3)
    goal = many.imagine(OBS, GRASP, 2)
    assert goal.seed in (6, 7, 8)
    assert 0 < goal.score < 1
    alone = model(folder).imagine(OBS, GRASP, goal.seed)
    assert alone.score == UNVERIFIED
    assert np.abs(alone.images["front"].astype(int) - goal.images["front"]).max() <= 1
    calls = []
    whole = many._pipeline.__class__.__call__

    def watched(self, **k):
        calls.append(k["num_images_per_prompt"])
        return whole(self, **k)

    many._pipeline.__class__ = type("Watched", (type(many._pipeline),), {"__call__": watched})
    many.imagine(OBS, GRASP, 2)
    assert calls == [3]


def test_the_candidate_that_the_others_resemble_is_kept():
    flat = [np.full((4, 4, 3), v, np.uint8) for v in (100, 110, 250)]
    best, score = central(np.stack(flat))
    assert best == 1
    assert np.isclose(score, 1 - (10 + 140) / 2 / 255)


def test_a_pipeline_that_paints_from_text_becomes_one_that_edits(tmp_path):
    made = model(tiny_pipelines.diffusion_pipeline(tmp_path, "paint"), options={"strength": 0.5}, steps=4)
    assert type(made._pipeline).__name__ == "StableDiffusionImg2ImgPipeline"
    assert image(made).shape == (32, 32, 3)


def test_half_precision_stays_near_the_reference(folder):
    """bfloat16, here on the CPU: at most 12 grey levels in the mean from single precision (seen: below 3)."""
    assert precision_for("cpu") is torch.float32
    near = np.abs(image(model(folder, precision="bfloat16")) - image(model(folder))).mean()
    assert near < 12


def test_half_precision_is_what_a_gpu_gets(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert precision_for("cuda") is torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert precision_for("cuda:0") is torch.float16
    assert precision_for("cuda", "float32") is torch.float32


def test_the_compiled_network_gives_the_same_image(folder):
    """The graph is captured as on CUDA, here without code generation: within one grey level."""
    compiled = model(folder, compiled=True, backend="eager")
    assert compiled._pipeline.unet._compiled_call_impl is not None
    assert model(folder)._pipeline.unet._compiled_call_impl is None
    assert np.abs(image(compiled) - image(model(folder))).max() <= 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_stays_near_the_reference(folder):
    near = np.abs(image(model(folder, compiled=True)) - image(model(folder, device="cpu"))).mean()
    assert near < 12


def test_what_cannot_be_used_is_refused_and_named(folder, tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        model(tmp_path / "nowhere")
    with pytest.raises(UnknownNameError, match="strengh"):
        model(folder, options={"strengh": 0.5})
    (tmp_path / "model_index.json").write_text(
        json.dumps({"_class_name": "DDPMPipeline", "_diffusers_version": "0"})
    )
    with pytest.raises(ModelMismatchError, match="edits an image"):
        model(tmp_path)
    with pytest.raises(ModelMismatchError, match="camera 'side'; the observation has front, wrist"):
        model(folder, camera="side").imagine(OBS, GRASP)
    for wrong in ({"steps": 0}, {"candidates": 0}, {"precision": "int4"}, {"prompt": "do it"}):
        with pytest.raises(ConfigError):
            model(folder, **wrong)


def test_an_image_with_nan_never_becomes_a_goal(folder):
    made = model(folder, candidates=2)
    with torch.no_grad():
        made._pipeline.vae.decoder.conv_out.bias.fill_(float("nan"))
    with pytest.raises(ImaginationError, match="NaN"):
        made.imagine(OBS, GRASP)
