"""Any text becomes the name of a file: one component, short enough, and another for another text."""

from __future__ import annotations

import pytest

from tests.fuzz.hostile import TEXTS
from vista.files.file_names import LONGEST_BYTES, file_name


@pytest.mark.parametrize(
    "text", ["front", "2024-01-01_10-00-00", "left.wrist", "Küche", "пример", "a+b", "mug"]
)
def test_what_can_be_a_name_is_its_own(text: str):
    assert file_name(text) == text


@pytest.mark.parametrize(
    "text", [*TEXTS, ".", "..", "...", "a\0b", " x ", "x.", ".hidden", "箱" * 300, "-rf"]
)
def test_every_text_makes_a_file_that_can_be_written(tmp_path, text: str):
    name = file_name(text)
    assert len(name.encode()) <= LONGEST_BYTES
    assert not set(name) & set("/\\\0 \n<>$[]")
    assert not name.startswith((".", "-"))
    folder = tmp_path / name
    folder.mkdir()
    (folder / f"{name}.png").write_text("x")
    assert folder.parent == tmp_path


def test_texts_that_look_alike_as_names_get_two():
    texts = [
        "a/b",
        "a_b",
        "a b",
        "a\\b",
        "a?b",
        "é",
        "e\u0301",
        "箱" * 100,
        "箱" * 101,
        "",
        ".",
        "..",
        "\ud800",
    ]
    assert len({file_name(text) for text in texts}) == len(texts)
    assert file_name("a/b") == file_name("a/b")
