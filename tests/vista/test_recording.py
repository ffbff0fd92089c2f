"""The record of a run: complete, on disk at once, and whole whatever happens to the disk."""

import errno
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tests import mocks
from vista.events import Event, EventKind
from vista.files.file_names import file_name
from vista.guard import SafetyGuard
from vista.loop import Budget, MotionParts, Parts, run_task
from vista.protocols import Robot
from vista.report import load_record
from vista.report.recording import RecordingError, RunRecorder, Watched
from vista.types import Subtask


def perform(recorder, *steps, robot=None, **options):
    """One task with mocks, recorded. Returns its result."""
    robot = Watched(robot or mocks.MockRobot(), recorder)
    motion = MotionParts(robot, mocks.MockPolicy(), mocks.MockSwitcher(), SafetyGuard(robot.spec))
    model = options.pop("world_model", mocks.MockWorldModel())
    parts = Parts(robot, mocks.MockPlanner(*steps), model, motion, mocks.MockMemory(), mocks.MockDetector())
    listener = options.pop("listener", recorder)
    return run_task(parts, "put the blue mug in the tray", listener=listener, **options)


def read(folder):
    return json.loads((folder / "result.json").read_text())


def pixels(file):
    with Image.open(file) as image:
        return np.array(image)


def full_disk(monkeypatch, after=0):
    """Every write from the ``after``-th on fails as on a full disk."""
    left, replace = [after], os.replace

    def write(source, target):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", write)


def test_a_run_is_recorded_in_full(tmp_path):
    recorder = RunRecorder(tmp_path, facts={"task": "pick_place"})
    result = perform(recorder, "grasp the blue mug", "place it")
    graph = tmp_path / "graph.png"
    Image.new("RGB", (8, 8)).save(graph)
    page = recorder.close(truth=True, memory_graph=graph)

    data = read(recorder.folder)
    assert page == recorder.folder / "index.html"
    assert recorder.folder.parent == tmp_path
    assert (data["outcome"], data["truth"], data["cause"]) == ("success", True, "all steps are done")
    assert data["instruction"] == "put the blue mug in the tray"
    assert [(s["text"], s["state"]) for s in data["subtasks"]] == [
        ("grasp the blue mug", "reached"),
        ("place it", "reached"),
    ]
    assert [(s["start"], s["end"]) for s in data["subtasks"]] == [
        (pytest.approx(s.start_s), pytest.approx(s.end_s)) for s in result.subtasks
    ]
    for stage, calls in result.timings.items():
        assert data["timings"][stage]["count"] == len(calls), stage
    assert data["timings"]["pursue.predict"]["median_s"] > 0
    assert {item["kind"] for item in data["recalled"]} >= {"spatial"}
    assert {seen["label"] for seen in data["seen"]} == {"blue mug", "tray"}
    assert data["memory_graph"] == "memory.png"
    assert data["machine"]["cores"]
    for subtask in data["subtasks"]:
        for camera in mocks.CAMERAS:
            for moment in ("before", "goal", "after"):
                image = pixels(recorder.folder / subtask["images"][camera][moment])
                assert image.shape == (mocks.SIZE, mocks.SIZE, 3)
    first = data["subtasks"][0]["images"]["front"]
    kept = {m: pixels(recorder.folder / f).astype(int) for m, f in first.items()}
    assert np.abs(kept["before"] - kept["after"]).max() > 100, "the arm moved in between"
    assert load_record(recorder.folder) == recorder.record
    assert not list(recorder.folder.glob(".*")), "no drafts are left"


def test_the_video_is_h264_in_the_robots_time(tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    recorder = RunRecorder(tmp_path)
    for tenth in range(0, 40, 4):
        recorder.add_frame({"front": np.full((31, 33, 3), 6 * tenth, np.uint8)}, int(tenth * 1e8))
    recorder.close()
    probe = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(recorder.folder / "video.mp4")],
        capture_output=True, text=True, check=False,
    ).stderr  # fmt: skip
    assert "h264" in probe
    assert "yuv420p" in probe
    assert "34x32" in probe
    assert "Duration: 00:00:04.1" in probe
    assert read(recorder.folder)["video"] == "video.mp4"


