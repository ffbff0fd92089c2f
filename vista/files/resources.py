"""Finds the files that come with the stack (``config/``, ``models/``, ``launch/``) wherever it runs from."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from vista.errors import ConfigError

SHARE = Path("share") / "vista_stack"


def resource_roots() -> tuple[Path, ...]:
    """The folders that are searched, in this order: the source tree when the library runs from one, the
    ``share/vista_stack`` of every prefix on ``AMENT_PREFIX_PATH``, and that of this Python."""
    roots = []
    source = Path(__file__).resolve().parents[2]
    if (source / "pyproject.toml").is_file():
        roots.append(source)
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    roots += [prefix / SHARE for prefix in (*prefixes, Path(sys.prefix))]
    return tuple(dict.fromkeys(roots))


def resource_path(relative: str | Path) -> Path:
    """The absolute path of a file or folder that comes with the stack.

    Args:
        relative: As in the source tree, for example ``config/robots/panda.yaml``.

    Raises:
        ConfigError: it is in none of the folders, which the message lists; or ``relative`` is absolute
            or climbs out of them.
    """
    try:
        wanted = Path(relative)
    except TypeError as error:
        raise ConfigError(
            f"resource {relative!r}: expected a path such as config/robots/panda.yaml"
        ) from error
    if wanted.is_absolute() or ".." in wanted.parts or not wanted.parts:
        raise ConfigError(f"resource {str(relative)!r}: expected a path such as config/robots/panda.yaml")
    roots = resource_roots()
    for root in roots:
        try:
            if (root / wanted).exists():
                return root / wanted
        except OSError:  # too long for a name, or a folder that may not be looked into
            continue
    raise ConfigError(f"resource {str(wanted)!r} not found; looked in: {', '.join(map(str, roots))}")
