"""Writes a run down while it happens: ``result.json``, the images, a video and a page.

recorder = RunRecorder("runs", facts={"task": "pick_place", "seed": "0"})
result = run_task(parts, instruction, listener=recorder)   (parts with Watched(robot, recorder))
page = recorder.close(truth=task.success())
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType

from vista.events import Event, EventKind
from vista.files.file_names import file_name
from vista.files.yaml_file import user_path
from vista.messages.plain_text import plain
from vista.protocols import Robot
from vista.report.files import RecordingError, recording_error, write_atomically
from vista.report.machine import machine_info
from vista.report.page import write_page
from vista.report.record import (
    RUNNING,
    RecalledItem,
    RunRecord,
    SeenObject,
    StageSpan,
    SubtaskRecord,
)
from vista.report.video import Video
from vista.robot.watched import WatchedRobot
from vista.types import U8, EpisodeResult, State
from vista.values import shown

__all__ = ["RecordingError", "RunRecorder", "Watched"]

# Set aside at the start and given up when the disk is full: the outcome is worth more than any image.
_RESERVE_BYTES = 256 * 1024

_log = logging.getLogger(__name__)


class RunRecorder:
    """Hears the events of one task and keeps them in a folder of its own, ``<root>/<time>/``.

    Every change is on disk at once and each file is replaced whole, so that whatever ends the process,
    what was recorded stays. A disk that fills up while the arm moves does not stop the arm: the first
    error is kept in ``error`` and raised by :meth:`close`. Thread-safe.

    Args:
        root: Folder of all runs.
        facts: What else the page should say of the run (task, seed, models), in words.
        name: Of the run's folder, any text (:func:`vista.files.file_names.file_name`); the local time
            when left out.

    Raises:
        RecordingError: the folder cannot be made, or there is hardly any room for it.
        InvalidValueError: a fact that is no text.
    """

    def __init__(
        self, root: str | Path = "runs", *, facts: Mapping[str, str] | None = None, name: str = ""
    ) -> None:
        now = datetime.now().astimezone()
        name = file_name(name) if name else now.strftime("%Y-%m-%d_%H-%M-%S")
        self.folder = _make_folder(user_path(root, "folder of the runs"), name)
        self.error: RecordingError | None = None
        self.record = RunRecord(
            "", RUNNING, None, "", now.isoformat(timespec="seconds"),
            facts=dict(facts or {}), machine=machine_info(),
        )  # fmt: skip
        self._lock = threading.RLock()
        self._video = Video(self.folder / "video.mp4")
        self._start_s: float | None = None
        self._images: dict[str, dict[str, str]] = {}
        self._score, self._text, self._why = 0.0, "", ""
        self._reserve = self.folder / ".reserve"
        write_atomically(self._reserve, bytes(_RESERVE_BYTES))
        write_atomically(self.folder / "result.json", self.record.to_json().encode())

    def __call__(self, event: Event) -> None:
        """Take one event. Never raises because of the disk."""
        with self._lock:
            if self._start_s is None:
                self._start_s = event.at_s
            now_s = _number(event.at_s - self._start_s)
            self._change(wall_seconds=now_s)
            match event.kind:
                case EventKind.TASK_STARTED:
                    self._change(instruction=event.text)
                case EventKind.STAGE_ENDED:
                    if "." in event.stage:  # a part of a stage; how long it took comes with the result
                        return
                    self._stage_ended(event, now_s)
                case EventKind.DETECTED:
                    self._change(seen=tuple(_seen(event)))
                case EventKind.RECALLED:
                    index = len(self.record.subtasks)
                    items = tuple(RecalledItem(i.kind, i.text, _number(i.score), index) for i in event.recall)
                    self._change(recalled=self.record.recalled + items)
                case EventKind.PLANNED:
                    self._why = event.subtask.why if event.subtask else ""
                    return
                case EventKind.SUBTASK_STARTED:
                    self._images, self._score = {}, 0.0
                    self._text = event.subtask.text if event.subtask else ""
                    self._keep_images(event.images, "before")
                case EventKind.IMAGINED if event.subgoal is not None:
                    self._score = event.subgoal.score
                    self._keep_images(event.subgoal.images, "goal")
                case EventKind.SUBTASK_ENDED:
                    self._subtask_ended(event, now_s)
                case EventKind.WARNING | EventKind.REJECTED:
                    about = f"{event.subtask.text}: rejected, " if event.subtask else ""
                    self._change(warnings=(*self.record.warnings, about + event.text))
                case EventKind.TASK_ENDED if event.result is not None:
                    self._task_ended(event.result)
                case _:
                    return
            # A stage that ends is not worth a write of its own: the next event brings one.
            if event.kind is not EventKind.STAGE_ENDED:
                self._save()

    def add_frame(self, images: Mapping[str, U8], stamp_ns: int) -> None:
        """Add what the cameras see at ``stamp_ns`` [ns, robot clock] to the video."""
        if self.error is None:  # what little room is left belongs to result.json
            self._video.add(images, stamp_ns)

    def close(self, *, truth: bool | None = None, memory_graph: str | Path | None = None) -> Path:
        """Finish the video and write the page.

        Args:
            truth: What the task's own predicate says; None outside simulation.
            memory_graph: A picture of the memory (PNG or SVG), copied into the run's folder.

        Returns:
            The path of ``index.html``.

        Raises:
            RecordingError: something could not be written, now or earlier; what could be is there.
        """
        with self._lock:
            if self._video.close():
                self._change(video=self._video.path.name)
            elif self._video.error:
                self._change(warnings=(*self.record.warnings, f"no video: {self._video.error}"))
            if truth is not None:
                self._change(truth=truth)
            if self.record.outcome == RUNNING:
                self._change(outcome="stopped", cause="the run was cut off before it ended")
            if memory_graph is not None:
                self._copy_graph(Path(memory_graph))
            self._save()
            self._reserve.unlink(missing_ok=True)
            try:
                page = write_page(self.record, self.folder)
            except RecordingError as error:
                self._latch(error)
            if self.error is not None:
                raise self.error
            return page

    def __enter__(self) -> RunRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except RecordingError:
            # What went wrong in the block matters more than that it could not be written down.
            if error is None:
                raise

    def _change(self, **fields: object) -> None:
        self.record = replace(self.record, **fields)  # type: ignore[arg-type]

    def _save(self) -> None:
        """Write ``result.json``; on a full disk into the room that was set aside for it."""
        content = self.record.to_json().encode()
        try:
            write_atomically(self.folder / "result.json", content)
        except RecordingError as error:
            self._latch(error)
            with contextlib.suppress(OSError):
                self._reserve.unlink()
                write_atomically(self.folder / "result.json", content)

    def _latch(self, error: RecordingError) -> None:
        if self.error is None:
            self.error = error
            _log.warning("%s", error)

    def _stage_ended(self, event: Event, now_s: float) -> None:
        took_s = max(0.0, _number(event.seconds))
        span = StageSpan(event.stage, round(max(0.0, now_s - took_s), 4), round(now_s, 4))
        calls = (*self.record.timings.get(event.stage, ()), round(took_s, 6))
        self._change(spans=(*self.record.spans, span), timings={**self.record.timings, event.stage: calls})

    def _keep_images(self, images: Mapping[str, U8], moment: str) -> None:
        from PIL import Image

        if self.error is not None:
            return
        number = len(self.record.subtasks) + 1
        for camera, image in images.items():
            name = f"images/{number:02d}-{file_name(camera)}-{moment}.png"
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "PNG", compress_level=3)
            try:
                write_atomically(self.folder / name, buffer.getvalue())
                self._images.setdefault(camera, {})[moment] = name
            except RecordingError as error:
                self._latch(error)

    def _subtask_ended(self, event: Event, now_s: float) -> None:
        """Keep the subtask with wall times; the robot's own times come with the result."""
        if event.subtask is None or event.progress is None:
            return
        self._keep_images(event.images, "after")
        began = self.record.subtasks[-1].end if self.record.subtasks else 0.0
        done = SubtaskRecord(
            event.subtask.text, began, round(now_s, 4), str(event.progress.state),
            event.progress.reason, self._score, self._images, self._why,
        )  # fmt: skip
        self._images, self._why = {}, ""
        self._change(subtasks=(*self.record.subtasks, done))

    def _task_ended(self, result: EpisodeResult) -> None:
        kept = self.record.subtasks
        subtasks = [
            SubtaskRecord(
                r.text, round(r.start_s, 4), round(r.end_s, 4), str(r.state), r.reason, r.score,
                kept[i].images if i < len(kept) else {}, kept[i].why if i < len(kept) else "",
            )
            for i, r in enumerate(result.subtasks)
        ]  # fmt: skip
        if self._images:  # imagined, but the task ended before it was tried
            subtasks.append(
                SubtaskRecord(
                    self._text, result.seconds, result.seconds, str(State.FAILED), result.cause,
                    self._score, self._images,
                )
            )  # fmt: skip
        self._change(
            instruction=result.instruction, outcome=str(result.outcome), cause=result.answer or result.cause,
            steps=result.steps, seconds=round(result.seconds, 4), truth=result.truth,
            subtasks=tuple(subtasks), timings={**self.record.timings, **_rounded(result.timings)},
        )  # fmt: skip

    def _copy_graph(self, source: Path) -> None:
        ending = source.suffix.lower()
        if ending not in (".png", ".svg"):
            told = f"no picture of the memory: {shown(str(source))}, expected a .png or .svg"
            self._change(warnings=(*self.record.warnings, told))
            return
        target = self.folder / f"memory{ending}"
        try:
            if source.resolve() != target.resolve():
                write_atomically(target, source.read_bytes())
            self._change(memory_graph=target.name)
        except RecordingError as error:
            self._latch(error)
        except (OSError, ValueError) as error:
            self._change(warnings=(*self.record.warnings, f"no picture of the memory: {error}"))


