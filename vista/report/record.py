"""The record of a run, and ``result.json``, its form on disk."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vista import values
from vista.errors import ConfigError, InvalidValueError
from vista.files.yaml_file import user_path
from vista.messages.plain_text import plain

_LARGEST = 1e12
"""No number of a run is larger; a page shows durations to the second."""
RUNNING = "running"
MOMENTS = ("before", "goal", "after")


@dataclass(frozen=True, slots=True)
class RecalledItem:
    """One item that the memory gave for the subtask with this ``index`` (-1: before the first)."""

    kind: str
    text: str
    score: float
    index: int = -1

    def __post_init__(self) -> None:
        _texts(self, "kind", "text")
        _numbers(self, "score")
        values.whole("RecalledItem.index", self.index, -1)


@dataclass(frozen=True, slots=True)
class SeenObject:
    """One detection: ``position`` [m] in the base frame, ``sigma_m`` its standard deviation per axis."""

    label: str
    score: float
    position: tuple[float, float, float]
    sigma_m: float

    def __post_init__(self) -> None:
        _texts(self, "label")
        _numbers(self, "score", "sigma_m")
        for each in _long(values.sequence("SeenObject.position", self.position), 3):
            values.number("SeenObject.position", each, -_LARGEST, _LARGEST)


@dataclass(frozen=True, slots=True)
class SubtaskRecord:
    """One subtask. ``start`` and ``end``: robot time since the task began [s]; ``images``
    {camera: {moment: file}}, moment one of :data:`MOMENTS`, file relative to the run's folder; ``why``: the
    planner's reason, where it gives one."""

    text: str
    start: float
    end: float
    state: str
    reason: str = ""
    score: float = 0.0
    images: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    why: str = ""

    def __post_init__(self) -> None:
        _texts(self, "text", "state", "reason", "why")
        _numbers(self, "start", "end", "score")
        for camera, files in values.entries("SubtaskRecord.images", self.images):
            for moment, file in values.entries(f"SubtaskRecord.images[{values.shown(camera)}]", files):
                values.text(f"SubtaskRecord.images[{values.shown(camera)}][{values.shown(moment)}]", file)


@dataclass(frozen=True, slots=True)
class StageSpan:
    """One call of a stage: ``start`` and ``end`` are wall time since the task began [s]."""

    stage: str
    start: float
    end: float

    def __post_init__(self) -> None:
        _texts(self, "stage")
        _numbers(self, "start", "end")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. ``seconds`` of robot time and ``wall_seconds``; ``truth`` is None outside simulation;
    ``timings`` {stage: wall seconds of each call}; ``facts`` and ``machine`` are for people to read;
    ``video`` and ``memory_graph`` are files relative to the run's folder, empty where there is none."""

    instruction: str
    outcome: str
    truth: bool | None
    cause: str
    started: str
    seconds: float = 0.0
    wall_seconds: float = 0.0
    steps: int = 0
    subtasks: tuple[SubtaskRecord, ...] = ()
    timings: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    spans: tuple[StageSpan, ...] = ()
    recalled: tuple[RecalledItem, ...] = ()
    seen: tuple[SeenObject, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    video: str = ""
    memory_graph: str = ""

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a value that no page could show; the parts have checked themselves."""
        _texts(self, "instruction", "outcome", "cause", "started", "video", "memory_graph")
        _numbers(self, "seconds", "wall_seconds")
        values.whole("RunRecord.steps", self.steps, 0)
        if self.truth is not None:
            values.flag("RunRecord.truth", self.truth)
        for name in ("facts", "machine"):
            for key, value in values.entries(f"RunRecord.{name}", getattr(self, name)):
                values.text(f"RunRecord.{name}[{values.shown(key)}]", value)

    def to_json(self) -> str:
        """The text of ``result.json``; each stage also gets its count, median, maximum and total [s].
        Lone surrogates, which no file in UTF-8 can hold, are escaped as JSON does it."""
        data = {**asdict(self), "timings": {name: _stage(calls) for name, calls in self.timings.items()}}
        text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        return text.encode("utf-8", "backslashreplace").decode()


def _stage(calls: Sequence[float]) -> dict[str, float | list[float]]:
    return {
        "count": len(calls),
        "median_s": statistics.median(calls) if calls else 0.0,
        "max_s": max(calls, default=0.0),
        "total_s": round(math.fsum(calls), 6),
        "calls_s": list(calls),
    }


def load_record(folder: str | Path) -> RunRecord:
    """The record of the run in ``folder``.

    Raises:
        ConfigError: there is no ``result.json``, or it is not one of ours; the file is named.
    """
    file = user_path(folder, "run") / "result.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        data["timings"] = {
            name: tuple(
                values.number(f"timings[{values.shown(name)}]", each, 0, _LARGEST)
                for each in stage["calls_s"]
            )
            for name, stage in data["timings"].items()
        }
        data["subtasks"] = tuple(SubtaskRecord(**each) for each in data["subtasks"])
        data["spans"] = tuple(StageSpan(**each) for each in data["spans"])
        data["recalled"] = tuple(RecalledItem(**each) for each in data["recalled"])
        data["seen"] = tuple(
            SeenObject(**{**each, "position": tuple(each["position"])}) for each in data["seen"]
        )
        data["warnings"] = tuple(values.text("warnings", each) for each in data["warnings"])
        return RunRecord(**data)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        told = plain(f"{type(error).__name__}: {error}", 300)
        raise ConfigError(f"run {plain(str(file))}: {told}") from error


def _texts(record: object, *names: str) -> None:
    for name in names:
        values.text(f"{type(record).__name__}.{name}", getattr(record, name))


def _numbers(record: object, *names: str) -> None:
    for name in names:
        values.number(f"{type(record).__name__}.{name}", getattr(record, name), -_LARGEST, _LARGEST)


def _long(value: Sequence[object], length: int) -> Sequence[object]:
    if len(value) != length:
        raise InvalidValueError(f"{values.shown(value)}, expected {length} numbers")
    return value
