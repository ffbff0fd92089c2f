"""A bench goes on only with what is unchanged: every file that can change an episode is in its digest."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.test_architecture import ROOT, imports, is_in, modules, path_of
from vista.assembly import Refs
from vista.errors import ConfigError
from vista_bench import fingerprint
from vista_bench.results import Episode
from vista_bench.suites import SUITES, BenchSettings, make_suite
from vista_bench.suites.base import Suite
from vista_bench.suites.memory import CELLS, make_cell

OURS = ("vista", "vista_sim", "vista_bench", "robomemory", "vista_ros")
# What a worker loads of others that reads, writes and talks, and computes nothing of an episode.
PLUMBING = {
    "jinja2", "markupsafe", "pygments", "anyio", "certifi", "cffi", "charset-normalizer", "click",
    "filelock", "fsspec", "h11", "hf-xet", "httpcore", "httpcore2", "httpx", "httpx2",
    "huggingface_hub", "huggingface-hub", "idna", "importlib_metadata", "markdown-it-py", "mdurl",
    "mpmath", "packaging", "protobuf", "psutil", "python-dateutil", "requests", "rich",
    "ros-wheels-bootstrapper", "setuptools", "six", "sniffio", "sympy", "tqdm", "truststore", "typer",
    "typing_extensions", "urllib3", "vista-stack", "zipp", "cycler", "fonttools", "kiwisolver",
    "matplotlib", "pyparsing", "contourpy", "imageio", "imageio-ffmpeg", "configspace", "flatbuffers",
    "coloredlogs", "humanfriendly", "etils", "glfw", "farama-notifications", "cloudpickle",
    "annotated-doc", "annotated-types", "more-itertools", "shellingham", "ml_dtypes", "hypothesis",
    "pytest",
}  # fmt: skip


def normal(name: str) -> str:
    """A distribution's name as all of its spellings mean it."""
    return name.lower().replace("_", "-")


def counted() -> set[Path]:
    return {path.resolve() for _, path in (*fingerprint.code_files(), *fingerprint.graph_files())}


def closure(*first: str) -> set[str]:
    """Every module of this project that ``first`` import, at the top or inside a function."""
    found: set[str] = set()
    left = list(first)
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        named = {n for n in imports(name) if n.partition(".")[0] in OURS}
        left += [n for n in named if n in modules()]
        left += [name.rpartition(".")[0]] if "." in name else []
    return found


def test_every_module_that_a_suite_imports_is_in_its_digest():
    suites = [name for name in modules() if is_in(name, "vista_bench.suites")]
    needed = closure(*suites, "vista.cli.bench", "vista.learning.workers")
    assert {
        "vista.planner.symbolic.scene_observer",
        "vista.assembly.references",
        "vista.loop.task",
        "robomemory.graph.note_rules",
    } <= needed
    left_out = [name for name in sorted(needed) if path_of(name).resolve() not in counted()]
    assert not left_out


def test_so_is_every_module_of_the_graph():
    files = {path.resolve() for _, path in fingerprint.graph_files()}
    missing = [n for n in modules() if is_in(n, "vista_ros") and path_of(n).resolve() not in files]
    if any(find.endswith("vista_ros") for find in map(str, {p.parent for p in files})):
        assert not missing
    assert any(path.name == "stack.yaml" for path in files)