def test_an_encoder_that_dies_costs_the_video_and_nothing_else(tmp_path, monkeypatch):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "false")
    recorder = RunRecorder(tmp_path)
    perform(recorder, "one")
    recorder.close(truth=True)
    data = read(recorder.folder)
    assert (data["outcome"], data["video"]) == ("success", "")
    assert any(text.startswith("no video: ") for text in data["warnings"])


def test_what_is_known_is_on_disk_while_the_run_goes_on(tmp_path):
    recorder = RunRecorder(tmp_path)
    assert read(recorder.folder)["outcome"] == "running"
    seen = []

    def watch(event):
        recorder(event)
        if event.kind is EventKind.SUBTASK_ENDED:
            seen.append(read(recorder.folder))

    perform(recorder, "one", "two", listener=watch)
    assert [len(data["subtasks"]) for data in seen] == [1, 2]
    assert {data["outcome"] for data in seen} == {"running"}
    assert seen[1]["instruction"] == "put the blue mug in the tray"


def test_a_process_that_is_killed_leaves_a_record_that_can_be_read(tmp_path):
    script = (
        "import os, signal, sys\nfrom tests.vista.test_recording import perform, RunRecorder, EventKind\n"
        "recorder = RunRecorder(sys.argv[1])\n"
        "def watch(event):\n    recorder(event)\n"
        "    if event.kind is EventKind.SUBTASK_ENDED: os.kill(os.getpid(), signal.SIGKILL)\n"
        "perform(recorder, 'one', 'two', listener=watch)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -9
    (folder,) = tmp_path.iterdir()
    assert [s.text for s in load_record(folder).subtasks] == ["one"]


def test_a_run_that_is_cut_off_says_so(tmp_path):
    with RunRecorder(tmp_path) as recorder:
        recorder(Event(EventKind.TASK_STARTED, text="put it away"))
    data = read(recorder.folder)
    assert (data["outcome"], data["instruction"]) == ("stopped", "put it away")
    assert "cut off" in data["cause"]
    assert (recorder.folder / "index.html").is_file()


def test_a_subtask_that_was_never_tried_keeps_its_images(tmp_path):
    model = mocks.MockWorldModel()

    def gone(obs, subtask, seed=0):
        raise ConnectionError("the world model is gone")

    model.imagine = gone
    recorder = RunRecorder(tmp_path)
    result = perform(recorder, "grasp it", world_model=model)
    recorder.close()
    (subtask,) = read(recorder.folder)["subtasks"]
    assert result.subtasks == ()
    assert (subtask["text"], subtask["state"]) == ("grasp it", "failed")
    assert set(subtask["images"]["front"]) == {"before"}


def test_a_full_disk_never_stops_the_arm_and_is_named_at_the_end(tmp_path, monkeypatch):
    recorder = RunRecorder(tmp_path)
    full_disk(monkeypatch, after=12)
    robot = mocks.MockRobot()
    result = perform(recorder, "one", "two", robot=robot)
    assert result.outcome == "success"
    assert robot.causes == []
    with pytest.raises(RecordingError, match=r"cannot write .*No space left.*free some space"):
        recorder.close(truth=True)
    data = read(recorder.folder)
    assert data["outcome"] == "running", "the last state that fitted is whole"
    assert data["instruction"]
    assert data["subtasks"]
    written = [
        recorder.folder / f for s in data["subtasks"] for c in s["images"].values() for f in c.values()
    ]
    assert all(pixels(file).shape == (mocks.SIZE, mocks.SIZE, 3) for file in written)
    assert not list(recorder.folder.rglob(".*")), "no drafts eat the little space that is left"


def test_a_full_disk_still_takes_the_outcome(tmp_path, monkeypatch):
    """A disk that is really full: every byte counts, what is deleted makes room."""
    room, replace = [600_000], os.replace

    def write(source, target):
        used = sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file())
        if used > room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", write)
    recorder = RunRecorder(tmp_path)
    # Somebody else fills the disk up to the last kilobytes.
    (tmp_path / "filler").write_bytes(bytes(room[0] - 256 * 1024 - 12_000))
    perform(recorder, *[f"step {i}" for i in range(8)])
    with pytest.raises(RecordingError, match="No space left"):
        recorder.close(truth=True)
    data = read(recorder.folder)
    assert (data["outcome"], data["truth"], len(data["subtasks"])) == ("success", True, 8)
    assert data["subtasks"][0]["images"]
    assert (recorder.folder / "index.html").is_file()


