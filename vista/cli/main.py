"""``vista``: one command a module, imported only when it is called, so that ``vista --help`` is instant."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from vista import __version__
from vista.errors import VistaError

# Command -> (module of vista.cli, what it does in one line).
COMMANDS = {
    "demo": ("demo", "bring the graph up, do a task, write a page about it"),
    "run": ("run_task", "send a task to a graph that is up"),
    "up": ("up", "start the nodes and watch over them"),
    "down": ("down", "stop the nodes"),
    "bench": ("bench", "measure: success, speed, the scripted expert"),
    "memory": ("memory", "look into a memory, write it out, read it in"),
    "train": ("train", "make data from seeds and train a part"),
    "info": ("info", "what is installed, which device is used, which models are there"),
}
INTERRUPTED = 130
# As scripts/env.sh sets them: images without a screen, no download, no bar for a file of 90 MB.
DEFAULTS = {
    "MUJOCO_GL": "egl",
    "LP_NUM_THREADS": "0",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}


def usage() -> str:
    """The text of ``vista --help``."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        ["usage: vista COMMAND ...", "", "A robot arm that is told in words what to do.", "", *lines, "",
         "'vista COMMAND --help' tells more about one of them; 'vista --version' the version."]
    )  # fmt: skip


def _module(name: str) -> ModuleType:
    module = f"vista.cli.{COMMANDS[name][0]}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name == module:
            raise VistaError(f"'vista {name}' is not part of this installation") from error
        raise VistaError(
            f"'vista {name}' needs the Python package {error.name!r}, which is not installed; "
            "'./run setup' or pip install 'vista-stack[all]' brings it"
        ) from error


def _run(argv: Sequence[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"vista {__version__}")
        return 0
    name = argv[0]
    if name not in COMMANDS:
        print(f"vista: unknown command {name!r}; known: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    module = _module(name)
    parser = argparse.ArgumentParser(prog=f"vista {name}", description=module.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    module.add_arguments(parser)
    return int(module.main(parser.parse_args(argv[1:])))


def _expected() -> tuple[type[Exception], ...]:
    """What is raised on purpose; RoboMemory's root is known only once somebody has imported it."""
    robomemory = sys.modules.get("robomemory.errors")
    return (VistaError,) if robomemory is None else (VistaError, robomemory.RoboMemoryError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns 2 for what the user can mend, 130 after Ctrl-C."""
    for variable, value in DEFAULTS.items():
        os.environ.setdefault(variable, value)
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        print("vista: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # "vista info | head": nobody is left to be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if not isinstance(error, _expected()):
            raise
        print(f"vista: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
