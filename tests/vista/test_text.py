"""Sentences become the same tokens wherever and however often they are asked for."""

from __future__ import annotations

import pytest
import torch

from tests.tiny import text_encoder
from vista.errors import InvalidValueError
from vista.learning.text_encoder import TOKENS, WIDTH, TextEncoder

SENTENCE = "grasp the blue mug"


def test_tokens_are_padded_with_zeros_where_the_mask_says_so():
    tokens, mask = text_encoder().encode([SENTENCE, "place the blue mug in the tray"])
    assert tokens.shape == (2, TOKENS, WIDTH)
    assert mask.shape == (2, TOKENS)
    assert mask.dtype == torch.bool
    assert 4 <= int(mask[0].sum()) < int(mask[1].sum()) < TOKENS
    assert (tokens[~mask] == 0).all()
    assert (tokens[mask].abs().sum(-1) > 0).all()


def test_a_sentence_means_the_same_beside_others():
    alone, _ = text_encoder().encode([SENTENCE])
    beside, _ = text_encoder().encode(["open the drawer", SENTENCE, SENTENCE])
    assert torch.equal(beside[1], alone[0])
    assert torch.equal(beside[2], alone[0])
    assert not torch.equal(beside[0], alone[0])


def test_case_and_spaces_do_not_matter():
    plain, _ = text_encoder().encode([SENTENCE])
    odd, _ = text_encoder().encode(["  Grasp  the BLUE mug\n"])
    assert torch.equal(plain, odd)


def test_one_word_makes_a_difference():
    tokens, mask = text_encoder().encode([SENTENCE, "grasp the red mug"])
    assert torch.equal(mask[0], mask[1])
    assert not torch.allclose(tokens[0], tokens[1], atol=1e-3)


def test_what_fell_out_of_the_cache_is_computed_again_alike():
    small = TextEncoder(cache_size=1)
    first, _ = small.encode([SENTENCE])
    small.encode(["open the drawer"])
    again, _ = small.encode([SENTENCE])
    assert torch.equal(first, again)
    many, _ = small.encode([SENTENCE, "open the drawer", "close the drawer"])
    assert torch.equal(many[0], first[0])


def test_a_long_sentence_is_cut_and_not_refused():
    tokens, mask = text_encoder().encode(["put the mug in the tray and " * 10])
    assert mask.all()
    assert tokens.isfinite().all()


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_sentence_is_refused(text: str):
    with pytest.raises(InvalidValueError, match="empty"):
        text_encoder().encode([SENTENCE, text])


def test_training_may_use_what_was_encoded():
    tokens, _ = text_encoder().encode([SENTENCE])
    layer = torch.nn.Linear(WIDTH, 1)
    layer(tokens).sum().backward()
    assert layer.weight.grad is not None
