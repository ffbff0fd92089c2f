"""What is kept of a run, and ``result.json``, the form it has on disk."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vista.errors import ConfigError

RUNNING = "running"
MOMENTS = ("before", "goal", "after")


@dataclass(frozen=True, slots=True)
class RecalledItem:
    """One item that the memory gave for the subtask with this ``index`` (-1: before the first)."""

    kind: str
    text: str
    score: float
    index: int = -1


@dataclass(frozen=True, slots=True)
class SeenObject:
    """One detection: ``position`` [m] in the base frame, ``sigma_m`` its standard deviation per axis."""

    label: str
    score: float
    position: tuple[float, float, float]
    sigma_m: float


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


@dataclass(frozen=True, slots=True)
class StageSpan:
    """One call of a stage: ``start`` and ``end`` are wall time since the task began [s]."""

    stage: str
    start: float
    end: float


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

    def to_json(self) -> str:
        """The text of ``result.json``; each stage also gets its count, median, maximum and total [s]."""
        data = {**asdict(self), "timings": {name: _stage(calls) for name, calls in self.timings.items()}}
        return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


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
    file = Path(folder) / "result.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        data["timings"] = {name: tuple(stage["calls_s"]) for name, stage in data["timings"].items()}
        data["subtasks"] = tuple(SubtaskRecord(**each) for each in data["subtasks"])
        data["spans"] = tuple(StageSpan(**each) for each in data["spans"])
        data["recalled"] = tuple(RecalledItem(**each) for each in data["recalled"])
        data["seen"] = tuple(
            SeenObject(**{**each, "position": tuple(each["position"])}) for each in data["seen"]
        )
        data["warnings"] = tuple(data["warnings"])
        return RunRecord(**data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"run {file}: {type(error).__name__}: {' '.join(str(error).split())}") from error
