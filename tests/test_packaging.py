"""What is shipped holds what it must: the three ROS packages are found, the wheel is whole, the two commands
of a newcomer are there."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from vista.errors import ConfigError
from vista.files.resources import resource_path, resource_roots

ROOT = Path(__file__).resolve().parents[1]
MANIFESTS = [
    ROOT / "package.xml",
    ROOT / "ros2_ws/src/vista_msgs/package.xml",
    ROOT / "ros2_ws/src/vista_ros/package.xml",
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_colcon_finds_the_three_packages():
    if importlib.util.find_spec("colcon_core") is None:
        pytest.skip("colcon is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "colcon", "list"],
        cwd=ROOT / "ros2_ws",
        env={**os.environ, "COLCON_LOG_PATH": os.devnull},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found = {line.split("\t")[0]: line.split("\t")[2] for line in done.stdout.splitlines()}
    assert found == {
        "vista_stack": "(ros.ament_cmake)",
        "vista_msgs": "(ros.ament_cmake)",
        "vista_ros": "(ros.ament_python)",
    }


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda p: p.parent.name)
def test_manifest_is_valid(path: Path):
    root = ET.parse(path).getroot()
    assert root.get("format") == "3"
    assert root.findtext("license") == PROJECT["license"]
    version = re.search(r'__version__ = "(.+)"', (ROOT / "vista/__init__.py").read_text())
    assert version is not None
    assert root.findtext("version") == version[1]
    for maintainer in root.findall("maintainer"):
        assert re.fullmatch(r"[\w.-]+@[\w-]+(\.[\w-]+)+", maintainer.get("email", ""))
    if importlib.util.find_spec("catkin_pkg"):
        from catkin_pkg.package import parse_package

        assert parse_package(str(path)).name == root.findtext("name")


def test_nodes_have_entry_points():
    text = (ROOT / "ros2_ws/src/vista_ros/setup.py").read_text()
    for node in ("sim", "guard", "executor", "perception", "world_model", "memory", "agent"):
        assert f'"{node}"' in text


def test_interfaces_say_their_units():
    """Every field of a message has a comment, but for members that are a message of ours."""
    bare = []
    for path in sorted((ROOT / "ros2_ws/src/vista_msgs").rglob("*.*")):
        if path.suffix not in (".msg", ".srv", ".action"):
            continue
        for line in path.read_text().splitlines():
            field = line.strip()
            if not field or field.startswith("#") or field == "---" or "=" in field or "#" in field:
                continue
            kind, name = field.split()
            plain = kind.split("[")[0].islower() and "/" not in kind
            if plain and name not in ("ok", "instruction"):
                bare.append(f"{path.name}: {field}")
    assert not bare, "\n".join(bare)


def test_file_names_are_plain():
    """CMake cannot install a file whose name holds quotes, backslashes or line ends."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    odd = [name for name in listed.stdout.split("\0") if re.search(r"[^\w./+@ -]", name)]
    assert not odd, f"odd file names: {odd}"


def test_requirements_are_pinned():
    """Every package that is asked for by name has its version in constraints.txt."""

    def key(requirement: str) -> str:
        return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", requirement.strip(), maxsplit=1)[0]).lower()

    pinned = {key(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    asked = list(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        asked += [r for r in extra if key(r) != PROJECT["name"]]
    asked += [r for r in (ROOT / "requirements-ros.txt").read_text().splitlines() if r and r[0] != "#"]
    assert {key(r) for r in asked} - pinned == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy of the tracked and new files, so that no build folder is left behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/", "ros2_ws/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(out),
        ".",
    ]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    assert path.name.startswith("vista_stack-")
    return zipfile.ZipFile(path)


def test_wheel_is_whole(wheel: zipfile.ZipFile):
    names = set(wheel.namelist())
    share = (
        next(n for n in names if "/data/share/vista_stack/" in n).split("/share/")[0] + "/share/vista_stack/"
    )
    for package, folder in (("vista", ROOT), ("robomemory", ROOT), ("vista_sim", ROOT / "sim")):
        files = {
            str(p.relative_to(folder))
            for p in (folder / package).rglob("*")
            if p.suffix in (".py", ".typed", ".yaml", ".xml", ".html") and "__pycache__" not in p.parts
        }
        assert files <= names, f"missing in the wheel: {sorted(files - names)}"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "config", "models", "launch"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    files = {share + n for n in filter(None, tracked.split("\0")) if not Path(n).name.startswith(".")}
    assert files <= names, f"missing in the wheel: {sorted(files - names)}"
    assert any(n.endswith("licenses/LICENSE") for n in names)
    assert any(n.endswith("licenses/NOTICE") for n in names)


def test_wheel_holds_the_library_alone(wheel: zipfile.ZipFile):
    tops = {n.split("/")[0] for n in wheel.namelist()}
    info = next(t for t in tops if t.endswith(".dist-info"))
    data = next(t for t in tops if t.endswith(".data"))
    assert tops == {"vista", "robomemory", "vista_sim", "vista_bench", info, data}
    assert "vista = vista.cli.main:main" in wheel.read(f"{info}/entry_points.txt").decode()
    required = [
        line
        for line in wheel.read(f"{info}/METADATA").decode().splitlines()
        if line.startswith("Requires-Dist")
    ]
    always = {re.split(r"[<>=;\s]", r.split(": ")[1])[0] for r in required if "extra ==" not in r}
    assert not always & {"torch", "mujoco", "faiss-cpu", "diffusers"}
    assert not any("ros-" in r or "rclpy" in r for r in required)


def test_resources_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert resource_path("config/robots/panda.yaml") == ROOT / "config/robots/panda.yaml"
    shared = tmp_path / "share/vista_stack/config"
    shared.mkdir(parents=True)
    (shared / "only_there.yaml").touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}:/nowhere")
    assert resource_path("config/only_there.yaml") == shared / "only_there.yaml"
    with pytest.raises(ConfigError) as caught:
        resource_path("config/robots/pandaa.yaml")
    for root in resource_roots():
        assert str(root) in str(caught.value)


@pytest.mark.parametrize("bad", ["/etc/passwd", "../secrets", "", "config/../../x"])
def test_resources_stay_inside(bad: str):
    with pytest.raises(ConfigError, match="expected a path such as"):
        resource_path(bad)


@pytest.mark.parametrize("script", ["run", "scripts/setup.sh", "scripts/env.sh", ".ci/run"])
def test_scripts_are_sound(script: str):
    assert subprocess.run(["bash", "-n", script], cwd=ROOT).returncode == 0
    if script != "scripts/env.sh":
        assert os.access(ROOT / script, os.X_OK)


def test_setup_names_what_it_cannot_do():
    for arguments, words in (
        (["mars"], "unknown word 'mars'"),
        (["ros"], "no ROS 2 in /opt/ros/jazzy or /opt/ros/kilted"),
    ):
        if arguments == ["ros"] and any(Path("/opt/ros", d).exists() for d in ("jazzy", "kilted")):
            continue
        done = subprocess.run(
            [str(ROOT / "run"), "setup", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert words in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
