"""Tiny pipelines and language models in the formats of diffusers and transformers, made on the spot."""

from __future__ import annotations

import json
from pathlib import Path

import torch


def clip_tokenizer(folder: Path):
    """A CLIP tokenizer whose vocabulary is letters and a few words."""
    from transformers import CLIPTokenizer

    letters = [chr(c) for c in range(33, 127)]
    vocab = [*letters, *(c + "</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(vocab)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77)


def clip_text(vocab_size: int, width: int = 16):
    from transformers import CLIPTextConfig, CLIPTextModel

    ends = {"bos_token_id": vocab_size - 2, "eos_token_id": vocab_size - 1, "pad_token_id": vocab_size - 1}
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocab_size, hidden_size=width, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, projection_dim=width, **ends,
        )
    ).eval()  # fmt: skip


def vae():
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2, latent_channels=4,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=4,
    ).eval()  # fmt: skip


def unet(in_channels: int):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16, in_channels=in_channels, out_channels=4, layers_per_block=1,
        block_out_channels=(8, 16), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        cross_attention_dim=16, norm_num_groups=4,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=4,
    ).eval()  # fmt: skip


def diffusion_pipeline(folder: Path, kind: str) -> Path:
    """A pipeline with random weights, saved: ``edit`` (InstructPix2Pix) or ``paint`` (from text alone)."""
    import diffusers

    torch.manual_seed(0)
    tokenizer = clip_tokenizer(folder / "words")
    parts = {
        "vae": vae(), "text_encoder": clip_text(len(tokenizer)), "tokenizer": tokenizer,
        "safety_checker": None, "feature_extractor": None, "requires_safety_checker": False,
    }  # fmt: skip
    if kind == "edit":
        scheduler = diffusers.EulerDiscreteScheduler()
        made = diffusers.StableDiffusionInstructPix2PixPipeline(unet=unet(8), scheduler=scheduler, **parts)
    else:
        scheduler = diffusers.DDIMScheduler()
        made = diffusers.StableDiffusionPipeline(unet=unet(4), scheduler=scheduler, **parts)
    made.save_pretrained(folder / kind)
    return folder / kind
