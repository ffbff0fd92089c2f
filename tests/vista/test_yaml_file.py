"""YAML from anywhere is read as plain data, or refused in one sentence with the file and the line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vista.errors import ConfigError
from vista.files.yaml_file import Reader, existing, read_yaml, user_path

BOMB = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]\n" for i in range(12))
MERGES = "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" if i else "a0: &a0 {k: 1}\n"
                 for i in range(12))  # fmt: skip
INF = float("inf")
REFUSED = {
    b"\xff\xfe\x00": "no UTF-8 text, byte 1 is 0xff",
    b"a: \x00": "special characters",
    b"a:\t1\n\tb: 2": "ScannerError in line 1",
    b"a: [1,\nb: }": "ParserError in line",
    b"a: 1\nb: 2\na: 3": "line 3: the key 'a' stands twice",
    b"a: {b: 1, b: 2}": "the key 'b' stands twice",
    b"&a [*a]": "an alias that holds itself",
    BOMB.encode(): "unfolds to more than",
    MERGES.encode(): "unfolds to more than",
    b"[" * 5000: "nested too deeply",
    b"a: 0x" + b"f" * 5000 + b"\nb: 2024-99-99": "not what it says to be",
    b"!!python/object/apply:os.system [id]": "could not determine a constructor",
    b"!!int many": "not what it says to be",
    b"!!bool maybe": "not what it says to be",
    b"? [a]\n: 1": "unhashable key",
    b"--- 1\n--- 2": "another document",
    b"a" * 300_000: "larger than 256 KiB",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:20]))
def test_what_is_no_plain_data_is_refused(tmp_path: Path, text: bytes):
    path = tmp_path / "odd name.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path, "scene")
    said = str(caught.value)
    assert said.startswith(f"scene {path}: ")
    assert REFUSED[text] in said
    assert len(said) < 500
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (b"", None),
        (b"\xef\xbb\xbfa: 1", {"a": 1}),
        (b"a: 1e-3", {"a": 0.001}),
        (b"a: 1E5", {"a": 1e5}),
        (b"[0, -7, +3, 0x1F, 1.5, -.5, 2., 1.5e3, 1e400]", [0, -7, 3, 31, 1.5, -0.5, 2.0, 1500.0, INF]),
        (b"[.inf, -.INF, true, ~]", [INF, -INF, True, None]),
        # No one means 8, 90, 1000, 5025 or 90.5 by these, nor a number that begins with nothing.
        (
            b"[010, 1:30, 1_000, 1:23:45, 1:30.5, 0o7, 0b1, _1, -, .]",
            ["010", "1:30", "1_000", "1:23:45", "1:30.5", "0o7", "0b1", "_1", "-", "."],
        ),
        (b"base: &b {x: 1}\nmug: {<<: *b, y: 2}", {"base": {"x": 1}, "mug": {"x": 1, "y": 2}}),
        ("a: синяя кружка".encode(), {"a": "синяя кружка"}),
    ],
)
def test_plain_data_is_read(tmp_path: Path, text: bytes, held: object):
    path = tmp_path / "some.yaml"
    path.write_bytes(text)
    assert read_yaml(path, "file") == held


def test_what_is_no_file_is_named(tmp_path: Path):
    for path, said in (
        (tmp_path / "gone.yaml", "does not exist"),
        (tmp_path, "is no file"),
        (tmp_path / ("箱" * 100 + ".yaml"), "file name too long"),
        (tmp_path / "a\0b", "does not exist"),
        (tmp_path / "\ud800", "does not exist"),
        (Path("/dev/null"), "is no file"),
    ):
        with pytest.raises(ConfigError, match=said):
            read_yaml(path, "scene")
    with pytest.raises(ConfigError, match="is no folder"):
        existing(Path(__file__), "objects", folder=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path):
    path = tmp_path / "closed.yaml"
    path.write_text("a: 1")
    path.chmod(0)
    with pytest.raises(ConfigError, match="Permission denied"):
        read_yaml(path, "scene")


def test_a_home_is_found_as_a_shell_finds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/my scenes/a.yaml", "scene") == tmp_path / "my scenes" / "a.yaml"
    assert user_path("~nobody-of-that-name/a", "scene") == Path("~nobody-of-that-name/a")
    for odd in (None, 3, ["a"]):
        with pytest.raises(ConfigError, match="expected a path"):
            user_path(odd, "scene")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (False, "False, expected text; write it in quotes"),
        (3, "3, expected text; write it in quotes"),
        (None, "None, expected text"),
        ("", "expected text of 1 to 80 characters"),
        (" \n", "expected text of 1 to 80 characters"),
        ("a" * 5000, "expected text of 1 to 80 characters"),
        ("mug\x1b[31m", r"holds \x1b, which cannot be shown"),
        ("mug\udfff", r"holds \udfff, which cannot be shown"),
        ("\u202emug", r"holds \u202e, which cannot be shown"),
    ],
)
def test_a_name_is_text_that_can_be_shown(value: object, said: str):
    with pytest.raises(ConfigError) as caught:
        Reader("object tin.yaml").text(value, "shape")
    assert str(caught.value).startswith("object tin.yaml: shape: ")
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "name", ["mug [/red]", r"$\frac$", "<script>", "箱" * 40, "'; DROP TABLE", "{0}", "%s"]
)
def test_a_name_with_marks_of_other_languages_is_a_name(name: str):
    assert Reader("a").text(name, "shape") == name


def test_names_that_look_the_same_are_the_same():
    assert Reader("a").text("e\u0301tag\u0065re", "shape") == Reader("a").text("\u00e9tagere", "shape")
    assert Reader("a").text("  coffee \t mug ", "shape") == "coffee mug"


@pytest.mark.parametrize("value", [True, "1", None, [1], float("nan"), float("inf"), 1e308, 10**400, -1])
def test_a_number_is_finite_and_in_its_range(value: object):
    with pytest.raises(ConfigError, match=r"^scene a\.yaml: seed: .*expected a number from 0 to 5"):
        Reader("scene a.yaml").number(value, "seed", 0, 5)
    with pytest.raises(ConfigError, match="expected a whole number from 0 to 5"):
        Reader("scene a.yaml").whole(value, "seed", 0, 5)
