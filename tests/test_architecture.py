"""The house stays as it is drawn: imports follow one total order of packages, without an exemption, and what
a seam must not hold stays out of it. ROS is spoken in ros2_ws and launch only.
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
    "vista_bench": ROOT / "bench" / "vista_bench",
    "vista_ros": ROOT / "ros2_ws" / "src" / "vista_ros" / "vista_ros",
}
LIBRARIES = ("vista", "robomemory", "vista_sim")
WORDS = ("vista.errors", "vista.values", "vista.skill", "vista.types", "vista.protocols", "vista.events")
# Each package may import those of earlier lines, none of its own line and none of a later one.
ORDER = (
    ("robomemory", "vista.words"),
    ("vista.messages",),
    ("vista.files",),
    ("vista.robot",),
    ("vista.learning", "vista.report"),
    ("vista.perception", "vista.planner", "vista.world_model", "vista.executor", "vista.switcher",
     "vista.guard", "vista_sim"),
    ("vista.loop",),
    ("vista.assembly", "vista.graph"),
    ("vista_ros",),
    ("vista_bench",),
    ("vista.cli",),
)  # fmt: skip
# Who may know the memory beside those above the loop: the bridge to its planner.
MEMORY_BRIDGE = "vista.planner.symbolic"
# Parts that read the simulator's truth are loaded by reference: only what stands in for an arm, and the
# benches and commands that lay out scenes, import the simulator.
SIMULATOR_USERS = ("vista_sim", "vista_bench", "vista.cli", "vista_ros")
ROS = {"rclpy", "launch", "launch_ros", "ament_index_python", "control_msgs", "vista_msgs", "vista_ros"}
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
    """Full names that ``module`` imports; ``from a import b`` gives a.b, and a where b is no module of
    ours."""
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
                inside = {f"{base}.{alias.name}" for alias in child.names}
                if not inside <= set(modules()):
                    names.add(base)
                names.update(inside)
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


def room(module: str) -> str:
    """The package of :data:`ORDER` that a module belongs to; ``import vista`` brings the words."""
    parts = module.split(".")
    if parts[0] != "vista":
        return parts[0]
    inside = len(parts) > 1 and (SOURCES["vista"] / parts[1]).is_dir() and parts[1] != "types"
    return ".".join(parts[:2]) if inside else "vista.words"


RANK = {name: rank for rank, line in enumerate(ORDER) for name in line}


def known(name: str) -> str | None:
    """The module that ``name`` is, or is a part of; None for what is not ours."""
    if name.partition(".")[0] not in SOURCES:
        return None
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name or None


def edges(*, inside_functions: bool = True) -> Iterator[tuple[str, str]]:
    """(module, module that it imports), of our own. ``from a import b`` where b is a module is an import of
    b."""
    for module in modules():
        for name in imports(module, inside_functions=inside_functions):
            there = known(name)
            if there is not None and there != module:
                yield module, there


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


def test_every_package_has_its_place():
    missing = {room(module) for module in modules()} - set(RANK)
    assert not missing, f"not in ORDER: {sorted(missing)}"


def test_imports_follow_one_total_order():
    wrong = set()
    for module, there in edges():
        here, other = room(module), room(there)
        # The lazily loaded names of ``import vista`` come from everywhere.
        if here != other and RANK[other] >= RANK[here] and module != "vista":
            wrong.add(f"{module} imports {there}")
    assert not wrong, "\n".join(sorted(wrong))


def test_no_circle_of_imports():
    """Also where an import inside a function would hide one."""
    graph: dict[str, set[str]] = {}
    for module, there in edges():
        if module != "vista" and there != "vista":
            graph.setdefault(module, set()).add(there)
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module in done:
            return
        for there in sorted(graph.get(module, ())):
            visit(there, (*path, module))
        done.add(module)

    for module in sorted(graph):
        visit(module, ())


def test_who_knows_the_memory_and_the_simulator():
    wrong = set()
    for module, there in edges():
        if room(there) == "robomemory" and room(module) != "robomemory":
            bridge = is_in(module, MEMORY_BRIDGE) or RANK[room(module)] > RANK["vista.loop"]
            if not bridge:
                wrong.add(f"{module} imports {there}")
        if room(there) == "vista_sim" and room(module) not in SIMULATOR_USERS:
            wrong.add(f"{module} imports {there}")
    assert not wrong, "\n".join(sorted(wrong))


MOST_LINES, MOST_MODULES, MOST_CLI_LINES = 400, 15, 2500


def test_files_and_folders_stay_small():
    lines = {path_of(m): len(path_of(m).read_text(encoding="utf-8").splitlines()) for m in modules()}
    wrong = [f"{path.relative_to(ROOT)}: {n} lines" for path, n in lines.items() if n > MOST_LINES]
    for folder in sorted({path.parent for path in lines}):
        beside = [path for path in lines if path.parent == folder and path.name != "__init__.py"]
        if len(beside) > MOST_MODULES:
            wrong.append(f"{folder.relative_to(ROOT)}: {len(beside)} modules beside each other")
    cli = sum(n for path, n in lines.items() if (SOURCES["vista"] / "cli") in path.parents)
    if cli > MOST_CLI_LINES:
        wrong.append(f"vista/cli: {cli} lines; a command takes arguments, calls the library and prints")
    assert not wrong, "\n".join(wrong)


# A message and the value that it carries share a name; so do a store's two kinds. The memory's front door is
# called what users of such libraries look for, and what the loop's protocol is called. The memory stands
# alone, so that it has a pose of its own.
SHARED_NAMES = {"Note", "Memory", "Pose"}


def test_a_class_name_means_one_thing():
    homes: dict[str, list[str]] = {}
    for module, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    wrong = [
        f"{name}: {', '.join(m)}" for name, m in homes.items() if len(m) > 1 and name not in SHARED_NAMES
    ]
    assert not wrong, "\n".join(sorted(wrong))


def test_robomemory_stands_alone():
    wrong = [f"{m} imports {n}" for m in modules() if is_in(m, "robomemory")
             for n in imports(m) if n.partition(".")[0] in set(SOURCES) - {"robomemory"}]  # fmt: skip
    assert not wrong, "\n".join(wrong)


CALLERS_OF_THE_GRAPH = ("vista.cli", "vista_bench")
"""They may call on vista_ros, inside the function that needs it, so that they run without."""


def test_ros_is_spoken_in_the_nodes_only():
    wrong = []
    for module in modules():
        if room(module) == "vista_ros":
            continue
        caller = room(module) in CALLERS_OF_THE_GRAPH
        names = imports(module, inside_functions=not caller)
        wrong += [f"{module} imports {n}" for n in names if n.partition(".")[0] in ROS]
        if caller:
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
        (
            "import vista, vista.types, vista.protocols, vista.errors, vista.loop, vista.files.resources",
            HEAVY,
        ),
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
