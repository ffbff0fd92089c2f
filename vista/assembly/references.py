"""References to parts: None (the part that ships), a word, a model folder, a settings file, or
``module:Class``."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vista.errors import ConfigError, UnknownNameError, VistaError
from vista.files.resources import resource_path
from vista.files.settings import Options, read_options
from vista.files.yaml_file import user_path
from vista.messages.describe import describe
from vista.robot.model_fit import check_fits
from vista.types import RobotSpec

Loader = Callable[[Path], object]
# From the options of a settings file, and what the file is called.
FileLoader = Callable[[Options, str], object]
SETTINGS = (".yaml", ".yml")
FOLDERS = {"long": "executor_long"}
"""Words that stand for the weights in a folder below ``models/``."""

# Which kind of part a folder holds, by the class that its configuration names.
_CONFIGS = ("model_index.json", "config.json")


def at_home(ref: str) -> str:
    """``ref`` with ``~``, before a folder or behind the ``@`` of a class, for the user's home: what stands in
    quotes or in a file no shell has seen."""
    where, at, folder = ref.partition("@") if ":" in ref else ("", "", ref)
    return f"{where}{at}{user_path(folder, 'reference')}" if folder.startswith("~") else ref


def shipped(name: str) -> Path:
    """The folder of the model that ships as ``models/<name>``.

    Raises:
        ConfigError: it is not there; the message says what makes it.
    """
    try:
        return resource_path(f"models/{name}")
    except ConfigError as error:
        kind = name.replace("_", "-")
        how = f"no {kind} ships as models/{name}; 'vista train {kind}' makes one"
        raise ConfigError(f"{how} ({error})") from error


def fitting(kind: str, folder: Path, spec: RobotSpec | None) -> Path:
    """``folder``, whose model fits the arm of ``spec``; None: no arm is asked about.

    Raises:
        ModelMismatchError: it was trained for another one.
    """
    if spec is not None:
        check_fits(kind, folder, spec)
    return folder


def class_in(folder: Path) -> str | None:
    """The class that a model folder's configuration names, None if it names none."""
    for name in _CONFIGS:
        path = folder / name
        if not path.is_file():
            continue
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            found = data.get("_class_name") or (data.get("architectures") or [None])[0]
        except (OSError, ValueError, AttributeError, LookupError, TypeError) as error:
            raise ConfigError(f"{path}: not a model's configuration: {describe(error)}") from error
        if found:
            return str(found[-1] if isinstance(found, list) else found)
    return None


def load(
    kind: str,
    ref: str | Path | None,
    protocol: type[Any],
    *,
    default: str,
    classes: Mapping[str, Loader],
    words: Mapping[str, Callable[[], object]],
    files: Mapping[str, FileLoader] | None = None,
    other: Callable[[Path, str | None], Loader | None] = lambda folder, name: None,
    spec: RobotSpec | None = None,
) -> Any:
    """The part that ``ref`` speaks of, checked against ``protocol``.

    Args:
        kind: What is loaded, in words, for messages ("executor").
        default: Folder below ``models/`` that None stands for.
        classes: What loads a folder, by the class its configuration names; ``""`` for one that names none.
        words: Parts that a single word stands for ("oracle").
        files: What makes a part from a settings file, by the ``type`` that the file names.
        other: What loads a folder whose class is none of ``classes``, if anything does.
        spec: The contract of the arm: a folder that says that it was trained for another one is refused.

    Raises:
        ConfigError: no such folder, module or class, or the object lacks what ``protocol`` asks for.
        UnknownNameError: a word that is none of ``words``, or a folder of another kind of model.
        ModelMismatchError: a folder with a model of another arm.
    """
    if ref is None:
        loaded = _from_folder(kind, shipped(default), classes, other, spec)
        return _checked(kind, f"models/{default}", loaded, protocol)
    text = os.fspath(ref)
    if not text.strip() or "\0" in text:
        raise ConfigError(f"{kind} {text!r}: expected a reference, or nothing for what ships")
    if text in words:
        return _checked(kind, text, words[text](), protocol)
    text = at_home(text)
    if Path(text).is_dir():
        return _checked(kind, text, _from_folder(kind, Path(text), classes, other, spec), protocol)
    if text.endswith(SETTINGS):
        return _checked(kind, text, _from_file(kind, text, files or {}), protocol)
    if "://" in text:  # not repeated: there may be a password in it
        raise ConfigError(f"{kind}: an address is no reference; it belongs into a settings file (*.yaml)")
    if ":" in text:
        return _checked(kind, text, _own(kind, text), protocol)
    if os.sep in text or text.startswith("."):
        raise ConfigError(f"{kind}: the folder {text} does not exist")
    settings = ["a settings file (*.yaml)"] if files else []
    allowed = [*words, "a model folder", *settings, "module:Class", "module:Class@folder"]
    raise UnknownNameError(kind, text, allowed)


