"""Makes a ROS 2 prefix of a virtual environment that holds the ROS wheels. Safe to run again.

The wheels put an install space into the root of the environment, but it names the folders of the machine
that built them, and the setup scripts of the prefix are left out. This mends both.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

import ament_package.templates as templates
import numpy


def mend_paths(prefix: Path) -> int:
    """Point every text file below ``prefix/share`` at this environment; returns how many were changed."""
    build_python = rb"/opt/python/cp\d+-cp\d+"
    include = re.compile(build_python + rb"/include/python3\.\d+")
    numpy_include = re.compile(build_python + rb"/lib/python3\.\d+/site-packages/numpy/_core/include")
    root = re.compile(build_python)
    changed = 0
    for path in prefix.joinpath("share").rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        before = path.read_bytes()
        if b"/opt/python/cp" not in before or b"\0" in before:
            continue
        # Longest first: the general pattern is a prefix of the other two.
        after = numpy_include.sub(lambda _: numpy.get_include().encode(), before)
        after = include.sub(lambda _: sysconfig.get_path("include").encode(), after)
        after = root.sub(lambda _: str(prefix).encode(), after)
        path.write_bytes(after)
        changed += 1
    return changed


def write_setup_files(prefix: Path) -> None:
    """Write ``setup.bash`` and its kin, which a ROS 2 installation has and the wheels lack."""
    values = {
        "@CMAKE_INSTALL_PREFIX@": str(prefix),
        "@ament_package_PYTHON_EXECUTABLE@": str(prefix / "bin" / "python3"),
        "@SKIP_PARENT_PREFIX_PATH@": "1",
    }
    for name in templates.get_prefix_level_template_names():
        text = Path(templates.get_prefix_level_template_path(name)).read_text()
        for key, value in values.items():
            text = text.replace(key, value)
        (prefix / name.removesuffix(".in")).write_text(text)


if __name__ == "__main__":
    mend_paths(Path(sys.argv[1]).resolve())
    write_setup_files(Path(sys.argv[1]).resolve())
