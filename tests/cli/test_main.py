"""The command line: light to start, one sentence for what the user can mend."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from vista.cli import main as cli
from vista.errors import InstructionError, VistaError

ROOT = Path(__file__).resolve().parents[2]


def test_help_is_light():
    code = (
        "import sys; sys.path[:0] = ['.', 'sim']; from vista.cli.main import main; status = main(['--help']);"
        "heavy = {'torch', 'mujoco', 'transformers', 'numpy', 'rich'} & set(sys.modules);"
        "print(*heavy, file=sys.stderr); raise SystemExit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert done.stderr.strip() == ""
    for name in cli.COMMANDS:
        assert f"  {name} " in done.stdout


def test_no_command_and_an_unknown_one_are_errors(capsys: pytest.CaptureFixture[str]):
    assert cli.main([]) == 2
    assert cli.main(["dance"]) == 2
    assert "unknown command 'dance'; known: demo, run" in capsys.readouterr().err


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A command that does what a test gives it."""
    module = ModuleType("vista.cli.info")
    module.add_arguments = lambda parser: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vista.cli.info", module)
    return module


def raising(error: BaseException):
    def main(args: object) -> int:
        raise error

    return main


def test_what_the_user_can_mend_is_one_sentence(broken: ModuleType, capsys: pytest.CaptureFixture[str]):
    broken.main = raising(InstructionError("the instruction is empty"))  # type: ignore[attr-defined]
    assert cli.main(["info"]) == 2
    assert capsys.readouterr().err == "vista: the instruction is empty\n"


def test_errors_of_the_memory_are_told_alike(broken: ModuleType, capsys: pytest.CaptureFixture[str]):
    from robomemory.errors import StoreInUseError

    broken.main = raising(StoreInUseError("scene.sqlite3 is in use"))  # type: ignore[attr-defined]
    assert cli.main(["info"]) == 2
    assert "scene.sqlite3 is in use" in capsys.readouterr().err


def test_interruption_has_its_own_status(broken: ModuleType):
    broken.main = raising(KeyboardInterrupt())  # type: ignore[attr-defined]
    assert cli.main(["info"]) == 130


SECRET = "sk-proj-abcdefghijklmnop0123456789"


