"""What pyproject.toml cannot say: every file below config/, models/ and launch/ goes to share/vista_stack."""

import sys
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
SHARED = ("config", "models", "launch")


def data_files() -> list[tuple[str, list[str]]]:
    folders: dict[str, list[str]] = {}
    for top in SHARED:
        for path in sorted((ROOT / top).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                relative = path.relative_to(ROOT)
                folders.setdefault(f"share/vista_stack/{relative.parent}", []).append(str(relative))
    return list(folders.items())


# An editable install reads these files from the source tree: a copy of them would only grow stale.
setup(data_files=[] if "editable_wheel" in sys.argv else data_files())
