"""The planner head: from image, instruction and gripper to the sentence of the next skill, word by word.

VISTA's planner writes text and goal image with one autoregressive model (arXiv 2602.10983, section IV-A).
Here a head of its own writes the text, in a few milliseconds on a CPU.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from vista.errors import InvalidValueError

PAD, BEGIN, END = 0, 1, 2
SPECIAL = ("<pad>", "<begin>", "<end>")

MOST = 100_000  # of any dimension of the network; a file with more is torn or hostile


class PlannerHeadConfig(PretrainedConfig):
    """``words``: the vocabulary, the three special ones first; ``length``: longest sentence with its end;
    ``image_size``: a multiple of 8 [px]."""

    model_type = "planner_head"

    def __init__(
        self,
        image_size: int = 96,
        camera: str = "front",
        words: tuple[str, ...] = SPECIAL,
        length: int = 12,
        width: int = 128,
        text_dim: int = 384,
        **kwargs: object,
    ) -> None:
        if image_size < 8 or image_size % 8:
            raise InvalidValueError(f"PlannerHeadConfig: image_size {image_size}, expected a multiple of 8")
        for name, value in (("length", length), ("width", width), ("text_dim", text_dim)):
            if not 1 <= value <= MOST:
                raise InvalidValueError(f"PlannerHeadConfig: {name} {value}, expected 1 to {MOST}")
        self.image_size = image_size
        self.camera = camera
        self.words = list(words)
        self.length = length
        self.width = width
        self.text_dim = text_dim
        super().__init__(**kwargs)


class PlannerHead(PreTrainedModel):
    """Convolutions to 144 image tokens, two transformer decoder layers over image, instruction, gripper."""

    config_class = PlannerHeadConfig
    main_input_name = "image"

    def __init__(self, config: PlannerHeadConfig) -> None:
        super().__init__(config)
        w = config.width
        self.conv = nn.Sequential(
            nn.Conv2d(12, 32, 3, padding=1), nn.SiLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.GroupNorm(8, 64), nn.SiLU(),
            nn.Conv2d(64, 96, 3, padding=1), nn.GroupNorm(8, 96), nn.SiLU(),
            nn.Conv2d(96, w, 3, stride=2, padding=1), nn.GroupNorm(8, w), nn.SiLU(),
            nn.Conv2d(w, w, 3, padding=1),
        )  # fmt: skip
        side = config.image_size // 8
        self.place = nn.Parameter(torch.randn(1, side * side, w) * 0.02)
        self.told = nn.Linear(config.text_dim, w)
        self.hand = nn.Linear(2, w)
        self.kinds = nn.Parameter(torch.randn(3, w) * 0.02)
        self.embed = nn.Embedding(len(config.words), w)
        self.position = nn.Parameter(torch.randn(1, config.length, w) * 0.02)
        layer = nn.TransformerDecoderLayer(w, 4, 2 * w, 0.0, batch_first=True, norm_first=True)
        # The mixer brings the name of a thing (from the text) together with its place (from the image).
        mixer = nn.TransformerEncoderLayer(w, 4, 2 * w, 0.0, batch_first=True, norm_first=True)
        self.mixer = nn.TransformerEncoder(mixer, 2, enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(layer, 2)
        self.norm = nn.LayerNorm(w)
        self.out = nn.Linear(w, len(config.words))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Layers initialise themselves when they are built."""

    def context(self, image: Tensor, tokens: Tensor, mask: Tensor, gripper: Tensor) -> tuple[Tensor, Tensor]:
        """The context of the words f32 (B, L, width), and which of it is padding bool (B, L).

        Args:
            image: f32 (B, 3, S, S) in [-1, 1]. tokens: f32 (B, T, 384), with ``mask`` bool (B, T).
            gripper: f32 (B, 2), opening and last command [0 closed, 1 open].
        """
        seen = self.conv(F.pixel_unshuffle(image, 2)).flatten(2).transpose(1, 2) + self.place + self.kinds[0]
        told = self.told(tokens) + self.kinds[1]
        hand = self.hand(gripper)[:, None] + self.kinds[2]
        context = torch.cat([seen, told, hand], 1)
        ignore = torch.cat(
            [torch.zeros_like(seen[..., 0], dtype=torch.bool), ~mask, mask.new_zeros(len(mask), 1)], 1
        )
        return self.mixer(context, src_key_padding_mask=ignore), ignore

    def words(self, sentence: Tensor, context: Tensor, ignore: Tensor) -> Tensor:
        """Logits (B, n, words) of the word after each of ``sentence`` (B, n)."""
        n = sentence.shape[1]
        x = self.embed(sentence) + self.position[:, :n]
        causal = torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)
        x = self.decoder(x, context, tgt_mask=causal, memory_key_padding_mask=ignore)
        return self.out(self.norm(x)).float()

    def forward(
        self, image: Tensor, tokens: Tensor, mask: Tensor, gripper: Tensor, sentence: Tensor
    ) -> Tensor:
        """Logits (B, n, words) for training with the true words before."""
        return self.words(sentence, *self.context(image, tokens, mask, gripper))

    @torch.inference_mode()
    def speak(
        self,
        image: Tensor,
        tokens: Tensor,
        mask: Tensor,
        gripper: Tensor,
        banned: tuple[int, ...] = (),
        silent: bool = True,
    ) -> tuple[str, float]:
        """The likeliest sentence for one image, chosen word by word, and its probability [0, 1].

        Args:
            banned: Indices of words that it may not use. silent: Whether the sentence may be empty.
        """
        context, ignore = self.context(image, tokens, mask, gripper)
        sentence = torch.full((1, 1), BEGIN, device=image.device)
        spoken, log_p = list[str](), 0.0
        for _ in range(self.config.length - 1):
            logits = self.words(sentence, context, ignore)[0, -1]
            logits[[PAD, BEGIN, *banned, *(() if silent or spoken else (END,))]] = -torch.inf
            log = logits.log_softmax(-1)
            word = int(log.argmax())
            log_p += float(log[word])
            if word == END:
                break
            spoken.append(self.config.words[word])
            sentence = torch.cat([sentence, torch.full((1, 1), word, device=image.device)], 1)
        return " ".join(spoken), float(torch.tensor(log_p).exp())
