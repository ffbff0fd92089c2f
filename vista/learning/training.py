"""The training loop that every learned part shares: cosine rate, EMA, resumable checkpoints, a loss plot.

Batches are drawn from ``numpy`` generators seeded by (seed, step), so a run that was interrupted and resumed
sees the same batches as one that was not. Checkpoints are safetensors and JSON; nothing is pickled.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from tqdm import tqdm

from vista.errors import ConfigError, VistaError
from vista.learning.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from vista.messages.plain_text import plain

Model = TypeVar("Model", bound=nn.Module)
Batch = Mapping[str, Tensor]
LossFn = Callable[[nn.Module, Batch], tuple[Tensor, dict[str, float]]]
BatchFn = Callable[[np.random.Generator], Batch]


class DivergedError(VistaError, ArithmeticError):
    """A loss, a gradient or a weight is no finite number: what is trained is lost from this step on. The
    message holds the step, what is not finite, and where the last good checkpoint lies."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """``steps`` in all; ``lr`` peak of the cosine; ``ema`` decay; ``minutes``: stop, resumable, after that;
    ``precision``: "bf16", "no" (single), or "auto": bf16 where the hardware computes it; ``save_every``
    [steps]."""

    steps: int
    lr: float = 1e-3
    warmup: int = 50
    weight_decay: float = 0.01
    ema: float = 0.995
    seed: int = 0
    minutes: float | None = None
    precision: str = "auto"
    save_every: int = 200
    clip: float = 1.0


def native_precision() -> str:
    """ "bf16" on CUDA and on CPUs with AVX-512, else "no": without it a step in bf16 takes ten times as long
    as one in single precision (measured)."""
    wide = torch.cuda.is_available() or torch.backends.cpu.get_cpu_capability() not in ("DEFAULT", "AVX2")
    return "bf16" if wide else "no"


class Ema:
    """Running average of a model's weights; the average is what ships."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.shadow = {k: v.detach().clone() for k, v in model.state_dict().items()}

    def load(self, shadow: Mapping[str, Tensor]) -> None:
        """Go on with ``shadow``; raises ValueError unless it is of the same model."""
        if {k: v.shape for k, v in shadow.items()} != {k: v.shape for k, v in self.shadow.items()}:
            raise ValueError("the averaged weights (ema.safetensors) are those of another model")
        self.shadow = dict(shadow)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        # Young averages forget fast: otherwise the first, bad steps still weigh in after hundreds.
        decay = min(self.decay, (1 + step) / (10 + step))
        for k, v in model.state_dict().items():
            if v.dtype.is_floating_point:
                self.shadow[k].lerp_(v.detach().to(self.shadow[k].dtype), 1 - decay)
            else:
                self.shadow[k].copy_(v)


