"""Names are data: on the page, in the record, in the names of files and in the terminal."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.fuzz.hostile import TEXTS
from tests.vista.test_report import EMPTY, Page
from vista.cli import info
from vista.cli.shared.progress_view import ProgressView
from vista.errors import ConfigError, InvalidValueError
from vista.events import Event, EventKind
from vista.report import RunRecord, StageSpan, SubtaskRecord, load_record, render_page, write_page
from vista.report.bench_page import Row, Shot, write_bench_page
from vista.report.files import write_atomically
from vista.report.record import RecalledItem, SeenObject
from vista.report.recording import RecordingError, RunRecorder
from vista.types import Progress, State, Subtask

ODD = [text for text in TEXTS if text.strip()]
MARKS = "<script>alert(1)</script> [/red] \x1b[31m \ud800 \u202e $\\frac$ \"'&"


def told(name: str) -> RunRecord:
    """A record in which everything that can be a name is ``name``."""
    return RunRecord(
        name, name, None, name, name,
        subtasks=(
            SubtaskRecord(name, 0.0, 1.0, name, name, 0.5, {name: {"before": name, "goal": ""}}, name),
        ),
        timings={name: (0.1,)}, spans=(StageSpan(name, 0.0, 0.1),),
        recalled=(RecalledItem(name, name, 0.5),), seen=(SeenObject(name, 0.5, (0.0, 0.0, 0.0), 0.1),),
        warnings=(name,), facts={name: name}, machine={name: name}, video=name, memory_graph=name,
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", [*ODD, MARKS, "javascript:alert(1)", "//elsewhere.org/x.js", "http://a/b.png"]
)
def test_no_name_becomes_part_of_the_page(tmp_path: Path, name: str):
    record = told(name)
    file = write_page(record, tmp_path)
    page = Page(file.read_bytes().decode("utf-8"))
    assert page.open == []
    assert page.html.count("<script>") == 1
    assert not [c for c in page.html if c != "\n" and not c.isprintable()]
    for address in page.links:
        assert ":" not in address
    row = Row(name, name, 1, 1.0, (0.0, 1.0), failures={name: 1}, groups={name: name})
    shot = Shot(name, name, 1, name, name, name, name, name, {name: name}, name)
    bench = Page(write_bench_page(name, {name: name}, [row], [shot], tmp_path).read_bytes().decode("utf-8"))
    assert bench.open == []
    assert "<script" not in bench.html


@pytest.mark.parametrize("name", [*ODD, MARKS])
def test_no_name_is_lost_on_the_way_to_the_disk_and_back(tmp_path: Path, name: str):
    write_atomically(tmp_path / "result.json", told(name).to_json().encode())
    assert load_record(tmp_path) == told(name)


def test_a_run_of_odd_words_is_written_whole(tmp_path: Path):
    recorder = RunRecorder(tmp_path / "a folder" / "箱", facts={"task": MARKS}, name="../箱/" + "箱" * 100)
    assert recorder.folder.parent == tmp_path / "a folder" / "箱"
    image = np.zeros((4, 4, 3), np.uint8)
    subtask = Subtask(MARKS)
    recorder(Event(EventKind.TASK_STARTED, text=MARKS))
    cameras = {"left/front": image, "left_front": image, "箱" * 100: image, MARKS: image}
    recorder(Event(EventKind.SUBTASK_STARTED, subtask=subtask, images=cameras))
    recorder(Event(EventKind.STAGE_ENDED, stage=MARKS, seconds=float("nan"), at_s=float("inf")))
    progress = Progress(State.REACHED, 1.0, MARKS)
    recorder(Event(EventKind.SUBTASK_ENDED, subtask=subtask, progress=progress))
    recorder.close(memory_graph=tmp_path / ("a" * 300 + ".png"))
    record = load_record(recorder.folder)
    assert record.instruction == MARKS
    assert set(record.subtasks[0].images) == set(cameras)
    files = {moments["before"] for moments in record.subtasks[0].images.values()}
    assert len(files) == 4, "two cameras never share a file"
    assert all((recorder.folder / file).is_file() for file in files)
    assert any("no picture of the memory" in warning for warning in record.warnings)


def test_a_folder_of_somebody_else_is_never_written_over(tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "result.json").write_text("mine")
    assert RunRecorder(tmp_path, name="mine").folder.name == "mine-2"
    assert (tmp_path / "mine" / "result.json").read_text() == "mine"


def test_a_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert RunRecorder("~/runs").folder.parent == tmp_path / "runs"


@pytest.mark.parametrize("root", ["a\0b", "\ud800", "箱" * 100, "file", "file/below", "/proc/runs"])
def test_a_folder_that_cannot_be_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    with pytest.raises(RecordingError, match="cannot write") as caught:
        RunRecorder(root)
    assert "\n" not in str(caught.value)
    str(caught.value).encode()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_closed_folder_is_named(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(RecordingError, match="Permission denied; choose a folder that may be written to"):
        RunRecorder(tmp_path)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path):
    target = tmp_path / "kept"
    target.write_text("kept")
    for path in (tmp_path / "kept" / "below", tmp_path / ("a" * 300), tmp_path, Path("/")):
        with pytest.raises(RecordingError, match="cannot write"):
            write_atomically(path, b"new")
    assert target.read_text() == "kept"
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
    longest = tmp_path / ("a" * 255)
    write_atomically(longest, b"new")
    assert longest.read_bytes() == b"new"


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": float("nan")}, {"wall_seconds": float("inf")}, {"seconds": 1e308}, {"steps": -1},
        {"steps": "3"}, {"facts": {"seed": 0}}, {"facts": {1: "a"}}, {"machine": []}, {"truth": "yes"},
        {"instruction": None}, {"video": 3},
    ],
)  # fmt: skip
def test_a_record_that_no_page_could_show_is_refused(change: dict[str, object]):
    with pytest.raises(InvalidValueError, match=next(iter(change))):
        replace(EMPTY, **change)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seconds", float("nan")), ("seconds", "1"), ("timings", {"plan": {"calls_s": [float("inf")]}}),
        ("timings", {"plan": {"calls_s": ["1"]}}), ("warnings", [1]), ("subtasks", [{"text": "a"}]),
        ("seen", 3),
        ("spans", [{"stage": "plan", "start": float("nan"), "end": 1}]), ("more", 1), ("facts", {"a": 1}),
        ("seen", [{"label": "a", "score": 1, "position": [1], "sigma_m": 0}]),
    ],
)  # fmt: skip
def test_a_file_that_holds_nonsense_is_refused(tmp_path: Path, key: str, value: object):
    data = json.loads(told("a").to_json())
    (tmp_path / "result.json").write_text(json.dumps(data | {key: value}))
    with pytest.raises(ConfigError, match=r"result\.json"):
        load_record(tmp_path)


@pytest.mark.parametrize("text", [b"", b"[" * 100_000, b"\xff", b"[]", b"null", b"{}"])
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, text: bytes):
    (tmp_path / "result.json").write_bytes(text)
    with pytest.raises(ConfigError, match=r"result\.json"):
        load_record(tmp_path)
    with pytest.raises(ConfigError):
        load_record("箱" * 100)


def test_a_run_without_frames_has_a_page(tmp_path: Path):
    recorder = RunRecorder(tmp_path)
    recorder(Event(EventKind.TASK_STARTED, text="put it away"))
    page = Page(recorder.close().read_text())
    assert "None was tried." in page.text
    assert "<video" not in page.html
    assert "<img" not in page.html
    assert render_page(EMPTY)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("name", [*ODD, MARKS, "a\nb"])
def test_no_name_steers_the_terminal(name: str, live: bool):
    out = io.StringIO()
    console = Console(file=out, force_terminal=live, width=100, color_system=None)
    view = ProgressView(console)
    view(Event(EventKind.STAGE_STARTED, stage=name))
    view(Event(EventKind.SUBTASK_STARTED, subtask=Subtask(name)))
    view(Event(EventKind.PROGRESS, progress=Progress(State.RUNNING, 0.5, name)))
    console.print(view._draw())
    view(Event(EventKind.SUBTASK_ENDED, progress=Progress(State.FAILED, 0.5, name)))
    view.say(name)
    out.getvalue().encode("utf-8")
    assert "\x1b[31m" not in out.getvalue()
    assert "\x1b]" not in out.getvalue()
    assert "\u202e" not in out.getvalue()


def test_info_says_what_it_cannot_find_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def broken(*_: object) -> None:
        raise RuntimeError("[/red] \x1b[31m no such thing")

    for name in ("commit", "machine_info", "version", "device", "class_in", "find_spec", "rendering"):
        monkeypatch.setattr(info, name, broken)
    for as_json in (True, False):
        args = type("Args", (), {"json": as_json})()
        assert info.main(args) == 0
    said = capsys.readouterr().out
    assert said.count("no such thing") >= 2 * 5
    assert "\x1b[31m no" not in said.replace(json.dumps("\x1b"), "")
