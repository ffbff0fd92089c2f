"""Pictures are kept with their notes on both backends, and go with them."""

import io
import sqlite3
import threading

import numpy as np
import pytest
from PIL import Image

from robomemory import (
    EmbeddingError,
    HashingEmbedder,
    HistogramPictures,
    InvalidNoteError,
    Memory,
    RoboMemory,
)
from robomemory.embed.pictures import MAX_PIXELS, decode
from robomemory.notes import MAX_PICTURE, Picture
from robomemory.store.exchange import from_lines, to_lines
from tests.postgres import server
from tests.robomemory.drawn import BLUE, GREEN, RED, drawn, png, shown
from tests.robomemory.old_stores import without_frames


@pytest.fixture
def memory(reopen):
    return reopen(pictures=HistogramPictures())


@pytest.mark.parametrize("kind", ["spatial", "temporal", "episodic", "semantic"])
def test_a_picture_is_kept_with_its_note(memory, reopen, kind):
    (key,) = memory.remember([shown(kind, "a mug", Picture(png()), 1, "mug")])
    kept = memory.picture(key)
    assert kept.data == png()
    assert kept.encoder == "histogram-1"
    assert np.linalg.norm(kept.vector) == pytest.approx(1, abs=1e-6)
    again = reopen(pictures=HistogramPictures())
    assert again.picture(key) == kept
    assert [r.record.id for r in again.alike(png(seed=1))] == [key]


def test_what_shows_nothing_new_is_a_record_of_its_own_with_its_picture(memory):
    seen = dict(position=(0.1, 0.2, 0.0))
    first, again, pictured = (
        memory.remember([shown("spatial", "mug seen", p, t, "mug", **seen)])[0]
        for t, p in ((1, None), (2, None), (3, Picture(png())))
    )
    assert again == first
    assert pictured != first
    assert memory.picture(first) is None
    assert memory.picture(pictured).data == png()
    (lesson,) = memory.remember([shown("semantic", "mugs break", None)])
    (same,) = memory.remember([shown("semantic", "mugs break", Picture(png()))])
    assert same != lesson
    assert memory.where_is("mug").position == (0.1, 0.2, 0.0)


def test_retracted_pictures_are_kept_and_not_found_and_forgotten_ones_are_gone(memory):
    kept, taken_back, gone = memory.remember(
        [shown("episodic", f"try {i}", Picture(png(seed=i))) for i in range(3)]
    )
    assert len(memory.alike(png())) == 3
    memory.retract(taken_back)
    assert memory.picture(taken_back) is not None
    assert {r.record.id for r in memory.alike(png())} == {kept, gone}
    memory.forget(ids=[gone])
    assert memory.picture(gone) is None
    assert [r.record.id for r in memory.alike(png())] == [kept]
    memory.forget(kinds=["episodic"], keep=0)
    assert memory.alike(png()) == ()


def test_the_bytes_of_a_forgotten_picture_leave_the_file(path):
    secret = png(BLUE, 7)
    with RoboMemory(path, embedder=HashingEmbedder(), pictures=HistogramPictures()) as memory:
        gone, _ = memory.remember(
            [shown("episodic", "a", Picture(secret)), shown("episodic", "b", Picture(png()))]
        )
        vector = np.asarray(memory.picture(gone).vector, "<f4").tobytes()
        on_disk = lambda: b"".join(f.read_bytes() for f in path.parent.iterdir() if f.is_file())  # noqa: E731
        pieces = [secret[200:260], secret[-60:], vector[:64]]
        assert all(piece in on_disk() for piece in pieces)
        memory.forget(ids=[gone])
        assert not any(piece in on_disk() for piece in pieces)


def test_a_backup_holds_pictures(memory, tmp_path, path):
    if memory._store.shared:
        pytest.skip("a server is copied with its own tools")
    (key,) = memory.remember([shown("episodic", "a try", Picture(png()))])
    memory.backup(tmp_path / "copy.sqlite3")
    with RoboMemory(tmp_path / "copy.sqlite3", embedder=HashingEmbedder()) as copy:
        assert copy.picture(key) == memory.picture(key)


