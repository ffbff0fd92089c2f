"""Checkpoints of a training: written whole or not at all; one that is torn is refused by its file's name."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from vista.errors import ConfigError
from vista.learning.weight_files import problem_in_json, problem_in_safetensors
from vista.messages.plain_text import plain

PARTS = ("model", "ema", "optimizer")
_ANEW = "delete the folder to start anew"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``step``: how many steps are done; ``losses`` of each; tensors of ``model``, ``ema``, ``optimizer``."""

    step: int
    losses: list[float]
    model: Mapping[str, Tensor]
    ema: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]


def write_checkpoint(folder: Path, found: Checkpoint) -> None:
    """Write a checkpoint; everything is there before anything of the last one is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.part").unlink(missing_ok=True)
    for name in PARTS:
        tensors = {k: v.contiguous() for k, v in getattr(found, name).items()}
        save_file(tensors, folder / f"{name}.part", {"step": str(found.step)})
    state = {"step": found.step, "losses": found.losses}
    (folder / "state.part").write_text(json.dumps(state), encoding="utf-8")
    _replace(folder)


def read_checkpoint(folder: Path, settings: Mapping[str, object], device: str) -> Checkpoint | None:
    """The checkpoint in ``folder``, its averages on ``device``; None if there is none.

    Raises:
        ConfigError: it belongs to other ``settings``, or one of its files is torn, of another step or no
            checkpoint's at all; the file is named.
    """
    if not os.path.isdir(folder):
        return None
    _finish(folder)
    if not (folder / "state.json").exists():
        return None
    known = _object(folder / "settings.json")
    if known != settings:
        other = [k for k in dict.fromkeys((*settings, *known)) if known.get(k) != settings.get(k)]
        had, wanted = ({k: entries.get(k) for k in other[:5]} for entries in (known, settings))
        raise ConfigError(
            f"{folder} holds a run with {plain(str(had), 400)}, not {plain(str(wanted), 400)}: {_ANEW}"
        )
    state = _object(folder / "state.json")
    step, losses = state.get("step"), state.get("losses")
    if type(step) is not int or not isinstance(losses, list) or not _as_many(losses, step):
        raise _torn(f"{folder / 'state.json'} holds no number of steps with as many finite losses")
    model, ema, optimizer = (
        _tensors(folder / f"{name}.safetensors", step, device if name == "ema" else "cpu") for name in PARTS
    )
    return Checkpoint(step, [float(x) for x in losses], model, ema, optimizer)


def _replace(folder: Path) -> None:
    for name in PARTS:
        if (folder / f"{name}.part").exists():
            os.replace(folder / f"{name}.part", folder / f"{name}.safetensors")
    os.replace(folder / "state.part", folder / "state.json")


def _finish(folder: Path) -> None:
    """Finish a save that was interrupted between two replacements; else the files are of two steps."""
    if problem_in_json(folder / "state.part") is not None:
        return
    step = json.loads((folder / "state.part").read_text(encoding="utf-8")).get("step")
    files = (
        part if (part := folder / f"{name}.part").exists() else folder / f"{name}.safetensors"
        for name in PARTS
    )
    if all(problem_in_safetensors(file) is None and _step_of(file) == str(step) for file in files):
        _replace(folder)


def _step_of(file: Path) -> str | None:
    with safe_open(file, framework="pt") as opened:
        return (opened.metadata() or {}).get("step")


def _object(file: Path) -> dict[str, object]:
    if (problem := problem_in_json(file)) is not None:
        raise _torn(problem)
    found: dict[str, object] = json.loads(file.read_text(encoding="utf-8-sig"))
    return found


def _tensors(file: Path, step: int, device: str) -> dict[str, Tensor]:
    if (problem := problem_in_safetensors(file)) is not None:
        raise _torn(problem)
    try:
        of = _step_of(file)
        found: dict[str, Tensor] = load_file(file, device=device)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise _torn(f"{file}: {plain(str(error), 200)}") from error
    if of is not None and of != str(step):  # older checkpoints do not say
        raise _torn(f"{file} is of step {plain(of, 20)}, state.json of step {step}")
    for name, tensor in found.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise _torn(f"{file}: {plain(name, 80)} holds NaN or infinity")
    return found


def _as_many(losses: list[object], step: int) -> bool:
    """Whether there are ``step`` losses, all of them finite numbers."""
    return len(losses) == step and all(type(x) in (int, float) and math.isfinite(x) for x in losses)  # type: ignore[arg-type]


def _torn(what: str) -> ConfigError:
    return ConfigError(f"checkpoint: {what}; {_ANEW}, or put a whole copy there")
