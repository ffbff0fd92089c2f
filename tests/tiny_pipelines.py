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
        scheduler = diffusers.DDIMScheduler(clip_sample=False, steps_offset=1)
        made = diffusers.StableDiffusionPipeline(unet=unet(4), scheduler=scheduler, **parts)
    made.save_pretrained(folder / kind)
    return folder / kind


VOCABULARY = (
    "<unk>", "<end>", "<image>", "assistant", "system", "user", "Answer", ":", ".", "grasp", "place", "the",
    "a", "blue", "red", "mug", "cube", "in", "tray", "done", "impossible", "no", "yes", "is", "seen",
)  # fmt: skip
TEXT_TEMPLATE = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}assistant"
IMAGE_TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }} {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image> {% else %}{{ c['text'] }} {% endif %}"
    "{% endfor %}{% endfor %}assistant"
)


def word_tokenizer(template: str | None):
    """One token a word of ``VOCABULARY``."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(VOCABULARY)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", eos_token="<end>", pad_token="<end>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    if template:
        tokenizer.chat_template = template
    return tokenizer


def text_config(ends: bool = True) -> dict[str, object]:
    return {
        "vocab_size": len(VOCABULARY), "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 4096,
        "tie_word_embeddings": False, "bos_token_id": None, "pad_token_id": 1,
        "eos_token_id": 1 if ends else None,
    }  # fmt: skip


def teach(body: torch.nn.Module, head: torch.nn.Linear, says: str) -> None:
    """Have a Llama say ``says`` after "assistant" or ":": each word is followed by the next one of the
    sentence, for its layers add nothing and its embeddings are orthogonal."""
    words = [VOCABULARY.index(w) for w in says.split()] + [1]
    with torch.no_grad():
        for layer in body.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        body.embed_tokens.weight.copy_(torch.eye(32)[: len(VOCABULARY)])
        head.weight.zero_()
        for now, then in zip([VOCABULARY.index("assistant"), *words[:-1]], words, strict=True):
            head.weight[then] += 5 * body.embed_tokens.weight[now]
        if ":" not in says:
            head.weight[words[0]] += 5 * body.embed_tokens.weight[VOCABULARY.index(":")]


def language_model(folder: Path, says: str, *, template: bool = True, ends: bool = True) -> Path:
    """A causal language model that always says ``says``, saved in ``folder``."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**text_config(ends)))
    teach(model.model, model.lm_head, says)
    model.save_pretrained(folder)
    word_tokenizer(TEXT_TEMPLATE if template else None).save_pretrained(folder)
    return folder


def seeing_model(folder: Path, says: str) -> Path:
    """An image-text-to-text model (LLaVA's form) that always says ``says``, saved in ``folder``."""
    from transformers import (
        AutoImageProcessor,  # noqa: F401  (its registry is what finds the class below)
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32,
        patch_size=16, projection_dim=16,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=vision, text_config=LlamaConfig(**text_config()), image_token_index=2, eos_token_id=1,
        image_token_id=2, vision_feature_layer=-1, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config)
    teach(model.model.language_model, model.lm_head, says)
    model.generation_config.eos_token_id = 1
    model.save_pretrained(folder)
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = LlavaProcessor(
        image_processor=images, tokenizer=word_tokenizer(None), patch_size=16, image_token="<image>",
        vision_feature_select_strategy="default", num_additional_image_tokens=1, chat_template=IMAGE_TEMPLATE,
    )  # fmt: skip
    processor.save_pretrained(folder)
    return folder
