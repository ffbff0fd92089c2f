"""Finds task classes: in the folder ``vista_sim/tasks``, in a Python file, or as ``module:Class``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

from vista.errors import ConfigError, UnknownNameError
from vista.files.yaml_file import existing, user_path
from vista.messages.describe import describe
from vista_sim.task import Task


def tasks_of(module: ModuleType) -> dict[str, type[Task]]:
    """The tasks by name that ``module`` itself defines."""
    own = [
        each for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Task) and each.__module__ == module.__name__
    ]  # fmt: skip
    return {each.name: each for each in own if not inspect.isabstract(each)}


def task_class(name: str, known: Mapping[str, type[Task]]) -> type[Task]:
    """The task of ``known`` that is called ``name``, or one's own: ``FILE.py`` that defines one task, or
    ``module:Class``.

    Raises:
        UnknownNameError: no such task, or no such class in the module; those that are there are listed.
        ConfigError: the file or module cannot be read, or holds no task, or several.
    """
    if isinstance(name, str) and name in known:
        return known[name]
    if isinstance(name, str) and name.endswith(".py"):
        path = existing(user_path(name, "task"), "task file").resolve()
        return _only(f"task file {name}", _module_of(path, path.stat().st_mtime_ns))
    if isinstance(name, str) and ":" in name:
        return _of_module(name)
    raise UnknownNameError("task", str(name), [*known, "FILE.py", "module:Class"])


def _only(told: str, module: ModuleType) -> type[Task]:
    found = list(tasks_of(module).values())
    if len(found) != 1:
        names = ", ".join(each.__name__ for each in found) or "none"
        raise ConfigError(f"{told}: expected one class that derives from vista_sim.task.Task; found: {names}")
    return found[0]


@cache
def _module_of(path: Path, changed_ns: int) -> ModuleType:
    digest = hashlib.sha256(f"{path} {changed_ns}".encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(f"own_task_{path.stem}_{digest}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks its own module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's file does while it is read
        del sys.modules[spec.name]
        raise ConfigError(f"task file {path}: {describe(error)}") from error
    return module


def _of_module(name: str) -> type[Task]:
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f"task {name!r}: expected module:Class")
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # whatever a user's module does while it is read
        why = str(error) if isinstance(error, ImportError) else describe(error)
        raise ConfigError(f"task {name!r}: module {module_name!r} cannot be imported: {why}") from error
    found = getattr(module, attribute, None)
    if not isinstance(found, type) or not issubclass(found, Task) or inspect.isabstract(found):
        classes = [each.__name__ for each in tasks_of(module).values()]
        raise UnknownNameError(f"task of module {module_name}", attribute, classes)
    return found
