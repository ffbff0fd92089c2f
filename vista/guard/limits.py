"""The limits of the guard, and the file that sets them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from vista.errors import ConfigError, InvalidValueError
from vista.files.resources import resource_path
from vista.messages.plain_text import plain
from vista.values import number, shown

_MAY_BE_ZERO = ("joint_margin_rad", "workspace_margin_m", "link_clearance_m", "self_clearance_m")
# Products of the smallest and of the largest stay far from where arithmetic under- or overflows.
_LEAST, _MOST_OF_ALL = 1e-6, 1e4
_MOST = {"dt_tolerance": 0.5}


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """What a :class:`vista.guard.SafetyGuard` lets through; ``config/guard/default.yaml`` explains each.

    Units are in the names; ``joint_speed_scale`` multiplies the contract's joint velocities and
    ``dt_tolerance`` is relative.

    Raises:
        InvalidValueError: a value is not finite, negative, zero where zero would stop the arm, or larger
            than any arm is fast.
    """

    max_speed_m_s: float = 1.0
    max_turn_rad_s: float = 4.0
    joint_speed_scale: float = 1.0
    joint_margin_rad: float = 0.0
    workspace_margin_m: float = 0.0
    link_clearance_m: float = 0.01
    self_clearance_m: float = 0.005
    max_commands_hz: float = 50.0
    max_jump_m: float = 0.20
    max_jump_rad: float = 1.0
    max_joint_jump_rad: float = 0.5
    max_chunk_s: float = 0.5
    max_age_s: float = 0.5
    dt_tolerance: float = 0.02

    def __post_init__(self) -> None:
        for field in fields(self):
            least = "at least 0" if field.name in _MAY_BE_ZERO else "above 0"
            low = 0.0 if field.name in _MAY_BE_ZERO else _LEAST
            high = _MOST.get(field.name, _MOST_OF_ALL)
            what = f"a number {least}, at most {high:g}"
            value = number(field.name, getattr(self, field.name), low, high, what)
            object.__setattr__(self, field.name, value)


def load_limits(path: str | Path | None = None) -> GuardLimits:
    """Limits from a YAML file; without ``path`` those of ``config/guard/default.yaml``.

    Raises:
        ConfigError: the file is missing or malformed, has an unknown key or a value out of range; the
            file, the key and what is allowed are named.
    """
    from vista.files.yaml_file import read_yaml, user_path

    shipped = path is None
    file = resource_path("config/guard/default.yaml") if path is None else user_path(path, "guard limits")
    told = f"guard limits {plain(str(file))}"
    entries = read_yaml(file, "guard limits")
    if entries is None and not shipped:
        entries = {}
    if not isinstance(entries, dict):
        raise ConfigError(f"{told}: {type(entries).__name__}, expected lines 'name: number'")
    known = [field.name for field in fields(GuardLimits)]
    unknown = [shown(key) for key in entries if key not in known]
    if unknown:
        raise ConfigError(f"{told}: unknown {', '.join(unknown[:5])}; known: {', '.join(known)}")
    try:
        return GuardLimits(**entries)
    except InvalidValueError as error:
        raise ConfigError(f"{told}: {error}") from error
