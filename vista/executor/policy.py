"""GoalVLA behind the ``Policy`` protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from vista.errors import ModelMismatchError
from vista.executor.features import proprio
from vista.executor.modeling import ACTION_DIM, GoalVLA, GoalVLAConfig
from vista.learning.images import resize
from vista.learning.pretrained import best_device, load_network
from vista.learning.tensors import to_tensor
from vista.learning.text_encoder import TextEncoder
from vista.robot.kinematics import pose_to_matrix
from vista.skill import unnamed_text
from vista.types import ActionChunk, ActionSpace, Observation, Subgoal


class GoalVLAPolicy:
    """Plans chunks with a trained :class:`GoalVLA`. One thread at a time; keeps nothing but cached texts."""

    def __init__(self, model: GoalVLA, text: TextEncoder | None = None) -> None:
        self._model = model.eval().float().to(memory_format=torch.channels_last)
        self._config: GoalVLAConfig = model.config
        self._device = next(model.parameters()).device
        self._text = text or TextEncoder()

    @classmethod
    def from_pretrained(cls, folder: str | Path, text: TextEncoder | None = None) -> GoalVLAPolicy:
        """Load ``config.json`` and ``model.safetensors`` from ``folder``; on CUDA where there is one.

        Raises:
            ConfigError: no such folder. ModelMismatchError: weights of another model or configuration.
        """
        model = load_network(GoalVLA, folder, "executor")
        return cls(model.to(best_device()), text)

    @property
    def action_space(self) -> ActionSpace:
        return ActionSpace(self._config.action_space)

    def reset(self) -> None:
        """Nothing is kept between chunks."""

    def _noise(self, obs: Observation) -> torch.Tensor | None:
        """Where a flow starts, (1, T, 7): drawn by the time of the observation, so that an episode that is
        run again goes the same way."""
        if self._config.chunk_head != "flow":
            return None
        generator = torch.Generator().manual_seed(obs.stamp_ns)
        return torch.randn(1, self._config.chunk, ACTION_DIM, generator=generator).to(self._device)

    @torch.inference_mode()
    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        """Plan ``chunk`` rows from the newest images towards ``subgoal``.

        Raises:
            ModelMismatchError: the observation or the subgoal lacks a camera that the model was trained with.
        """
        config = self._config
        missing = [c for c in config.cameras if c not in obs.images]
        if missing:
            raise ModelMismatchError(
                f"executor needs cameras {', '.join(config.cameras)}; "
                f"the observation has {', '.join(obs.images) or 'none'}"
            )
        first = config.cameras[0]
        if config.goal_image and first not in subgoal.images:
            raise ModelMismatchError(
                f"executor needs a goal image of {first!r}; "
                f"the subgoal has {', '.join(subgoal.images) or 'none'}"
            )
        size = config.image_size
        images = [to_tensor(resize(obs.images[c], size)[None]).to(self._device) for c in config.cameras]
        goal = (
            to_tensor(resize(subgoal.images[first], size)[None]).to(self._device)
            if config.goal_image
            else None
        )
        # Where it is told the whole instruction, a planner hands that on as the one subtask.
        subtask = subgoal.subtask
        said = subtask.network_text
        if config.told == "unnamed" and subtask.skill is not None:
            said = unnamed_text(subtask.skill)
        tokens, mask = self._text.encode([said])
        weight = mask[..., None].float()
        text = ((tokens * weight).sum(1) / weight.sum(1)).to(self._device)
        if config.told == "none":
            text = torch.zeros_like(text)
        state = proprio(
            pose_to_matrix(obs.ee_pose)[None],
            np.array([obs.gripper]),
            np.array([obs.gripper_vel]),
            np.array([obs.gripper_command]),
        )
        out = self._model(images, goal, text, torch.from_numpy(state).to(self._device), self._noise(obs))
        gripper = (out.gripper[0] > 0).float()
        actions = torch.cat([out.delta[0], gripper[:, None]], 1).cpu().numpy()
        return ActionChunk(
            actions,
            config.dt_s,
            self.action_space,
            obs.stamp_ns,
            float(out.progress[0].sigmoid()),
            float(out.reached[0].sigmoid()),
        )
