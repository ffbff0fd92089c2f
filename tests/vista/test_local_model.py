"""Models of transformers as planner and critic: tiny ones that always say the same, made here."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
import torch

from tests import mocks, tiny_pipelines
from tests.conformance.implementations import observation
from vista.errors import ConfigError, ModelMismatchError
from vista.planner.language.answers import MalformedAnswerError
from vista.planner.language.model import LanguageModelError, Prompt
from vista.planner.local import (
    TransformersConfig,
    TransformersCritic,
    TransformersModel,
    TransformersPlanner,
    TransformersPreprocessor,
    TransformersSettings,
)
from vista.types import Done, Impossible, Subtask

TOLD = "put the blue mug in the tray"
OBS = observation(mocks.mock_spec())
ASK = Prompt("be brief", "what next?")
SAYS = "grasp the blue mug"


def model(folder, **more) -> TransformersModel:
    return TransformersModel.from_settings(TransformersSettings(str(folder), **more))


@pytest.mark.parametrize("template", [True, False])
def test_a_text_model_says_the_next_step(tmp_path, template):
    planner = TransformersPlanner.from_pretrained(
        tiny_pipelines.language_model(tmp_path, SAYS, template=template)
    )
    assert planner.next(OBS, TOLD, ()) == Subtask.said(SAYS, 0)


def test_an_end_is_understood(tmp_path):
    done = tiny_pipelines.language_model(tmp_path / "done", "done")
    assert isinstance(TransformersPlanner.from_pretrained(done).next(OBS, TOLD, ()), Done)
    refusal = tiny_pipelines.language_model(tmp_path / "refusal", "impossible : no mug is seen")
    assert isinstance(TransformersPlanner.from_pretrained(refusal).next(OBS, TOLD, ()), Impossible)


def test_a_seeing_model_is_shown_every_camera(tmp_path):
    planner = TransformersPlanner.from_pretrained(tiny_pipelines.seeing_model(tmp_path, SAYS))
    shown = []
    generate = planner._model._model.generate

    def watched(**inputs):
        shown.append(inputs["pixel_values"].shape)
        return generate(**inputs)

    planner._model._model.generate = watched
    assert planner.next(OBS, TOLD, ()).text == SAYS
    assert shown == [(len(OBS.images), 3, 32, 32)]


def test_half_precision_and_a_compiled_network_say_the_same(tmp_path):
    """The branches that CUDA takes, on the CPU; the graph is captured, code is not generated."""
    folder = tiny_pipelines.language_model(tmp_path, SAYS)
    assert model(folder)._model.dtype is torch.float32
    half = model(folder, precision="bfloat16")
    assert half._model.dtype is torch.bfloat16
    assert half.answer(ASK, timeout_s=60) == SAYS
    compiled = model(folder, compiled=True, backend="eager")
    assert compiled._model._compiled_call_impl is not None
    assert compiled.answer(ASK, timeout_s=240) == SAYS


def test_an_answer_without_end_is_malformed_and_a_late_one_is_an_error(tmp_path):
    folder = tiny_pipelines.language_model(tmp_path, "grasp the blue mug in the", ends=False)
    with pytest.raises(MalformedAnswerError, match="cut off after 20 tokens"):
        model(folder, max_tokens=20).answer(ASK, timeout_s=240)
    with pytest.raises(LanguageModelError, match="no answer within"):
        model(folder, max_tokens=3000).answer(ASK, timeout_s=0.05)


def test_whoever_waits_too_long_for_the_model_is_told_so(tmp_path):
    made = model(tiny_pipelines.language_model(tmp_path, SAYS))
    made._lock.acquire()
    with pytest.raises(LanguageModelError, match="busy"):
        made.answer(ASK, timeout_s=0.1)
    made._lock.release()
    said = []
    threads = [threading.Thread(target=lambda: said.append(made.answer(ASK, timeout_s=60))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert said == [SAYS] * 3


def test_sampling_depends_on_the_seed_alone(tmp_path):
    folder = tiny_pipelines.language_model(tmp_path, SAYS)
    made = model(folder)
    with torch.no_grad():
        made._model.lm_head.weight.mul_(0.1)  # less sure of itself
    state = torch.random.get_rng_state()

    def say(seed):
        try:
            return made.answer(ASK, temperature=1.0, seed=seed, timeout_s=240)
        except MalformedAnswerError as error:
            return str(error)

    said = [say(seed) for seed in (1, 2, 3, 1, 2, 3)]
    assert said[:3] == said[3:]
    assert len(set(said)) > 1
    assert torch.equal(torch.random.get_rng_state(), state), "nobody else's noise is touched"


def test_critic_and_preprocessor_by_a_model_of_ones_own(tmp_path):
    folder = tiny_pipelines.language_model(tmp_path, "no : the mug is in a tray")
    config = TransformersConfig(
        TransformersSettings(str(folder)), critic_timeout_s=60, preprocessor_timeout_s=60
    )
    critic = TransformersCritic.from_config(config)
    assert critic.review(OBS, TOLD, Subtask(SAYS), ()) == "the mug is in a tray"
    digest = TransformersPreprocessor.from_config(config).digest(OBS, TOLD, ())
    assert digest.missing == ()
    assert digest.queries == (TOLD, "no : the mug is in a tray")


def test_thoughts_of_a_model_of_ones_own_are_no_answer(tmp_path):
    made = model(tiny_pipelines.language_model(tmp_path, SAYS))
    decode = {"text": ""}
    made._tokenizer = type("Tokenizer", (), {
        "pad_token_id": 0, "eos_token_id": 1, "decode": lambda *_, **__: decode["text"],
    })()  # fmt: skip
    decode["text"] = f"<think>no: never</think> {SAYS}"
    assert made.answer(ASK, timeout_s=60) == SAYS
    decode["text"] = "<think>no: never"
    with pytest.raises(MalformedAnswerError, match="thought aloud and then gave no answer"):
        made.answer(ASK, timeout_s=60)


def test_whatever_a_model_raises_is_told_in_one_line(tmp_path):
    made = model(tiny_pipelines.language_model(tmp_path, SAYS))

    def broken(**_):
        raise KeyError("lost \ud800 surrogate\nand a line")

    made._model.generate = broken
    with pytest.raises(LanguageModelError, match="the language model failed: KeyError") as caught:
        made.answer(ASK, timeout_s=60)
    assert str(caught.value).isprintable()


def test_what_is_no_language_model_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        model(tmp_path / "nowhere")
    width = tiny_pipelines.clip_text(100)
    width.save_pretrained(tmp_path / "clip")
    with pytest.raises(ModelMismatchError, match="writes no text"):
        model(tmp_path / "clip")
    folder = tiny_pipelines.language_model(tmp_path / "torn", SAYS)
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights.pop("lm_head.weight")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelMismatchError, match=r"lack lm_head\.weight"):
        model(folder)
    with pytest.raises(ConfigError):
        TransformersSettings("x", precision="int3")
