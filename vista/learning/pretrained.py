"""Loads a network's folder, and refuses weights that do not fit the network.

``from_pretrained`` only warns when weights are missing and goes on with random ones: an arm would move by
chance.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from vista.errors import ConfigError, ModelMismatchError
from vista.learning.weight_files import problem_in_model
from vista.messages.plain_text import plain

Network = TypeVar("Network")
PRECISIONS = ("auto", "float32", "float16", "bfloat16")


@contextmanager
def without_progress_bar() -> Iterator[None]:
    """Hide the progress bars of transformers: weights of a few megabytes load at once."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def load_network(
    network: type[Network], folder: str | Path, part: str, *, dtype_argument: str = "dtype"
) -> Network:
    """The ``network`` in ``folder``, in single precision, on the CPU.

    Args:
        network: A transformers or diffusers model class.
        part: What is loaded, in words, for messages ("executor").
        dtype_argument: What the library calls the precision.

    Raises:
        ConfigError: ``folder`` holds no model. ModelMismatchError: weights of another network or
            configuration, weights with NaN or infinity, a torn file, or a pickle in the place of safetensors;
            the file is named.
    """
    if not os.path.isfile(Path(folder) / "config.json"):
        raise ConfigError(f"{part}: no model in {folder} (config.json and a *.safetensors file expected)")
    who = f"{part}: {folder} does not hold a {network.__name__}"
    if (problem := problem_in_model(Path(folder))) is not None:
        raise ModelMismatchError(f"{who}: {problem}")
    loader: Any = network
    try:
        with without_progress_bar():
            model, info = loader.from_pretrained(
                str(folder), local_files_only=True, output_loading_info=True, use_safetensors=True,
                **{dtype_argument: torch.float32},
            )  # fmt: skip
    except Exception as error:  # a configuration may hold any value, and a library raise anything for it
        raise ModelMismatchError(f"{who}: {type(error).__name__}: {plain(str(error), 600)}") from error
    for kind, verb in (
        ("missing_keys", "lack"),
        ("unexpected_keys", "hold"),
        ("mismatched_keys", "differ in"),
    ):
        if keys := sorted(str(k[0] if isinstance(k, tuple) else k) for k in info[kind]):
            raise ModelMismatchError(
                f"{who} of its own configuration: the weights {verb} {keys[0]} ({len(keys)} such)"
            )
    if (odd := _odd_entry(network, model)) is not None:
        raise ModelMismatchError(f"{who}: {Path(folder) / 'config.json'}: {odd}")
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelMismatchError(f"{who}: the weight {name} holds NaN or infinity")
    loaded: Network = model.eval()
    return loaded


def _odd_entry(network: type, model: Any) -> str | None:
    """The entry of a model's configuration that is of another type than its default; None if none is.

    Sizes show by the weights; a name, or a number that no weight depends on, would fail at the first step.
    """
    made_by = getattr(network, "config_class", None) or network
    for name, entry in inspect.signature(made_by).parameters.items():
        default, value = entry.default, getattr(model.config, name, entry.default)
        if default is inspect.Parameter.empty or default is None or value is None:
            continue
        if isinstance(default, list | tuple):
            each = next(iter(default), "")
            right = isinstance(value, list | tuple) and all(_like(each, item) for item in value)
            wanted = f"a list of {type(each).__name__}"
        else:
            right, wanted = _like(default, value), type(default).__name__
        if not right:
            return f"{name} is {plain(repr(value), 100)}, expected {wanted}"
    return None


def _like(default: object, value: object) -> bool:
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return type(value) is type(default) if isinstance(default, bool | int | str) else True


def best_device() -> str:
    """Where networks run: "cuda" where there is one, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def precision_for(device: str, wanted: str = "auto") -> torch.dtype:
    """The number format for ``device``: single on the CPU, half on CUDA (bfloat16 where the card has it)."""
    if wanted != "auto":
        return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[wanted]
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