def _flat(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{i}.{name}": value.contiguous()
        for i, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def _restore(optimizer: torch.optim.Optimizer, flat: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in flat.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def plot_losses(losses: list[float], path: Path, title: str) -> None:
    """A loss curve (raw and smoothed) as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(losses, lw=0.4, alpha=0.4)
    if len(losses) > 50:
        kernel = np.ones(50) / 50
        axes.plot(np.arange(49, len(losses)), np.convolve(losses, kernel, "valid"), lw=1.5)
    axes.set(xlabel="step", ylabel="loss", title=title, yscale="log")
    figure.savefig(path, dpi=110)


def fit(
    model: Model, batch: BatchFn, loss: LossFn, config: TrainConfig, checkpoints: Path, title: str
) -> tuple[Model, list[float], bool]:
    """Train ``model`` in place; resumes from ``checkpoints`` if a run of the same length is there.

    Returns:
        The model with averaged weights, the losses so far, and whether all steps are done.

    Raises:
        ConfigError: the checkpoint belongs to another configuration, or one of its files is torn.
        DivergedError: a loss, gradient or weight is not finite; nothing of that step is saved.
    """
    # Accelerate keeps the first precision of a process for good; the next training may want another.
    AcceleratorState._reset_state()
    precision = native_precision() if config.precision == "auto" else config.precision
    accelerator = Accelerator(mixed_precision=precision)
    model.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    ema, start, losses = Ema(model, config.ema), 0, list[float]()
    settings = {k: v for k, v in asdict(config).items() if k not in ("minutes", "save_every")}
    kept = read_checkpoint(checkpoints, settings, str(accelerator.device))
    if kept is not None:
        start, losses = kept.step, kept.losses
        try:
            model.load_state_dict(kept.model)
            ema.load(kept.ema)
            _restore(optimizer, kept.optimizer)
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{checkpoints} holds a checkpoint of another network: {plain(str(error), 300)}; "
                "delete the folder to start anew"
            ) from error
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        (checkpoints / "settings.json").write_text(json.dumps(settings))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"checkpoints: {str(checkpoints)!r} cannot be written: {plain(str(error))}"
        ) from error
    wrapped = accelerator.prepare_model(model)
    wrapped.train()
    began, step = time.monotonic(), start
    with tqdm(total=config.steps, initial=start, desc=title, unit="step", mininterval=5) as bar:
        for step in range(start, config.steps):
            fraction = max(0.0, (step - config.warmup) / max(1, config.steps - config.warmup))
            rate = config.lr * min(1.0, (step + 1) / config.warmup) * 0.5 * (1 + np.cos(np.pi * fraction))
            for group in optimizer.param_groups:
                group["lr"] = max(rate, 1e-6)
            data = {
                k: v.to(accelerator.device)
                for k, v in batch(np.random.default_rng((config.seed, step))).items()
            }
            with accelerator.autocast():
                value, parts = loss(wrapped, data)
            number = float(value.detach())
            if not math.isfinite(number):
                raise _diverged(title, step, config, checkpoints, _named(number, parts))
            optimizer.zero_grad(set_to_none=True)
            accelerator.backward(value)
            norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip))
            if not math.isfinite(norm):
                raise _diverged(
                    title, step, config, checkpoints, f"the gradient is {norm} (loss {number:.4g})"
                )
            optimizer.step()
            ema.update(model, step)
            losses.append(number)
            bar.update()
            if step % 20 == 0:
                bar.set_postfix({k: f"{v:.3f}" for k, v in parts.items()}, refresh=False)
            late = config.minutes is not None and time.monotonic() - began > config.minutes * 60
            if late or (step + 1) % config.save_every == 0 or step + 1 == config.steps:
                for tensors in (model.state_dict(), ema.shadow):
                    if (bad := _not_finite(tensors)) is not None:
                        why = f"the weight {bad} holds NaN or infinity"
                        raise _diverged(title, step, config, checkpoints, why)
                found = Checkpoint(step + 1, losses, model.state_dict(), ema.shadow, _flat(optimizer))
                write_checkpoint(checkpoints, found)
                plot_losses(losses, checkpoints / "loss.png", title)
            if late:
                break
    model.load_state_dict(ema.shadow)
    model.eval()
    return model, losses, step + 1 >= config.steps


def _named(loss: float, parts: Mapping[str, float]) -> str:
    """The loss that is not finite, and those of its parts that are not."""
    bad = ", ".join(f"{name} {value}" for name, value in parts.items() if not math.isfinite(value))
    return f"the loss is {loss}" + (f" ({bad})" if bad else "")


def _not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    return next(
        (k for k, v in tensors.items() if v.is_floating_point() and not bool(torch.isfinite(v).all())), None
    )


def _diverged(title: str, step: int, config: TrainConfig, checkpoints: Path, what: str) -> DivergedError:
    good = f"the last good checkpoint is in {checkpoints}"
    if not (checkpoints / "state.json").exists():
        good = f"there is no checkpoint in {checkpoints} yet"
    return DivergedError(
        f"{title}: step {step + 1} of {config.steps}: {what}, expected finite numbers; {good}: "
        f"look at the data, or train with a lower rate than {config.lr:g}"
    )