class Watched(WatchedRobot):
    """A robot that shows everything it sees to a recorder; otherwise the robot itself."""

    def __init__(self, robot: Robot, recorder: RunRecorder) -> None:
        super().__init__(robot, lambda obs: recorder.add_frame(obs.images, obs.stamp_ns))


def _make_folder(root: Path, name: str) -> Path:
    """A folder of that name, or with a number behind it: two runs may begin in the same second."""
    for number in range(1, 1000):
        folder = root / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)  # one's own: nothing of another run is ever written over
            (folder / "images").mkdir()
        except FileExistsError:
            if root.exists() and not root.is_dir():
                raise RecordingError(
                    f"cannot write {plain(str(folder))}: {plain(str(root))} is no folder"
                ) from None
            continue
        except (OSError, ValueError) as error:
            raise recording_error(folder, error) from error
        return folder
    raise RecordingError(f"cannot write {root / name}: a thousand runs of that name are there")


def _rounded(timings: Mapping[str, tuple[float, ...]]) -> Mapping[str, tuple[float, ...]]:
    """``timings`` rounded to microseconds: further digits are noise, and people read the file too."""
    return {stage: tuple(round(call, 6) for call in calls) for stage, calls in timings.items()}


def _number(score: float) -> float:
    """``score``; 0 for NaN, which JSON does not know, and for huge numbers."""
    return float(score) if math.isfinite(score) and abs(score) < 1e12 else 0.0


def _seen(event: Event) -> list[SeenObject]:
    return [
        SeenObject(
            d.label,
            round(d.score, 4),
            (round(float(d.position[0]), 4), round(float(d.position[1]), 4), round(float(d.position[2]), 4)),
            round(d.sigma_m, 4),
        )
        for d in event.detections
    ]