def test_export_and_import_carry_pictures(memory, tmp_path):
    seen = dict(position=(0.1, 0.2, 0.0))
    memory.remember(
        [
            shown("spatial", "mug seen", Picture(png()), 1, "mug", **seen),
            shown("spatial", "mug seen", None, 2, "mug", **seen),  # says again what a picture's record says
            shown("episodic", "a try", Picture(png(GREEN), (0.0, 3.0), "two numbers")),
            shown("episodic", "without", None),
        ]
    )
    memory.teach("red cube", [drawn(RED, s) for s in range(3)])
    lines = list(to_lines(memory))
    with RoboMemory(tmp_path / "b.sqlite3", embedder=HashingEmbedder()) as other:
        assert from_lines(other, lines) == 7
        assert sum(other.picture(r.id) is not None for r in other.records()) == 5
        assert sorted(to_lines(other)) == sorted(lines)
        assert {e.picture for e in other.exemplars()["red cube"]} == {
            e.picture for e in memory.exemplars()["red cube"]
        }
        (found,) = other.alike(Picture(png(), (0.0, 1.0), "two numbers"))
        assert (found.text, found.score) == ("a try", 1.0)


def test_the_largest_picture_fits_into_a_line(tmp_path):
    rng = np.random.default_rng(0)
    out = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (1100, 1250, 3), np.uint8).astype(np.uint8)).save(out, "PNG")
    assert 0.95 * MAX_PICTURE < len(out.getvalue()) <= MAX_PICTURE
    with (
        RoboMemory(":memory:", embedder=HashingEmbedder()) as memory,
        RoboMemory(":memory:", embedder=HashingEmbedder()) as other,
    ):
        memory.remember([shown("episodic", "large", Picture(out.getvalue()))])
        assert from_lines(other, to_lines(memory)) == 1
        assert other.picture(1).data == out.getvalue()
    with pytest.raises(InvalidNoteError, match=f"{MAX_PICTURE} bytes"):
        Picture(bytes(MAX_PICTURE + 1))


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (Picture(b"no picture at all"), r"notes\[1\]\.picture: 17 bytes that are no picture"),
        (Picture(png()[:200]), "no picture"),
        (Picture(png(), (0.0, 0.0), "x"), "zeros"),
        (Picture(png(), (1.0, 0.0), "histogram-1"), "a vector of 2 numbers, 'histogram-1' makes 164"),
        (png(), "expected a Picture"),
    ],
)
def test_a_bad_picture_is_refused_and_nothing_of_the_call_is_kept(memory, picture, said):
    with pytest.raises(InvalidNoteError, match=said):
        memory.remember([shown("episodic", "good", Picture(png())), shown("episodic", "bad", picture)])
    assert memory.records() == ()


def test_a_picture_that_unpacks_to_a_giant_is_refused(memory):
    out = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(out, "PNG")
    with pytest.raises(InvalidNoteError, match=f"far more than the {MAX_PIXELS} pixels"):
        memory.remember([shown("episodic", "bomb", Picture(out.getvalue()))])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_png_and_jpeg_is_drawn_in_three_colours(mode):
    image = Image.new(mode, (9, 5))
    out = io.BytesIO()
    image.save(out, "JPEG" if mode == "CMYK" else "PNG")
    found = decode("here", out.getvalue(), InvalidNoteError)
    assert (found.shape, found.dtype) == ((5, 9, 3), np.uint8)
    out = io.BytesIO()
    Image.new("RGB", (5, 5)).save(out, "GIF")
    with pytest.raises(InvalidNoteError, match=r"here: .* no picture"):
        decode("here", out.getvalue(), InvalidNoteError)