def test_a_disk_that_has_room_again_gets_the_whole_record(tmp_path, monkeypatch):
    recorder = RunRecorder(tmp_path)
    with monkeypatch.context() as patch:
        full_disk(patch)
        perform(recorder, "one")
    with pytest.raises(RecordingError, match="No space left"):
        recorder.close(truth=True)
    assert read(recorder.folder)["outcome"] == "success"
    assert (recorder.folder / "index.html").is_file()


def test_a_folder_that_cannot_be_made_is_named_at_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match=r"cannot write .*file"):
        RunRecorder(tmp_path / "file")
    full_disk(monkeypatch)
    with pytest.raises(RecordingError, match="No space left"):
        RunRecorder(tmp_path / "runs")


def test_an_error_in_the_run_is_not_hidden_by_one_of_the_disk(tmp_path, monkeypatch):
    def run():
        with RunRecorder(tmp_path):
            full_disk(monkeypatch)
            raise KeyError("what really went wrong")

    with pytest.raises(KeyError, match="what really went wrong"):
        run()


def test_two_runs_in_one_second_have_folders_of_their_own(tmp_path):
    first, second = RunRecorder(tmp_path, name="now"), RunRecorder(tmp_path, name="now")
    assert {first.folder.name, second.folder.name} == {"now", "now-2"}


def test_a_watched_robot_is_the_robot(tmp_path):
    inner = mocks.MockRobot()
    watched = Watched(inner, RunRecorder(tmp_path))
    assert isinstance(watched, Robot)
    assert watched.spec is inner.spec
    watched.stop("enough")
    assert inner.causes == ["enough"]


def test_odd_names_and_scores_do_no_harm(tmp_path):
    recorder = RunRecorder(tmp_path)
    image = np.zeros((4, 4, 3), np.uint8)
    recorder(Event(EventKind.RECALLED, recall=[mocks.MockItem("x", "episodic", float("nan"))]))
    recorder(Event(EventKind.SUBTASK_STARTED, subtask=Subtask("a"), images={"../../up": image}))
    recorder.close()
    assert read(recorder.folder)["recalled"][0]["score"] == 0.0
    (image_file,) = (recorder.folder / "images").iterdir()
    assert image_file.name == f"01-{file_name('../../up')}-before.png"


def test_recording_is_cheap(tmp_path):
    recorder = RunRecorder(tmp_path)
    image = np.zeros((256, 256, 3), np.uint8)
    start = time.perf_counter()
    for stamp in range(100):
        recorder.add_frame({"front": image, "wrist": image}, int(stamp * 1e8))
        recorder(Event(EventKind.PROGRESS))
        recorder(Event(EventKind.STAGE_ENDED, stage="observe", seconds=0.01))
    assert (time.perf_counter() - start) / 100 < 0.1
    recorder.close()


def test_budget_and_warnings_reach_the_record(tmp_path):
    recorder = RunRecorder(tmp_path)
    perform(recorder, "one", "two", budget=Budget(max_subtasks=1))
    recorder(Event(EventKind.WARNING, text="not remembered: disk full"))
    recorder.close(truth=False)
    data = read(recorder.folder)
    assert data["outcome"] == "failure"
    assert "budget" in data["cause"]
    assert data["warnings"] == ["not remembered: disk full"]