WORKER = """
import json, os, sys
opened = set()
def hear(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        opened.add(os.path.abspath(arguments[0]))
sys.addaudithook(hear)
from vista_bench.jobs import EpisodeJob
from vista_bench.suites.base import BenchSettings
from vista_bench.suites.basic import open_lockstep
from vista.learning.splits import load_splits
open_lockstep(BenchSettings(split="tuning"))(EpisodeJob("basic", "imagined", load_splits().seed("tuning", 0)))
files = [getattr(module, "__file__", None) for module in sys.modules.values()]
print(json.dumps({"opened": sorted(opened), "modules": sorted(filter(None, files)),
                  "tops": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


def test_what_a_worker_truly_loads_and_reads_is_in_its_digest():
    pytest.importorskip("mujoco")
    pytest.importorskip("torch")
    names = ("detector", "executor", "planner", "switcher", "world_model")
    if not all((ROOT / "models" / name).is_dir() for name in names):
        pytest.skip("no models ship here")
    path = os.pathsep.join(filter(None, [str(ROOT), str(ROOT / "sim"), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-c", WORKER], cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    allowed = counted()
    for name in names:  # weights are counted by what they are used for
        allowed |= {path.resolve() for path in (ROOT / "models" / name).rglob("*")}

    def ours(files: list[str]) -> Iterator[Path]:
        for path in map(Path, files):
            inside = path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "ros2_ws" / "install")
            if inside and ".venv" not in path.parts and path.suffix != ".pyc" and path.is_file():
                yield path.resolve()

    read = {*ours(said["opened"]), *ours(said["modules"])}
    assert len(read) > 100
    assert not sorted(map(str, read - allowed))
    owners = packages_distributions()
    loaded = {normal(d) for top in said["tops"] for d in owners.get(top, ())}
    assert sorted(loaded - set(map(normal, (*PLUMBING, *fingerprint.LIBRARIES)))) == []


def test_any_file_that_changes_changes_the_digest(tmp_path: Path):
    files = fingerprint.code_files()
    before = fingerprint._digest(files)
    assert before == fingerprint.code_digest.__wrapped__()
    other = tmp_path / "changed"
    other.write_text("something else")
    seen = {before}
    for i in range(len(files)):
        seen.add(fingerprint._digest([*files[:i], (files[i][0], other), *files[i + 1 :]]))
    assert len(seen) == len(files) + 1


@pytest.mark.parametrize(
    "name", ["vista/planner/symbolic/scene_observer.py", "vista/assembly/references.py", "config/splits.yaml"]
)
def test_what_was_once_left_out_counts(name: str):
    assert name in dict(fingerprint.code_files())


class _Empty(Suite[Episode]):
    name, cells, methods = "empty", ("one",), ("a",)
    kind = Episode
    default_cells, default_methods = cells, methods

    def seeds(self, settings, cell, count):
        return range(count)

    def identity(self, settings, cell, method):
        return {}

    def opener(self, cell):
        self.opened += 1
        return lambda settings: lambda job: Episode(success=True)


@pytest.mark.parametrize("what", ["code_digest", "libraries"])
def test_code_and_libraries_count_for_every_suite(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from vista_bench.jobs import BenchProgress
    from vista_bench.suites import base

    suite = _Empty()
    suite.opened = 0  # type: ignore[attr-defined]
    settings = BenchSettings(episodes=1)
    for opened in (1, 1):
        suite.measure(settings, tmp_path, BenchProgress())
        assert suite.opened == opened  # type: ignore[attr-defined]
    monkeypatch.setattr(base, what, lambda: "other" if what == "code_digest" else {"torch": "0"})
    suite.measure(settings, tmp_path, BenchProgress())
    assert suite.opened == 2, "the same command runs again what another code, or another library, has run"  # type: ignore[attr-defined]


def test_no_suite_tells_itself_apart_from_the_others():
    """``collect`` is where code and libraries are counted: nobody goes round it but who resumes nothing."""
    for suite in [make_suite(name) for name in SUITES] + [make_cell(name) for name in CELLS]:
        assert not isinstance(suite, Suite) or type(suite).collect is Suite.collect


def test_ones_own_files_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("from beside import Net\nclass Policy: ...\n")
    (tmp_path / "beside.py").write_text("class Net: ...\n")
    before = fingerprint.ref_digest("mine:Policy", "executor")
    assert set(dict(fingerprint.own_files("mine"))) == {"mine", "beside"}
    (tmp_path / "beside.py").write_text("class Net: depth = 2\n")
    after = fingerprint.ref_digest("mine:Policy", "executor")
    assert before != after
    (tmp_path / "mine.py").write_text("class Policy: ...\n")
    assert fingerprint.ref_digest("mine:Policy", "executor") not in (before, after)
    assert fingerprint.ref_digest("scripted", "executor") != fingerprint.ref_digest("mock", "executor")


def test_a_task_of_ones_own_counts_by_its_file(tmp_path: Path):
    file = tmp_path / "juggle.py"
    seen = {fingerprint.task_digest("pick_place")}
    for text in ("a = 1", "a = 2"):
        file.write_text(text)
        seen.add(fingerprint.task_digest(str(file)))
    assert len(seen) == 3
    assert fingerprint.task_digest("stack") == "stack"


def test_a_robot_of_ones_own_counts_by_what_it_says(tmp_path: Path):
    for name in ("panda.yaml", "panda.xml"):
        (tmp_path / name).write_bytes((ROOT / "config" / "robots" / name).read_bytes())
    robot = str(tmp_path / "panda.yaml")
    seen = {fingerprint.robot_digest("panda"), fingerprint.robot_digest(robot)}
    for name in ("panda.yaml", "panda.xml"):
        (tmp_path / name).write_text((tmp_path / name).read_text() + "\n")
        seen.add(fingerprint.robot_digest(robot))
    assert len(seen) == 4


def test_pictures_and_words_of_a_folder_count_and_notes_do_not(tmp_path: Path):
    seen = {fingerprint.folder_digest(tmp_path)}
    for name in ("merges.txt", "texture.png", "weights.safetensors"):
        (tmp_path / name).write_text("one")
        seen.add(fingerprint.folder_digest(tmp_path))
    assert len(seen) == 4
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / "loss.png").write_text("a curve")
    seen.add(fingerprint.folder_digest(tmp_path))
    assert len(seen) == 4


def test_the_graph_counts_where_episodes_run_through_it(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("mujoco")
    from vista_bench.suites import basic

    suite = basic.BasicSuite()
    settings = BenchSettings(refs=Refs("mock", "mock", "scripted", "none", "scripted"))
    told = {cell: suite.identity(settings, cell, "imagined") for cell in ("basic", "ros")}
    monkeypatch.setattr(basic, "graph_digest", lambda: "other")
    assert suite.identity(settings, "basic", "imagined") == told["basic"]
    assert suite.identity(settings, "ros", "imagined") != told["ros"]


def test_a_word_that_stands_for_weights_counts_by_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("torch")
    from vista.assembly import loading

    monkeypatch.setattr(fingerprint, "shipped", lambda name: tmp_path / name)
    folder = tmp_path / "executor_long"
    folder.mkdir()
    before = fingerprint.ref_digest("long", "executor")
    (folder / "model.safetensors").write_text("others")
    assert fingerprint.ref_digest("long", "executor") != before

    asked: list[str] = []

    def watched(name: str) -> Path:
        asked.append(name)
        raise ConfigError("none ships")

    monkeypatch.setattr(loading, "shipped", watched)
    for word in ("long", "scripted", "mock"):  # every word of an executor
        with contextlib.suppress(ConfigError):
            loading.load_policy(word)
    assert asked == ["executor_long"]


def test_files_behind_links_count_and_a_link_that_leads_back_ends(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "model").mkdir()
    weights = tmp_path / "elsewhere" / "weights.safetensors"
    weights.write_text("one")
    for name, target in (("unet", "../elsewhere"), ("vae", "../elsewhere"), ("self", "."), ("up", "..")):
        (tmp_path / "model" / name).symlink_to(target)
    before = fingerprint.folder_digest(tmp_path / "model")
    weights.write_text("two")
    assert fingerprint.folder_digest(tmp_path / "model") != before


def test_what_lies_at_home_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In quotes, or in a file, ``~`` is seen by no shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("things", "weights"):
        (tmp_path / name).mkdir()
    (tmp_path / "scene.yaml").write_text("objects_from: ~/things\n")
    (tmp_path / "large.yaml").write_text("type: diffusers\nmodel: ~/weights\n")
    refs = ("~/weights", "a:B@~/weights", "~/large.yaml")

    def told() -> list[str]:
        parts = (fingerprint.ref_digest(ref, "world_model") for ref in refs)
        return [fingerprint.scene_digest("~/scene.yaml"), *parts]

    first = told()
    (tmp_path / "things" / "mug.yaml").write_text("shape: mug")
    second = told()
    (tmp_path / "weights" / "model.safetensors").write_text("others")
    third = told()
    assert [a == b for a, b in zip(first, second, strict=True)] == [False, True, True, True]
    assert [a == b for a, b in zip(second, third, strict=True)] == [True, False, False, False]
