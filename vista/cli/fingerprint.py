"""A short text that changes whenever a bench's result could: models, code, configuration, scenes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from vista.cli.large import named_folders
from vista.cli.refs import SETTINGS, shipped
from vista.errors import ConfigError
from vista.resources import resource_path

# Code that decides how an episode goes; the command line and the report do not.
_PACKAGES = ("vista", "vista_sim", "robomemory")
_LEFT_OUT = ("vista/report", "vista/cli")
_COUNTED = tuple(
    f"vista/cli/{name}.py"
    for name in ("compose", "large", "scripted", "symbols", "remembering", "episode", "scenes", "truth")
)


def _digest(files: Iterable[tuple[str, Path]], *more: str) -> str:
    total = hashlib.sha256("".join(more).encode())
    for name, path in sorted(files):
        with path.open("rb") as file:
            total.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def folder_digest(folder: Path) -> str:
    """Digest of the weights, configurations and data below ``folder``; pictures and texts do not count.

    Raises:
        ConfigError: no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"the folder {folder} does not exist")
    skipped = (".png", ".md", ".txt")
    return _digest(
        (str(p.relative_to(folder)), p)
        for p in folder.rglob("*")
        if p.is_file() and p.suffix not in skipped and "__pycache__" not in p.parts
    )


@cache
def code_digest() -> str:
    """Digest of the code and configuration that decide how an episode goes."""
    files = []
    for package in _PACKAGES:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            continue
        root = Path(next(iter(spec.submodule_search_locations)))
        for path in root.rglob("*.py"):
            name = f"{package}/{path.relative_to(root).as_posix()}"
            if name in _COUNTED or not name.startswith(_LEFT_OUT):
                files.append((name, path))
    config = resource_path("config")
    for folder in ("robots", "guard"):
        files += [(str(p.relative_to(config)), p) for p in (config / folder).rglob("*") if p.is_file()]
    files.append(("splits.yaml", config / "splits.yaml"))
    return _digest(files)


def ref_digest(ref: str | None, default: str) -> str:
    """What a reference stands for now: the weights of a folder, a settings file and the weights that it
    names, or the text of anything else."""
    if ref is None:
        return folder_digest(shipped(default))
    if Path(ref).is_dir():
        return folder_digest(Path(ref))
    if ref.endswith(SETTINGS) and Path(ref).is_file():
        return _digest([("settings", Path(ref))], *(folder_digest(f) for f in named_folders(ref)))
    if ":" not in ref and (os.sep in ref or ref.startswith(".")):
        raise ConfigError(f"{default}: the folder {ref} does not exist")
    where, _, folder = ref.partition("@")
    return f"{where}@{folder_digest(Path(folder))}" if folder else ref


def fingerprint(identity: Mapping[str, object]) -> str:
    """Sixteen hexadecimal digits for ``identity`` (plain values)."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
