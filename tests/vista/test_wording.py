"""A taught thing has a name for the world model that it has learned, and keeps it while it is put down."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests import tiny
from vista.learning.splits import load_splits
from vista.skill import Relation, Skill, Verb
from vista.types import Ground, GroundedBy, Grounding
from vista.world_model.wording import Wording

SIDE = tiny.SIZE // 4
GRASP = Skill(Verb.GRASP, "my duck")
PLACE = Skill(Verb.PLACE, "my duck", Relation.IN, "tray")
IMAGE = torch.zeros(1, 3, tiny.SIZE, tiny.SIZE)


class Colours(torch.nn.Module):
    """A network that brings the hand to the cell (row of the colour, column of the shape) of a sentence."""

    def __init__(self) -> None:
        super().__init__()
        self.config = tiny.unet().config
        self.device = torch.device("cpu")
        self.asked = 0

    def where(self, noisy, current, sigma, tokens, mask):
        self.asked += len(tokens)
        heat = torch.full((len(tokens), SIDE, SIDE), -9.0)
        for i, told in enumerate(tokens):
            row, column = (int(v) for v in told[0, :2])
            # A wrong shape brings it near, in the row of its colour.
            heat[i, row % SIDE] = 0.0
            heat[i, row % SIDE, column] = 4.0
        return heat


class Letters:
    """Encodes a sentence as the numbers of its colour and its shape."""

    def encode(self, texts):
        splits, tokens = load_splits(), torch.zeros(len(texts), 16, 384)
        for i, text in enumerate(texts):
            colour, shape = text.removeprefix("grasp the ").split()
            tokens[i, 0, :2] = torch.tensor([splits.colours.index(colour), splits.shapes.index(shape) % SIDE])
        return tokens, torch.ones(len(texts), 16, dtype=torch.bool)


class Pipeline:
    def __init__(self) -> None:
        self.unet = Colours()


@pytest.fixture
def wording():
    return Wording(Pipeline(), Letters())


def seen(by: GroundedBy) -> Grounding:
    return Grounding(Ground("my duck", by))


def prior_at(row: int, column: int) -> torch.Tensor:
    prior = torch.full((SIDE, SIDE), 2 * float(np.log(0.02)))
    prior[row, column] = 0.0
    return prior


def test_the_name_is_said_that_brings_the_hand_to_the_thing(wording):
    splits = load_splits()
    row, column = splits.colours.index("yellow"), splits.shapes.index("ball")
    said = wording.sentence(GRASP, seen(GroundedBy.EXEMPLAR), IMAGE, prior_at(row, column), 0)
    assert said == "grasp the yellow ball"
    assert wording._pipeline.unet.asked < len(splits.world_objects)
    assert wording.sentence(PLACE, None, IMAGE, None, 0) == "place the yellow ball in the tray"


@pytest.mark.parametrize(
    ("grounding", "prior"),
    [
        (seen(GroundedBy.DETECTOR), prior_at(3, 2)),
        (seen(GroundedBy.EXEMPLAR), None),
        (Grounding(), prior_at(3, 2)),
        (None, prior_at(3, 2)),
    ],
)
def test_what_the_detector_calls_so_keeps_its_name(wording, grounding, prior):
    assert wording.sentence(GRASP, grounding, IMAGE, prior, 0) == "grasp the my duck"
    assert wording.sentence(PLACE, grounding, IMAGE, None, 0) == "place the my duck in the tray"
    assert wording._pipeline.unet.asked == 0


def test_a_thing_that_the_detector_calls_so_now_has_its_own_name_again(wording):
    first = wording.sentence(GRASP, seen(GroundedBy.EXEMPLAR), IMAGE, prior_at(0, 0), 0)
    assert first != "grasp the my duck"
    wording.sentence(GRASP, seen(GroundedBy.DETECTOR), IMAGE, prior_at(0, 0), 0)
    assert wording.sentence(PLACE, None, IMAGE, None, 0) == "place the my duck in the tray"


def test_where_the_hand_goes_is_what_the_whole_network_says():
    network, n = tiny.unet().eval(), 2
    image = torch.rand(n, 3, tiny.SIZE, tiny.SIZE)
    tokens, mask = torch.rand(n, 16, 384), torch.ones(n, 16, dtype=torch.bool)
    with torch.inference_mode():
        heat = network(image, image, torch.ones(n), tokens, mask).heat
        torch.testing.assert_close(network.where(image, image, torch.ones(n), tokens, mask), heat)
