"""Looks into the files of a model before a library reads them.

Libraries say that "a header" is wrong and leave out whose. Here each file that is torn, empty, or not what
its name says is named; and a pickle, which can run code when it is read, is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from safetensors import SafetensorError, safe_open

from vista.messages.plain_text import plain

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill")
ONLY_SAFETENSORS = "only *.safetensors are loaded"
_POINTER = b"version https://git-lfs"
_MAX_JSON = 64 * 1024 * 1024


def problem_in_model(folder: Path) -> str | None:
    """What is wrong with the files of the model in ``folder`` and in the folders of its parts; else None.

    Weights are not read, only their headers: this is quick for large models, too. A pickle beside safetensors
    is left alone, since it is never loaded; one in their place is a problem.
    """
    try:
        folders = [folder, *sorted(p for p in folder.iterdir() if p.is_dir())]
        for each in folders:
            if (problem := _problem_in_folder(each)) is not None:
                return problem
    except OSError as error:
        return f"{folder} cannot be read: {plain(str(error))}"
    return None


def problem_in_json(file: Path, *, wanted: type = dict) -> str | None:
    """What is wrong with a JSON ``file`` that should hold a ``wanted``; None if nothing."""
    try:
        if file.stat().st_size > _MAX_JSON:
            return f"{file} has {file.stat().st_size:,} bytes, expected at most {_MAX_JSON:,}"
        raw = file.read_bytes()
    except OSError as error:
        return f"{file} cannot be read: {plain(str(error))}"
    if (problem := _no_content(file, raw)) is not None:
        return problem
    try:
        found = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return f"{file} is no JSON: no UTF-8 at byte {error.start}"
    except RecursionError:
        return f"{file} is no JSON that can be read: nested too deeply"
    except ValueError as error:
        return f"{file} is no JSON, or torn: {plain(str(error), 120)}"
    if not isinstance(found, wanted):
        return f"{file} holds a {type(found).__name__}, expected an object"
    return None


def problem_in_safetensors(file: Path) -> str | None:
    """What is wrong with the header or the length of ``file``; None if nothing."""
    try:
        with file.open("rb") as opened:
            head = opened.read(len(_POINTER))
    except OSError as error:
        return f"{file} cannot be read: {plain(str(error))}"
    if (problem := _no_content(file, head)) is not None:
        return problem
    try:
        with safe_open(file, framework="np") as opened_file:
            opened_file.keys()
    except (SafetensorError, OSError, ValueError) as error:
        return f"{file} is torn, or no file of safetensors: {plain(str(error), 160)}"
    return None


def _no_content(file: Path, head: bytes) -> str | None:
    if not head.strip():
        return f"{file} is empty"
    if head.startswith(_POINTER):
        return f"{file} is a pointer of Git LFS, not the file itself: fetch it with 'git lfs pull'"
    return None


def _problem_in_folder(folder: Path) -> str | None:
    files = sorted(p for p in folder.iterdir() if p.is_file())
    weights = [p for p in files if p.suffix == ".safetensors"]
    pickles = [p for p in files if p.suffix.lower() in PICKLES]
    if pickles and not weights and (folder / "config.json").is_file():
        return f"{pickles[0]} is a pickle, which can run code when it is read; {ONLY_SAFETENSORS}"
    for file in files:
        if file.suffix == ".json":
            # Vocabularies may be lists; what configures or indexes is an object.
            wanted = dict if file.stem.endswith(("config", ".index", "model_index")) else object
            problem = problem_in_json(file, wanted=wanted) or _elsewhere(file)
        elif file in weights:
            problem = problem_in_safetensors(file)
        else:
            problem = None
        if problem is not None:
            return problem
    return None


def _elsewhere(file: Path) -> str | None:
    """What is wrong with the files of weights that a configuration or an index names; None if nothing."""
    if not file.name.endswith(("config.json", ".index.json")):
        return None
    data = json.loads(file.read_bytes().decode("utf-8-sig"))
    named: Iterable[object] = ()
    if file.name.endswith(".safetensors.index.json"):
        if not isinstance(data.get("weight_map"), dict):
            return f"{file} holds no 'weight_map', expected files by the names of weights"
        named = data["weight_map"].values()
    elif (chosen := data.get("transformers_weights")) is not None:
        named = [chosen]
    for name in dict.fromkeys(map(str, named)):
        if not name.endswith((".safetensors", ".safetensors.index.json")) or Path(name).name != name:
            return f"{file} names the weights {plain(name, 80)!r}; {ONLY_SAFETENSORS}, from the same folder"
        if not (file.parent / name).is_file():
            return f"{file} names the weights {plain(name, 80)!r}, which are not there"
    return None
