"""A checkpoint of LeRobot 0.4 behind the policy server. Runs in LeRobot's environment only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vista.errors import ConfigError, ModelMismatchError
from vista.executor.lerobot.wire import Arrays, PolicySpec
from vista.learning.weight_files import problem_in_model
from vista.messages.plain_text import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGES, STATE = "observation.images.", "observation.state"
# They keep past observations in a queue that only their select_action fills.
QUEUED = ("diffusion", "vqbet")


class LeRobotCheckpoint:
    """A policy with the pre- and post-processors that were saved beside it. One thread at a time."""

    def __init__(self, folder: str | Path, device: str = "auto") -> None:
        """Load ``folder``.

        Raises:
            ConfigError: no checkpoint there. ModelMismatchError: weights or features that do not fit, or
                a torn file.
        """
        import torch
        from lerobot.configs.policies import PreTrainedConfig
        from lerobot.policies.factory import get_policy_class, make_pre_post_processors

        folder = Path(folder)
        if not (folder / "config.json").is_file():
            raise ConfigError(f"LeRobot checkpoint: no config.json in {folder}")
        if (problem := problem_in_model(folder)) is not None:
            raise ModelMismatchError(f"LeRobot checkpoint: {problem}")
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            config: Any = PreTrainedConfig.from_pretrained(str(folder), local_files_only=True)
            config.device = device
            if hasattr(config, "pretrained_backbone_weights"):
                config.pretrained_backbone_weights = None  # the checkpoint holds them; nothing is downloaded
            network = get_policy_class(config.type)
            # Strict: weights that are missing would be left to chance.
            self._policy: Any = network.from_pretrained(str(folder), config=config, strict=True)
            placed = {"device_processor": {"device": device}}
            self._before, self._after = make_pre_post_processors(
                config, str(folder), preprocessor_overrides=placed
            )
        except Exception as error:  # a configuration may hold any value, and a library raise anything for it
            why = f"{type(error).__name__}: {plain(str(error), 600)}"
            raise ModelMismatchError(f"LeRobot checkpoint {folder}: {why}") from error
        self._torch, self._kind = torch, str(config.type)
        odd = [k for k in config.input_features if k != STATE and not k.startswith(IMAGES)]
        if odd:
            raise ModelMismatchError(
                f"LeRobot checkpoint {folder} takes {', '.join(odd)}; expected {STATE} and {IMAGES}* only"
            )
        inputs = config.input_features
        cameras = {
            key.removeprefix(IMAGES): (int(f.shape[1]), int(f.shape[2]))
            for key, f in inputs.items()
            if key.startswith(IMAGES)
        }
        # VQ-BeT has another name for it.
        rows = getattr(config, "n_action_steps", None) or config.action_chunk_size
        self._rows = int(rows)
        self.spec = PolicySpec(
            self._kind,
            cameras,
            int(inputs[STATE].shape[0]) if STATE in inputs else 0,
            int(config.output_features["action"].shape[0]),
            self._rows,
        )

    def reset(self, seed: int) -> None:
        """Forget past observations; what is drawn from now on depends on ``seed`` alone."""
        self._policy.reset()
        self._torch.manual_seed(seed)

    def predict(self, arrays: Arrays, task: str) -> NDArray[np.float32]:
        """A chunk f32 (rows, action) in the units of the data that the checkpoint was trained on.

        Args:
            arrays: ``image.<camera>`` u8 (H, W, 3) for each camera of the spec, ``state`` f32 (S,).
            task: The subtask in words.
        """
        torch = self._torch
        batch: dict[str, Any] = {"task": task}
        for camera in self.spec.cameras:
            pixels = torch.from_numpy(np.ascontiguousarray(arrays[f"image.{camera}"]).copy())
            batch[IMAGES + camera] = (pixels.permute(2, 0, 1).float() / 255)[None]
        if self.spec.state:
            batch[STATE] = torch.from_numpy(np.array(arrays["state"], np.float32))[None]
        with torch.inference_mode():
            ready = self._before(batch)
            actions = self._after(self._chunk(ready))
        return np.asarray(actions[0].float().cpu().numpy(), np.float32)

    def _chunk(self, batch: dict[str, Any]) -> Any:
        """A chunk (1, rows, action), normalised."""
        if self._kind not in QUEUED:
            return self._policy.predict_action_chunk(batch)[:, : self._rows]
        queues = self._policy._queues
        queues["action"].clear()  # plan anew at each call
        first = self._policy.select_action(batch)
        rest = list(queues["action"])
        queues["action"].clear()
        return self._torch.stack([first, *rest], dim=1)
