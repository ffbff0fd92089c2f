"""The house stays as it is drawn: imports point one way, and what a seam must not hold stays out of it.

vista/*.py (words, seams, loop)  <-  vista.<noun> and vista_sim, which do not know each other  <-  vista.cli
robomemory knows nothing of vista; ROS is spoken in ros2_ws and launch only.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {  # import name -> folder
    "vista": ROOT / "vista",
    "robomemory": ROOT / "robomemory",
    "vista_sim": ROOT / "sim" / "vista_sim",
    "vista_ros": ROOT / "ros2_ws" / "src" / "vista_ros" / "vista_ros",
}
LIBRARIES = ("vista", "robomemory", "vista_sim")
WORDS = ("vista.types", "vista.protocols", "vista.errors", "vista.values")
COMPOSITION_ROOT = "vista.cli"
ROOM_OF = {"vista.recording": "vista.report"}  # a module beside the room that it is the door of
ROS = {"rclpy", "launch", "launch_ros", "ament_index_python", "vista_msgs", "vista_ros"}
NETWORK = {
    "aiohttp", "fsspec", "ftplib", "http", "httpx", "huggingface_hub", "openai", "requests", "smtplib",
    "socket", "socketserver", "ssl", "urllib.request", "urllib3", "websockets", "xmlrpc", "zmq",
}  # fmt: skip
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


@cache
def modules() -> dict[str, ast.Module]:
    """Module name -> syntax tree, of every source file."""
    found = {}
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def path_of(module: str) -> Path:
    package, _, rest = module.partition(".")
    base = SOURCES[package].joinpath(*rest.split(".")) if rest else SOURCES[package]
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def imports(module: str, *, inside_functions: bool = True) -> set[str]:
    """Full names that ``module`` imports; ``from a import b`` gives both a and a.b, as b may be a module."""
    package = module if path_of(module).name == "__init__.py" else module.rpartition(".")[0]
    names: set[str] = set()

    def walk(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                names.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    parents = package.split(".")[: len(package.split(".")) - child.level + 1]
                    base = ".".join([*parents, base] if base else parents)
                names.add(base)
                names.update(f"{base}.{alias.name}" for alias in child.names)
            elif inside_functions or not isinstance(
                child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
            ):
                walk(child)

    walk(modules()[module])
    return names


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def library_modules() -> list[str]:
    return [name for name in modules() if name.partition(".")[0] in LIBRARIES]


def room(module: str) -> str | None:
    """The noun that a module belongs to; None for the words, seams and loop that all may use."""
    if module in ROOM_OF:
        return ROOM_OF[module]
    parts = module.split(".")
    if parts[0] == "vista":
        return ".".join(parts[:2]) if len(parts) > 1 and (SOURCES["vista"] / parts[1]).is_dir() else None
    return parts[0]


def test_the_sources_are_seen():
    assert "vista.types" in modules()
    assert {name.partition(".")[0] for name in modules()} == set(SOURCES)


@pytest.mark.parametrize("module", WORDS)
def test_the_words_need_numpy_and_the_standard_library(module: str):
    tops = {name.partition(".")[0] for name in imports(module)}
    allowed = {"numpy", *sys.stdlib_module_names}
    assert tops - allowed <= {"vista"}
    assert {n for n in imports(module) if is_in(n, "vista")} <= {
        name for name in imports(module) if name == "vista" or any(is_in(name, word) for word in WORDS)
    }


def test_imports_point_one_way():
    wrong = []
    for module in modules():
        here = room(module)
        if is_in(module, COMPOSITION_ROOT) or here == "vista_ros":
            continue
        for name in imports(module):
            package = name.partition(".")[0]
            there = room(name) if package in SOURCES else None
            if there is not None and there != here:
                wrong.append(f"{module} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_robomemory_stands_alone():
    wrong = [f"{m} imports {n}" for m in modules() if is_in(m, "robomemory")
             for n in imports(m) if n.partition(".")[0] in set(SOURCES) - {"robomemory"}]  # fmt: skip
    assert not wrong, "\n".join(wrong)


def test_ros_is_spoken_in_the_nodes_only():
    """The command line may call on vista_ros, inside the function that needs it, so that it runs without."""
    wrong = []
    for module in library_modules():
        names = imports(module, inside_functions=not is_in(module, COMPOSITION_ROOT))
        wrong += [f"{module} imports {n}" for n in names if n.partition(".")[0] in ROS]
        if is_in(module, COMPOSITION_ROOT):
            direct = {n for n in imports(module) if n.partition(".")[0] == "rclpy"}
            wrong += [f"{module} imports {n}" for n in direct]
    assert not wrong, "\n".join(wrong)


def test_packages_are_whole():
    assert not (ROOT / "launch" / "__init__.py").exists(), "it would shadow ROS's own launch"
    bare = {p.parent for folder in SOURCES.values() for p in folder.rglob("*.py")
            if not (p.parent / "__init__.py").exists()}  # fmt: skip
    assert not bare, f"no __init__.py in {sorted(map(str, bare))}: they would be left out of the wheel"
    for package in LIBRARIES:
        assert (SOURCES[package] / "py.typed").exists()


def test_libraries_open_no_connection_by_being_imported():
    wrong = [
        f"{module} imports {name} at the top"
        for module in library_modules()
        for name in imports(module, inside_functions=False)
        if any(is_in(name, network) for network in NETWORK)
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_runs_what_it_reads():
    """No pickle, no eval: a model folder, a memory or a message is data and never code."""
    wrong = []
    for module, tree in modules().items():
        wrong += [f"{module} imports {n}" for n in imports(module) if n.partition(".")[0] in UNSAFE_MODULES]
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            unsafe = called in ("eval", "exec") or (
                called == "torch.load" and not any(
                    k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
            )  # fmt: skip
            unsafe |= any(k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in node.keywords)
            unsafe |= called == "yaml.load" or any(
                k.arg == "trust_remote_code" and ast.unparse(k.value) != "False" for k in node.keywords
            )
            if unsafe:
                wrong.append(f"{module}:{node.lineno} calls {ast.unparse(node)}")
    assert not wrong, "\n".join(wrong)


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    scopes: list[ast.AST] = [tree]
    while scopes:
        for node in ast.iter_child_nodes(scopes.pop()):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                scopes.append(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
                yield node


# Gymnasium's own signatures of reset and step.
FOREIGN_SIGNATURES = ("vista_sim.env",)


def test_public_signatures_name_what_they_take():
    wrong = []
    for module in library_modules():
        if module in FOREIGN_SIGNATURES:
            continue
        for function in public_functions(modules()[module]):
            a = function.args
            hints = [arg.annotation for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs)] + [function.returns]
            for hint in filter(None, hints):
                text = ast.unparse(hint).replace(" ", "").lower()
                if any(f"{kind}[str,any]" in text for kind in ("dict", "mapping")):
                    wrong.append(f"{module}.{function.name}: {ast.unparse(hint)}")
    assert not wrong, "\n".join(wrong)


HEAVY = ("torch", "diffusers", "transformers", "mujoco", "faiss", "rclpy", "matplotlib")


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import vista, vista.types, vista.protocols, vista.errors, vista.runtime, vista.resources", HEAVY),
        ("import robomemory", ("torch", "diffusers", "mujoco", "rclpy", "vista")),
        ("import vista_sim", ("torch", "diffusers", "transformers", "rclpy")),
    ],
)
def test_importing_a_library_is_light(statement: str, absent: tuple[str, ...]):
    loaded = f"print(*sorted(set({absent!r}) & set(sys.modules)))"
    code = f"import sys; sys.path[:0] = ['.', 'sim']; {statement}; {loaded}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
