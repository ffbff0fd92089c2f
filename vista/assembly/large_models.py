"""Large models by configuration: what makes a part from a settings file, or from a folder of a known library.

Each loader imports its library when it is called; ``docs/large-models.md`` has the files' entries.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from vista.assembly.references import FileLoader, Loader
from vista.errors import ConfigError
from vista.files.settings import Options, from_options, read_options
from vista.files.yaml_file import user_path

T = TypeVar("T")
WRITERS = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")


def beside(options: Options, where: str, *names: str) -> Options:
    """``options`` with those paths among ``names`` that begin with ``./`` or ``../`` seen from the file, and
    those that begin with ``~`` from the user's home."""
    folder = user_path(where, "settings").parent

    def seen(value: object) -> object:
        if isinstance(value, str) and value.startswith(("./", "../")):
            return str(folder / value)
        return str(user_path(value, "settings")) if isinstance(value, str) and value[:1] == "~" else value

    return {name: seen(value) if name in names else value for name, value in options.items()}


def named_folders(path: str) -> list[Path]:
    """The folders of weights that the settings file ``path`` names, wherever they stand in it."""
    _, options = read_options(path)
    found, left = [], [options]
    while left:
        entries = left.pop()
        left += [{str(k): v for k, v in e.items()} for e in entries.values() if isinstance(e, Mapping)]
        seen = beside(entries, path, *entries)
        found += [Path(v) for v in seen.values() if isinstance(v, str) and os.path.isdir(v)]
    return sorted(found)


def policies() -> Mapping[str, FileLoader]:
    """Executors by the ``type`` of a settings file."""

    def lerobot(options: Options, where: str) -> object:
        from vista.executor.lerobot.client import LeRobotPolicy, LeRobotSettings

        return LeRobotPolicy(from_options(LeRobotSettings, beside(options, where, "checkpoint"), where))

    return {"lerobot": lerobot}


def policy_in(folder: Path, name: str | None) -> Loader | None:
    """What loads a checkpoint of LeRobot: its configuration names no class but a type and features."""
    try:
        data = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if name is not None or not isinstance(data, dict) or not {"type", "input_features"} <= set(data):
        return None
    from vista.executor.lerobot.client import LeRobotPolicy

    return LeRobotPolicy.from_pretrained


def world_models() -> Mapping[str, FileLoader]:
    """World models by the ``type`` of a settings file."""

    def diffusers(options: Options, where: str) -> object:
        from vista.world_model.diffusers_adapter import DiffusersSettings, DiffusersWorldModel

        settings = from_options(DiffusersSettings, beside(options, where, "model"), where)
        return DiffusersWorldModel.from_settings(settings)

    return {"diffusers": diffusers}


def world_model_in(folder: Path, name: str | None) -> Loader | None:
    """What loads any other pipeline of diffusers."""
    if name is None or not (folder / "model_index.json").is_file():
        return None
    from vista.world_model.diffusers_adapter import DiffusersWorldModel

    return DiffusersWorldModel.from_pretrained


def language(role: str) -> Mapping[str, FileLoader]:
    """``Planner``, ``Critic`` or ``Preprocessor`` (``role``) by the ``type`` of a settings file."""

    def endpoint(options: Options, where: str) -> object:
        from vista.planner import endpoint as library

        return getattr(library, f"Endpoint{role}").from_config(
            from_options(library.EndpointConfig, options, where)
        )

    def transformers(options: Options, where: str) -> object:
        from vista.planner import local as library

        model = options.get("transformers")
        if isinstance(model, Mapping):
            options = {**options, "transformers": beside(model, where, "model")}
        return getattr(library, f"Transformers{role}").from_config(
            from_options(library.TransformersConfig, options, where)
        )

    return {"endpoint": endpoint, "transformers": transformers}


def resolvers() -> Mapping[str, FileLoader]:
    """Resolvers of the memory by the ``type`` of a settings file."""

    def endpoint(options: Options, where: str) -> object:
        from robomemory.errors import ResolverError
        from robomemory.resolving.endpoint import EndpointResolver
        from vista.planner.endpoint import EndpointConfig
        from vista.planner.endpoint_settings import key_from_environment

        config = from_options(EndpointConfig, options, where)
        said, seconds = config.endpoint, config.resolver_timeout_s
        key_from_environment(said.api_key_env)  # from now on it is hidden in every message
        try:
            return EndpointResolver(
                said.base_url, said.model, api_key_env=said.api_key_env, timeout_s=seconds,
                max_tokens=max(said.max_tokens, 1_000),
            )  # fmt: skip
        except ResolverError as error:
            raise ConfigError(f"{where}: {error}") from error

    return {"endpoint": endpoint}


def planner_in(folder: Path, name: str | None) -> Loader | None:
    """What loads a language model of transformers."""
    if name is None or not name.endswith(WRITERS):
        return None
    from vista.planner.local import TransformersPlanner

    return TransformersPlanner.from_pretrained
