"""The sentences of new users: two files of one distribution, whose readings name what their scenes hold."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from vista.errors import ConfigError
from vista_bench.suites.open_world.words import OPEN, SCENES, SEALED, Sentence, read_words
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.scenes.scene import Scene
from vista_sim.scenes.scene_file import load_scene

SCENE_OF: dict[str, Scene] = {path.stem: load_scene(path) for path in sorted(SCENES.glob("*.yaml"))}


def both() -> tuple[Sentence, ...]:
    return (*read_words(OPEN), *read_words(SEALED))


def names_in(scene: Scene) -> set[str]:
    tray = {"tray"} if scene.tray is not None else set()
    return {p.spec.label for p in scene.objects} | tray | set(DRAWER_NAMES[scene.drawers]) | {"table"}


def kind(sentence: Sentence) -> str:
    reading = sentence.readings[0]
    return reading.refuse or reading.ask or reading.answer or "do"


def test_half_is_sealed():
    assert len(read_words(OPEN)) == len(read_words(SEALED)) == 150
    assert "Nobody who works on the\n# grammar reads this file" in SEALED.read_text(encoding="utf-8")


def test_no_sentence_stands_twice():
    said = Counter(" ".join(s.say.casefold().rstrip(".!?").split()) for s in both())
    assert [say for say, n in said.items() if n > 1] == []


def test_enough_of_them_are_executed():
    assert sum(s.run for s in both()) >= 130


def test_both_halves_are_of_one_distribution():
    one, other = (Counter(map(kind, read_words(path))) for path in (OPEN, SEALED))
    assert set(one) == set(other)
    assert all(abs(one[name] - other[name]) <= 3 for name in one), (one, other)


def test_two_readings_are_rare():
    assert sum(len(s.readings) > 1 for s in both()) <= 15


def test_every_named_thing_is_in_its_scene():
    wrong = [f"{s.say}: {s.named - names_in(SCENE_OF[s.scene])}" for s in both()
             if not s.named <= names_in(SCENE_OF[s.scene])]  # fmt: skip
    assert wrong == []


def test_every_scene_is_spoken_in():
    assert {s.scene for s in both()} == set(SCENE_OF)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{say: hi, scene: table, run: false}", "no answer"),
        ("{say: hi, scene: table, run: false, refuse: no_task, answer: past}", "expected one of do"),
        ("{say: hi, scene: table, run: true, refuse: no_task}", "nothing is to be done"),
        ("{say: hi, scene: attic, run: false, refuse: no_task}", "attic"),
        ("{say: hi, scene: table, run: false, refuse: rude}", "rude"),
        ("{say: hi, scene: table, run: false, ask: which}", "about"),
        ("{say: hi, scene: table, run: false, ask: which, about: mug}", "does not stand"),
        ("{say: hi, scene: table, run: false, refuse: no_task, why: so}", "unknown key 'why'"),
        ("{say: hi, scene: table, run: false, do: []}", "list of goals"),
        ("{say: hi, scene: table, run: false, do: [{goal: fly, thing: [red cube]}]}", "fly"),
        ("{say: hi, scene: table, run: false, do: [{goal: grasp}]}", "`thing` is missing"),
        ("{say: hi, scene: table, run: false, do: [{goal: grasp, thing: [a, b]}]}", "2 things"),
        (
            "{say: hi, scene: table, run: false, do: "
            "[{goal: place, thing: [red cube], relation: between, place: [tray]}]}",
            "1 names, expected 2",
        ),
        (
            "{say: hi, scene: table, run: false, do: "
            "[{goal: place, thing: [red cube], relation: corner, place: [left]}]}",
            "unknown 'left'",
        ),
        ("{say: hi, scene: table, run: false, refuse: no_task, or: {refuse: no_task}}", "again"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, entry: str, told: str):
    path = tmp_path / "mine.yaml"
    path.write_text(f"- {{say: hello, scene: table, run: false, refuse: no_task}}\n- {entry}\n")
    with pytest.raises(ConfigError) as caught:
        read_words(path)
    assert "mine.yaml: [1]" in str(caught.value)
    assert told in str(caught.value)


def test_a_sentence_said_twice_is_named(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("- {say: hello, scene: table, run: false, refuse: no_task}\n" * 2)
    with pytest.raises(ConfigError, match=r"mine.yaml: \[1\].say: 'hello' stands in \[0\] already"):
        read_words(path)
