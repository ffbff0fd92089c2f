"""The numbers of the guard, and the file they come from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from vista.errors import ConfigError, InvalidValueError
from vista.resources import resource_path

_MAY_BE_ZERO = ("joint_margin_rad", "workspace_margin_m")


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """What a :class:`vista.guard.SafetyGuard` lets through; ``config/guard/default.yaml`` explains each.

    Units are in the names; ``joint_speed_scale`` multiplies the contract's joint velocities and
    ``dt_tolerance`` is relative.

    Raises:
        InvalidValueError: a value is not finite, negative, or zero where zero would stop the arm.
    """

    max_speed_m_s: float = 1.0
    max_turn_rad_s: float = 4.0
    joint_speed_scale: float = 1.0
    joint_margin_rad: float = 0.0
    workspace_margin_m: float = 0.0
    max_jump_m: float = 0.20
    max_jump_rad: float = 1.0
    max_joint_jump_rad: float = 0.5
    max_chunk_s: float = 0.5
    max_age_s: float = 0.5
    dt_tolerance: float = 0.02

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            lowest_fits = number and (value >= 0 if field.name in _MAY_BE_ZERO else value > 0)
            if not lowest_fits or value == float("inf"):
                least = "at least 0" if field.name in _MAY_BE_ZERO else "above 0"
                raise InvalidValueError(f"{field.name}: {value!r}, expected a number {least}")


def load_limits(path: str | Path | None = None) -> GuardLimits:
    """Limits from a YAML file; without ``path`` those of ``config/guard/default.yaml``.

    Raises:
        ConfigError: the file is missing or malformed, has an unknown key or a value out of range; the
            file, the key and what is allowed are named.
    """
    import yaml

    file = resource_path("config/guard/default.yaml") if path is None else Path(path)
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"guard limits {file}: {' '.join(str(error).split())}") from error
    if not isinstance(entries, dict):
        raise ConfigError(f"guard limits {file}: {type(entries).__name__}, expected lines 'name: number'")
    known = [field.name for field in fields(GuardLimits)]
    unknown = [str(key) for key in entries if key not in known]
    if unknown:
        raise ConfigError(f"guard limits {file}: unknown {', '.join(unknown)}; known: {', '.join(known)}")
    try:
        return GuardLimits(**entries)
    except InvalidValueError as error:
        raise ConfigError(f"guard limits {file}: {error}") from error
