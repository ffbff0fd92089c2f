"""Loads a network's folder, and refuses weights that are not all of its own.

``from_pretrained`` only warns when weights are missing and goes on with random ones: an arm would move by
chance.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError

from vista.errors import ConfigError, ModelMismatchError

Network = TypeVar("Network")
PRECISIONS = ("auto", "float32", "float16", "bfloat16")


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
            configuration.
    """
    if not (Path(folder) / "config.json").is_file():
        raise ConfigError(f"{part}: no model in {folder} (config.json and a *.safetensors file expected)")
    loader: Any = network
    try:
        model, info = loader.from_pretrained(
            str(folder), local_files_only=True, output_loading_info=True, **{dtype_argument: torch.float32}
        )
    except (
        SafetensorError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, OSError,
    ) as error:  # fmt: skip
        raise ModelMismatchError(f"{part}: {folder} does not hold a {network.__name__}: {error}") from error
    for kind, verb in (
        ("missing_keys", "lack"),
        ("unexpected_keys", "hold"),
        ("mismatched_keys", "differ in"),
    ):
        if keys := sorted(str(k[0] if isinstance(k, tuple) else k) for k in info[kind]):
            raise ModelMismatchError(
                f"{part}: {folder} does not hold a {network.__name__} of its own configuration: "
                f"the weights {verb} {keys[0]} ({len(keys)} such)"
            )
    loaded: Network = model.eval()
    return loaded


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
