"""Words that the network has learned, for a thing whose name it has not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vista.learning.splits import load_splits
from vista.learning.text_encoder import TextEncoder
from vista.skill import Skill, Verb, network_text
from vista.types import GroundedBy, Grounding
from vista.world_model.pipeline import GoalImagePipeline

LEARNED = (GroundedBy.DETECTOR,)
"""Who calls a thing by words that the network was trained with."""
COLOURS = 3
"""So many colours, those that fit best with the first shape, are tried with every shape."""


class Wording:
    """Says a skill in words that lead the network to where its thing is.

    A name that the network never read, or that fits several things, makes it paint a hand over each of them,
    whatever it is told of the place. Of the names that it has read, that one is said whose sentence alone
    would bring the hand to the place.

    Args:
        pipeline: Asked where it would go.
        text: Encodes sentences.
    """

    def __init__(self, pipeline: GoalImagePipeline, text: TextEncoder) -> None:
        self._pipeline, self._text = pipeline, text
        self._said: dict[str, str] = {}
        self._names: dict[str, list[str]] = {}
        for name in load_splits().world_objects:
            self._names.setdefault(name.split()[0], []).append(name)

    def sentence(
        self, skill: Skill, grounding: Grounding | None, current: Tensor, prior: Tensor | None, seed: int
    ) -> str:
        """``skill`` in words for ``current`` f32 (1, 3, S, S) in [-1, 1]. A thing that is grasped, and that
        ``grounding`` knows by another's word, has a name by ``prior`` f32 (S/4, S/4), the log probability of
        where the hand goes; it keeps that name while it is put somewhere."""
        said, thing = network_text(skill), None if grounding is None else grounding.thing
        if skill.verb is Verb.GRASP:
            self._said.pop(skill.thing, None)
            if thing is not None and thing.by not in LEARNED and prior is not None:
                self._said[skill.thing] = self._search(current, prior.exp().flatten(), seed)
        name = self._said.get(skill.thing)
        return said if name is None else said.replace(skill.thing, name, 1)

    def _search(self, current: Tensor, where: Tensor, seed: int) -> str:
        """The name whose sentence brings the hand to ``where`` (S/4 * S/4) most likely."""
        firsts = [names[0] for names in self._names.values()]
        likely = self._fit(firsts, current, where, seed).topk(min(COLOURS, len(firsts))).indices
        colours = list(self._names)
        names = [name for i in likely.tolist() for name in self._names[colours[i]]]
        return names[int(self._fit(names, current, where, seed).argmax())]

    @torch.inference_mode()
    def _fit(self, names: Sequence[str], current: Tensor, where: Tensor, seed: int) -> Tensor:
        """How likely (n,) the grasp of each of ``names`` brings the hand to ``where``."""
        unet, n = self._pipeline.unet, len(names)
        tokens, mask = self._text.encode([network_text(Skill(Verb.GRASP, name)) for name in names])
        start = current.expand(n, -1, -1, -1)
        noise = torch.randn(current.shape[1:], generator=torch.Generator().manual_seed(seed))
        noisy = start + float(unet.config.noise_scale) * noise
        given = (noisy, start, torch.ones(n), tokens, mask)
        heat = unet.where(*(each.to(unet.device) for each in given))
        out: Tensor = heat.flatten(1).softmax(-1).cpu() @ where
        return out
