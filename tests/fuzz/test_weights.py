"""Files of weights, configurations and checkpoints with a flaw: they load as they are, or are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import strategies as st

pytest.importorskip("torch")
import torch

from tests import tiny
from tests.conformance.implementations import observation
from tests.fuzz.fuzzing import counts, explore
from tests.fuzz.hostile import texts, trees
from vista.errors import VistaError
from vista.learning.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from vista.planner.head import HeadPlanner
from vista.types import Done, Impossible, Subtask

KIND = "weight and checkpoint files"
SETTINGS = {"steps": 4, "lr": 0.1}

# Where, as a share of a file's length, and what happens there.
cuts = st.tuples(st.just("cut"), st.floats(0, 1), st.just(0))
flips = st.tuples(st.just("flip"), st.one_of(st.floats(0, 1), st.floats(0, 0.001)), st.integers(0, 7))
fills = st.tuples(st.just("fill"), st.floats(0, 1), st.integers(0, 255))
whole = st.tuples(st.just("whole"), st.just(0.0), st.integers(0, 3))
flaws = st.one_of(cuts, flips, flips, fills, whole)
entries = st.dictionaries(
    st.one_of(
        st.sampled_from(
            [
                "image_size", "camera", "words", "length", "width", "text_dim", "model_type", "architectures",
                "dtype", "transformers_weights", "auto_map", "quantization_config", "step", "losses",
                "name_or_path",
            ]
        ),
        texts,
    ),
    st.one_of(trees, st.integers(-3, 300), st.sampled_from(["float99", "bfloat16", "pytorch_model.bin"])),
    min_size=1, max_size=2,
)  # fmt: skip
CONTENTS = (b"", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", b"[]", b"\x80\x04K\x05.")


def spoil(file: Path, flaw: tuple[str, float, int]) -> None:
    what, where, how = flaw
    raw = bytearray(file.read_bytes())
    at = min(int(where * len(raw)), len(raw) - 1)
    if what == "cut":
        del raw[at:]
    elif what == "flip":
        raw[at] ^= 1 << how
    elif what == "fill":
        raw[at : at + 16] = bytes([how]) * 16
    else:
        raw = bytearray(CONTENTS[how])
    file.write_bytes(raw)


def change(file: Path, more: dict[object, object]) -> None:
    data = json.loads(file.read_bytes())
    text = json.dumps({**data, **{str(k): v for k, v in more.items()}}, default=str, skipkeys=True)
    file.write_bytes(text.encode("utf-8", "surrogatepass"))


def clean(error: VistaError, file: Path | None = None) -> None:
    said = str(error)
    assert said
    assert len(said.splitlines()) == 1, said
    assert len(said) < 3_000
    assert file is None or str(file.parent) in said, f"the place is missing: {said}"


@counts(24, 600)
def test_a_models_folder_with_a_flaw_is_refused_or_works(count: int, tmp_path: Path):
    folder = tmp_path / "whole"
    tiny.planner_net().save_pretrained(folder)
    text = tiny.text_encoder()
    obs = observation(tiny.panda())
    names = ("model.safetensors", "config.json")
    mutations = st.one_of(
        st.tuples(st.sampled_from(names), flaws), st.tuples(st.just("config.json"), entries)
    )

    def check(given: tuple[str, object]) -> None:
        name, flaw = given
        broken = tmp_path / "broken"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(folder, broken)
        if isinstance(flaw, dict):
            change(broken / name, flaw)
        else:
            spoil(broken / name, flaw)
        try:
            planner = HeadPlanner.from_pretrained(broken, text)
        except VistaError as error:
            clean(error, broken / name)
            return
        try:
            step = planner.next(obs, "put the blue mug in the tray", ())
        except VistaError as error:
            clean(error)
            return
        assert isinstance(step, Subtask | Done | Impossible)

    explore(KIND, mutations, check, count)


@counts(16, 400)
def test_a_checkpoint_with_a_flaw_is_refused_or_whole(count: int, tmp_path: Path):
    folder = tmp_path / "whole"
    tensors = {"a": torch.arange(6.0), "b": torch.ones(2, 3)}
    flat = {"0.step": torch.tensor(2.0), "0.exp_avg": torch.zeros(6)}
    written = Checkpoint(2, [0.5, 0.25], tensors, tensors, flat)
    write_checkpoint(folder, written)
    (folder / "settings.json").write_text(json.dumps(SETTINGS))
    tensor_files = ("model.safetensors", "ema.safetensors", "optimizer.safetensors")
    names = (*tensor_files, "state.json", "settings.json")
    mutations = st.one_of(
        st.tuples(st.sampled_from(names), flaws),
        st.tuples(st.sampled_from(["state.json", "settings.json"]), entries),
    )

    def check(given: tuple[str, object]) -> None:
        name, flaw = given
        broken = tmp_path / "broken"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(folder, broken)
        if isinstance(flaw, dict):
            change(broken / name, flaw)
        else:
            spoil(broken / name, flaw)
        try:
            found = read_checkpoint(broken, SETTINGS, "cpu")
        except VistaError as error:
            clean(error, broken / name)
            return
        assert found is not None, "a run that was begun is not taken for none"
        assert found.step == 2
        assert len(found.losses) == 2
        for read in (found.model, found.ema, found.optimizer):
            assert all(bool(torch.isfinite(v).all()) for v in read.values())

    explore(KIND, mutations, check, count)