class Broken(HistogramPictures):
    name = "broken"

    def __init__(self, gives):
        self._gives = gives

    def embed(self, images):
        if isinstance(self._gives, Exception):
            raise self._gives
        return self._gives


@pytest.mark.parametrize(
    "gives", [RuntimeError("the GPU is gone"), np.zeros((1, 164)), np.ones((1, 3)), np.full((1, 164), np.nan)]
)
def test_an_encoder_that_fails_raises_one_error_and_nothing_is_kept(reopen, gives):
    memory = reopen(pictures=Broken(gives))
    for call in (
        lambda: memory.remember([shown("episodic", "a try", Picture(png()))]),
        lambda: memory.alike(png()),
        lambda: memory.teach("mug", [png()]),
    ):
        with pytest.raises(EmbeddingError, match="broken"):
            call()
    assert memory.records() == ()


def test_vectors_are_made_before_the_lock_is_taken(memory):
    class Asking(HistogramPictures):
        def embed(self, images):
            with memory._writing:  # waits for ever if the writer holds it
                return super().embed(images)

    memory._encode_with(Asking())
    assert memory.remember([shown("episodic", "a try", Picture(png()))])


def test_a_correction_keeps_the_picture():
    with Memory(embedder=HashingEmbedder(), pictures=HistogramPictures()) as memory:
        key = memory.add("a red mugg", picture=drawn())
        new = memory.update(key, text="a red mug")
        assert memory.robo.picture(new) == memory.robo.picture(key)
        assert [f.id for f in memory.find(picture=png())] == [new]


def test_many_pictures_of_records_do_not_load_with_the_records(memory):
    memory.remember([shown("temporal", f"step {i}", Picture(png(seed=i)), i + 1) for i in range(4)])
    assert all(row.picture is None for row in memory._parts.temporal._steps)
    assert not any(hasattr(record, "picture") for record in memory.records())


def test_a_store_of_version_5_takes_pictures(path):
    RoboMemory(path, embedder=HashingEmbedder()).close()
    with sqlite3.connect(path) as db:
        without_frames(db)
        db.execute("UPDATE schema_version SET version = 5")
    db.close()
    with RoboMemory(path, embedder=HashingEmbedder(), pictures=HistogramPictures()) as memory:
        memory.teach("red cube", [drawn(RED, s) for s in range(3)])
        assert memory.know(drawn(RED, 9))[0].name == "red cube"


def test_pictures_are_asked_for_while_others_come_and_go(memory):
    keys = memory.remember([shown("episodic", f"try {i}", Picture(png(seed=i)), i + 1) for i in range(20)])
    stop, wrong = threading.Event(), []

    def ask():
        while not stop.is_set():
            try:
                scores = [r.score for r in memory.alike(png(seed=3), k=50)]
                known = {r.record.id for r in memory.alike(png(seed=3), k=50)}
                if scores != sorted(scores, reverse=True) or not set(keys[10:]) <= known:
                    wrong.append(scores)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(10):
        memory.remember([shown("episodic", f"more {i}", Picture(png(GREEN, i)))])
        memory.forget(ids=[keys[i]])
    stop.set()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert len(memory.alike(png(), k=100)) == 20


@pytest.mark.long
def test_robots_that_share_a_memory_find_each_others_pictures():
    url = server().url()
    with (
        RoboMemory(url, embedder=HashingEmbedder(), pictures=HistogramPictures()) as one,
        RoboMemory(url, embedder=HashingEmbedder(), pictures=HistogramPictures()) as other,
    ):
        reds = one.teach("red cube", [drawn(RED, s) for s in range(3)])
        assert [r.record.id for r in other.alike(png(RED, 0), k=1)] == reds[:1]
        one.teach("blue cube", [drawn(BLUE, s) for s in range(3)])
        assert other.know(png(BLUE, 9))[0].name == "blue cube"
        one.forget(ids=reds)
        assert [known.name for known in other.know(png(RED, 9))] == ["blue cube"]