def _from_folder(
    kind: str,
    folder: Path,
    classes: Mapping[str, Loader],
    other: Callable[[Path, str | None], Loader | None],
    spec: RobotSpec | None,
) -> object:
    name = class_in(folder)
    loader = classes.get("" if name is None else name) or other(folder, name)
    if loader is None:
        known = [c for c in classes if c] or ["none"]
        what = f"a {name}" if name else "no configuration that names a class"
        raise ConfigError(
            f"{kind}: {folder} holds {what}; expected {', '.join(known)}, or say module:Class@{folder}"
        )
    return loader(fitting(kind, folder, spec))


def _from_file(kind: str, path: str, files: Mapping[str, FileLoader]) -> object:
    name, options = read_options(path)
    if name not in files:
        raise UnknownNameError(f"type of {kind} in {path}", name, files)
    return files[name](options, path)


def _own(kind: str, text: str) -> object:
    """The object of ``module:Class`` or ``module:Class@folder``; modules beside the caller are found."""
    where, _, folder = text.partition("@")
    module_name, _, attribute = where.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f"{kind} {text!r}: expected module:Class or module:Class@folder")
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        target: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        why = str(error) if isinstance(error, ImportError) else describe(error)
        raise ConfigError(f"{kind} {text!r}: module {module_name!r} cannot be imported: {why}") from error
    try:
        for part in attribute.split("."):
            target = getattr(target, part)
    except AttributeError as error:
        own = vars(sys.modules[module_name]).values()
        public = [c.__name__ for c in own if isinstance(c, type) and c.__module__ == module_name]
        raise UnknownNameError(f"class of module {module_name}", attribute, public) from error
    if folder:
        if not Path(folder).is_dir():
            raise ConfigError(f"{kind} {text!r}: the folder {folder} does not exist")
        if not hasattr(target, "from_pretrained"):
            raise ConfigError(f"{kind} {text!r}: {attribute} has no from_pretrained(folder)")
        target = target.from_pretrained
    if not callable(target):
        raise ConfigError(f"{kind} {text!r}: {attribute} is not a class")
    try:
        return target(folder) if folder else target()
    except VistaError:
        raise
    except (Exception, SystemExit) as error:
        call = f"{attribute}.from_pretrained({folder!r})" if folder else f"{attribute}()"
        raise ConfigError(f"{kind} {text!r}: {call} failed: {describe(error)}") from error


def _checked(kind: str, ref: str, part: object, protocol: type[Any]) -> object:
    if isinstance(part, protocol):
        return part
    wanted = sorted(getattr(protocol, "__protocol_attrs__", ())) or sorted(
        name for name in vars(protocol) if not name.startswith("_")
    )
    missing = [name for name in wanted if not hasattr(part, name)]
    raise ConfigError(
        f"{kind} {ref!r}: {type(part).__name__} is not a {protocol.__name__}: it lacks {', '.join(missing)}"
    )
