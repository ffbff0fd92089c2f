"""One task in a graph: only what was done and confirmed ends with status 0; why not is written down."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from vista.cli import main, run_task
from vista.cli.shared.progress_view import ProgressView
from vista.errors import VistaError
from vista.graph import running
from vista.graph.session import Interrupt, TaskRequest, carry_out, orderly
from vista.graph.supervision import INTERRUPTED
from vista.types import Ask, EpisodeResult, Outcome, Question

SENTENCE = "put the blue mug in the tray"


class Client:
    """Answers as it was told; ``how`` is an outcome, or what is raised."""

    def __init__(self, how: Outcome | BaseException, truth: bool | None = True) -> None:
        self._how, self._truth = how, truth

    def wait_ready(self, nodes: Sequence[str], timeout_s: float, **_: object) -> None: ...

    def run_task(self, instruction: str, **_: object) -> EpisodeResult:
        if isinstance(self._how, BaseException):
            raise self._how
        return EpisodeResult(
            instruction, self._how, "for a reason", 0, 1.0,
            question=Question(Ask.WHICH, "the mug", "Which mug?") if self._how is Outcome.QUESTION else None,
            answer="in the tray" if self._how is Outcome.ANSWERED else "",
        )  # fmt: skip

    def truth(self, instruction: str) -> bool | None:
        return self._truth

    def memory_picture(self) -> str:
        return ""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setattr("vista.graph.session.SETTLE_S", 0.0)

    def run(how: Outcome | BaseException, truth: bool | None = True) -> int:
        view = ProgressView(Console(quiet=True))
        request = TaskRequest(SENTENCE, [], {}, runs=str(tmp_path))
        return carry_out(request, Client(how, truth), view, Interrupt())

    return run


def written(folder: Path) -> dict[str, object]:
    (file,) = folder.glob("*/result.json")
    return json.loads(file.read_text())


@pytest.mark.parametrize(
    ("outcome", "truth", "status"),
    [
        (Outcome.SUCCESS, True, 0),
        (Outcome.SUCCESS, False, 1),
        (Outcome.SUCCESS, None, 1),
        (Outcome.ANSWERED, None, 0),
        *((each, True, 1) for each in Outcome if each not in (Outcome.SUCCESS, Outcome.ANSWERED)),
    ],
)
def test_only_a_confirmed_success_ends_with_0(
    run: Callable[..., int], outcome: Outcome, truth: bool | None, status: int
):
    assert run(outcome, truth) == status


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (VistaError("agent is gone: no sign of life"), "agent is gone: no sign of life"),
        (RuntimeError("mug\ud83d"), "RuntimeError: mug\\ud83d"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_what_is_raised_is_passed_on_and_stands_in_the_report(
    run: Callable[..., int], tmp_path: Path, error: BaseException, cause: str
):
    with pytest.raises(type(error)):
        run(error)
    result = written(tmp_path)
    assert result["outcome"] == "stopped"
    assert cause in str(result["cause"])
    assert result["truth"] is None


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (VistaError("as it is"), "as it is"),
        (
            RuntimeError("context is not valid"),
            "the task ended by an error: RuntimeError: context is not valid",
        ),
        (RuntimeError("key=\ud83d"), "the task ended by an error: "),
        (ModuleNotFoundError("no rclpy"), "the graph needs ROS 2"),
        (ImportError("half a file"), "the task ended by an error: ImportError: half a file"),
    ],
)
def test_nothing_raw_leaves_a_task(error: Exception, sentence: str):
    with pytest.raises(VistaError) as caught, orderly("the task"):
        raise error
    assert sentence in str(caught.value)
    str(caught.value).encode()


def test_a_graph_that_breaks_ends_the_command_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    class Broken(Client):
        def __init__(self, *_: object) -> None:
            super().__init__(RuntimeError("rcl: context is not valid"))

        def __enter__(self) -> Broken:
            return self

        def __exit__(self, *_: object) -> None: ...

    vista_ros = pytest.importorskip("vista_ros.client")
    monkeypatch.setattr(vista_ros, "GraphClient", Broken)
    monkeypatch.setattr(
        run_task, "find_running", lambda *_, **__: running.Running(1, "a", 7, "", ("agent",), 0.0, "")
    )
    monkeypatch.setenv("ROS_DOMAIN_ID", "7")
    assert main.main(["run", f"--runs={tmp_path}", SENTENCE]) == 2
    said = capsys.readouterr().err
    assert said == "vista: the task ended by an error: RuntimeError: rcl: context is not valid\n"
    assert "context is not valid" in str(written(tmp_path)["cause"])


def test_after_ctrl_c_the_status_is_never_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("vista.graph.session.SETTLE_S", 0.0)
    interrupt = Interrupt()
    interrupt.cause = "cancelled by the user (Ctrl-C)"
    view = ProgressView(Console(quiet=True))
    request = TaskRequest(SENTENCE, [], {}, runs=str(tmp_path))
    assert carry_out(request, Client(Outcome.SUCCESS), view, interrupt) == INTERRUPTED


def test_down_takes_a_namespace():
    from vista.cli import down

    parser = argparse.ArgumentParser()
    down.add_arguments(parser)
    assert parser.parse_args(["--domain=3", "--namespace=left"]).namespace == "left"