def test_a_mistake_of_ours_is_one_sentence_that_says_how_to_see_more(
    broken: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("VISTA_DEBUG", raising=False)
    broken.main = raising(ZeroDivisionError("by\nzero \x1b[31m"))  # type: ignore[attr-defined]
    assert cli.main(["info"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "ZeroDivisionError: by zero \\x1b[31m; VISTA_DEBUG=1 shows where" in said
    monkeypatch.setenv("VISTA_DEBUG", "1")
    assert cli.main(["info"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("debug", ["", "1"])
@pytest.mark.parametrize("kind", [ValueError, VistaError, OSError])
def test_no_message_holds_a_secret(
    debug: str, kind: type[Exception], broken: ModuleType, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setenv("VISTA_DEBUG", debug)
    text = f"http://user:hunter2-hunter2@host/ refused, api_key={SECRET}"
    broken.main = raising(kind(5, text) if kind is OSError else kind(text))  # type: ignore[attr-defined]
    assert cli.main(["info"]) in (1, 2)
    said = capsys.readouterr().err
    assert "refused" in said
    assert SECRET not in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["bench", "--suite", "basic", "--episodes", "1_000"], "--episodes: '1_000', expected integer"),
        (["bench", "--suite", "basic", "--episodes", " 5"], "--episodes: ' 5', expected integer"),
        (["bench", "--suite", "basic", "--episodes", "\u0665"], "expected integer"),
        (["bench", "--suite", "basic", "--episodes", "1.5"], "--episodes: '1.5', expected integer"),
        (["bench", "--suite", "basic", "--seed", "9223372036854775808"], "'9223372036854775808', expected"),
        (["bench", "--suite", "basic", "--seed=-1"], "--seed -1, expected 0 to"),
        (["bench", "--suite", "basic", "--epi", "3"], "unrecognized arguments: --epi"),
        (["bench", "--suite", "basic", "--cell", "a\0b"], "without the character NUL"),
        (["bench", "--suite", "basic", "--cell", "\udcff"], "expected text in UTF-8"),
        (["bench", "--suite", "basic", "--out", ""], "--out: '' is empty"),
        (["bench", "--suite", "basic", "--out", " "], "--out: ' ' is empty"),
        (["train", "planner", "--minutes", "nan"], "--minutes: 'nan', expected a finite number"),
        (["train", "planner", "--minutes", "1e999"], "--minutes: '1e999', expected a finite number"),
        (["train", "planner", "--minutes=-inf"], "--minutes: '-inf', expected a finite number"),
        (["calibrate", "--episodes", "0"], "episodes: 0, expected"),
        (["calibrate", "--latency=-5"], "latency"),
        (["calibrate", "--task", "dance"], "unknown task 'dance'"),
        (["info", "--yaml"], "unrecognized arguments: --yaml"),
        ([""], "unknown command ''"),
        (["--help\0"], "without the character NUL"),
    ],
)
def test_what_nobody_means_is_refused(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(argv) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_help_of_a_command_is_a_success(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["info", "--help"]) == 0
    assert "--json" in capsys.readouterr().out


def vista(*words: bytes | str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    path = os.pathsep.join(filter(None, [str(ROOT), str(ROOT / "sim"), os.environ.get("PYTHONPATH", "")]))
    call = [sys.executable, "-m", "vista.cli", *words]
    environment = {**os.environ, "PYTHONPATH": path, **variables}
    return subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, timeout=120)


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX"},
    ],
)
@pytest.mark.parametrize("word", ["grüne Tasse".encode(), "青い".encode(), b"\xff\xfe"])
def test_no_locale_and_no_bytes_break_the_sentence(variables: dict[str, str], word: bytes):
    done = vista("bench", "--suite", "basic", "--cell", word, **variables)
    assert done.returncode == 2
    assert done.stderr.startswith(b"vista: ")
    assert done.stderr.count(b"\n") == 1
    done.stderr.decode("utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_stdout_is_told():
    code = "import sys; from vista.cli.main import main; raise SystemExit(main(['--help']))"
    path = os.pathsep.join([str(ROOT), str(ROOT / "sim")])
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=60,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == b"vista: No space left on device\n"


def test_a_closed_stdout_raises_nothing():
    path = os.pathsep.join([str(ROOT), str(ROOT / "sim")])
    done = subprocess.run(
        ["sh", "-c", f"exec '{sys.executable}' -m vista.cli --help >&-"], cwd=ROOT, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path}, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")


SAID = re.compile(r"(?:\./run|(?<![./\w-])(?<!from )vista) ([a-z][a-z-]*)(?![\w./-])")
SCRIPT_WORDS = ("setup", "test", "help")


def commands_in(text: str) -> set[str]:
    """Words after ``vista`` or ``./run`` in what is written as code."""
    code = re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL)
    return {word for each in code for word in SAID.findall(each)}


DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_command_that_the_docs_name_exists(path: Path):
    named = commands_in(path.read_text(encoding="utf-8"))
    unknown = named - set(cli.COMMANDS) - set(SCRIPT_WORDS)
    assert not unknown
    for name in named & set(cli.COMMANDS):
        module = importlib.import_module(f"vista.cli.{cli.COMMANDS[name][0]}")
        assert callable(module.main)
        assert callable(module.add_arguments)


def test_the_docs_are_read():
    assert "calibrate" in set().union(*(commands_in(p.read_text(encoding="utf-8")) for p in DOCS))


def test_every_option_of_a_bench_that_its_doc_names_exists(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["bench", "--help"]) == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    named = set(re.findall(r"`(--[a-z-]+)", (ROOT / "docs" / "bench.md").read_text(encoding="utf-8")))
    assert not named - known


def test_info_tells_what_is_missing_instead_of_failing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    from vista.cli import info

    monkeypatch.setattr(info, "PACKAGES", ("numpy", "no-such-package"))
    monkeypatch.setattr(info, "rendering", raising(OSError("no display")).__call__)
    assert cli.main(["info", "--json"]) == 0
    out = capsys.readouterr().out
    assert '"no-such-package": "not installed"' in out
    for section in ("machine", "device", "models", "ROS", "rendering"):
        assert f'"{section}"' in out


def test_a_bench_breaks_ties_as_the_last_one_did():
    """Python orders sets of words anew for each process, unless it is told not to."""
    code = (
        "import sys; print(sys.flags.hash_randomization, flush=True); from vista.cli.main import main; main()"
    )
    twice, once = ["1", "0"], ["1"]
    for word, seed, told in (
        ("bench", None, twice), ("bench", "", twice), ("bench", "7", once), ("nothing", None, once)
    ):  # fmt: skip
        env = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
        env |= {} if seed is None else {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code, word, "--help me"], env=env, capture_output=True, text=True
        )
        assert done.stdout.split() == told, done.stderr
        assert len(done.stderr.splitlines()) == 1, "the words are the same again"
