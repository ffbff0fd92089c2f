"""The report of a bench: one JSON object with its cells, the version of the code and the machine."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from vista import __version__
from vista.report.machine import machine_info
from vista_bench.suites.base import BenchSettings, Cell


def report_of(suite: str, settings: BenchSettings, cells: Sequence[Cell]) -> dict[str, object]:
    """The report of ``cells``, as plain values."""
    return {
        "suite": suite,
        "seed": settings.seed,
        "split": settings.split,
        "task": settings.task,
        "commit": commit(),
        "machine": dict(machine_info()),
        "cells": list(cells),
    }


def write_report(report: Mapping[str, object], path: Path) -> None:
    """Write ``report`` to ``path``, whole or not at all."""
    scratch = path.with_name(path.name + ".part")
    scratch.write_text(json.dumps(plainly(report), indent=1) + "\n", encoding="utf-8")
    os.replace(scratch, path)


def plainly(value: object) -> object:
    """``value`` without the numbers that JSON does not know: NaN and infinity become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: plainly(each) for name, each in value.items()}
    return [plainly(each) for each in value] if isinstance(value, list | tuple) else value


def commit() -> str:
    """The commit of this code, with "-dirty" after changes; the version where there is no git."""
    folder = Path(__file__).resolve().parents[2]
    try:
        call = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
        done = subprocess.run(call, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return f"version {__version__}"
    return done.stdout.strip()
