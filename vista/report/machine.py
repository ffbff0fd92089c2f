"""The machine of a run, in words: a time without its machine says little."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

_PACKAGES = ("numpy", "torch", "transformers", "diffusers", "mujoco", "onnxruntime", "rclpy")


def machine_info() -> Mapping[str, str]:
    """Processor, cores that may be used, memory, system and the versions of what decides speed.

    Nothing that tells one machine's owner from another's: no names, no addresses, no paths.
    """
    versions = {name: version for name in _PACKAGES if (version := _version(name))}
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package) or ""
    except metadata.PackageNotFoundError:
        return ""


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"
    except (OSError, ValueError):
        return "not known"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.split(":", 1)[1].split())
    except (OSError, ValueError):
        pass
    return platform.processor() or platform.machine()
