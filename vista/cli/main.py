"""``vista``: one command a module, imported only when it is called, so that ``vista --help`` is instant."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from vista import __version__
from vista.cli.shared.words import Parser, readable
from vista.errors import UnknownNameError, VistaError
from vista.messages.plain_text import plain

# Command -> (module of vista.cli, its purpose in one line).
COMMANDS = {
    "demo": ("demo", "bring the graph up, do a task, write a page about it"),
    "run": ("run_task", "send a task to a graph that is up"),
    "up": ("up", "start the nodes and watch over them"),
    "down": ("down", "stop the nodes"),
    "bench": ("bench", "measure: success, speed, the scripted expert"),
    "teach": ("teach", "show what a thing looks like, so that the stack knows its name"),
    "robot": ("robot", "check the contract of an arm"),
    "memory": ("memory", "look into a memory, write it out, read it in"),
    "train": ("train", "make data from seeds and train a part"),
    "calibrate": ("calibrate", "fit the switcher to an executor, on seeds for development"),
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
        raise UnknownNameError("command", name, COMMANDS)
    module = _module(name)
    parser = Parser(f"vista {name}", module.__doc__)
    module.add_arguments(parser)
    try:
        args = parser.parse_args(argv[1:])
    except SystemExit as end:  # --help has been told
        return int(end.code or 0)
    return int(module.main(args))


def _expected() -> tuple[type[Exception], ...]:
    """The errors that are raised on purpose; RoboMemory's only where it has been imported."""
    robomemory = sys.modules.get("robomemory.errors")
    return (VistaError,) if robomemory is None else (VistaError, robomemory.RoboMemoryError)


def _begin_with_fixed_hashes(argv: Sequence[str]) -> None:
    """Begin a bench anew with ``PYTHONHASHSEED=0`` where it is not set: the classical planner breaks ties by
    the order of sets of words, which Python draws for each process."""
    if list(argv[:1]) == ["bench"] and sys.executable and not os.environ.get("PYTHONHASHSEED"):
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _say(text: str) -> None:
    """One line on stderr, without secrets and characters that a terminal can't show."""
    from vista.messages.redaction import conceal

    with contextlib.suppress(OSError, ValueError):  # nobody is left to be told
        print(f"vista: {plain(conceal(text))}", file=sys.stderr, flush=True)


def _say_os(error: OSError) -> None:
    """The system's message, and the files that it is about."""
    about = " to ".join(repr(str(name)) for name in (error.filename, error.filename2) if name is not None)
    _say(f"{error.strerror or type(error).__name__}{': ' + about if about else ''}")


def _prepare_streams() -> None:
    """Escape characters that the locale lacks; replace a closed stream by one that drops everything."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (kept until the end)
        elif hasattr(stream, "reconfigure"):
            with contextlib.suppress(ValueError, OSError):
                stream.reconfigure(errors="backslashreplace")


def _give_up_stdout() -> None:
    """Nobody reads stdout: keep Python from writing to it again at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The status of the command, 0 for success; 2 for an error that the user can mend, 1 for any other,
        130 after Ctrl-C. Nothing is raised: what went wrong is one line on stderr, and where, with
        ``VISTA_DEBUG=1``.
    """
    for variable, value in DEFAULTS.items():
        os.environ.setdefault(variable, value)
    if argv is None:
        _begin_with_fixed_hashes(sys.argv[1:])
    _prepare_streams()
    try:
        status = _run(readable(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # "vista info | head": nobody is left to be told
        _give_up_stdout()
        return 1
    except Exception as error:
        return _tell(error)


def _tell(error: Exception) -> int:
    """Say what went wrong; returns the exit status."""
    debug = bool(os.environ.get("VISTA_DEBUG"))
    if debug:
        import traceback

        from vista.messages.redaction import conceal

        trace = "".join(traceback.format_exception(error))
        with contextlib.suppress(OSError, ValueError):
            print(conceal(trace), file=sys.stderr)
    if isinstance(error, _expected()):
        _say(str(error) or type(error).__name__)
        return 2
    if isinstance(error, OSError) and error.errno is not None:
        _say_os(error)
        if error.filename is None:  # a stream of ours, such as a full disk behind stdout
            _give_up_stdout()
        return 2
    hint = "" if debug else "; VISTA_DEBUG=1 shows where"
    _say(f"something went wrong that should not: {type(error).__name__}: {error}{hint}")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
