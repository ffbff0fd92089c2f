"""The command line: light to start, one sentence for what the user can mend."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from vista.cli import main as cli
from vista.errors import InstructionError

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


def test_a_mistake_of_ours_is_not_hidden(broken: ModuleType):
    broken.main = raising(ZeroDivisionError())  # type: ignore[attr-defined]
    with pytest.raises(ZeroDivisionError):
        cli.main(["info"])


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
