"""One task in a graph that is up: sent, shown, recorded and judged. For ``vista demo`` and ``vista run``."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Protocol

from vista.errors import VistaError
from vista.events import Event, EventKind, fan_out
from vista.graph.supervision import INTERRUPTED
from vista.loop.stopping import never
from vista.messages.describe import describe
from vista.protocols import ShouldStop
from vista.report.recording import RunRecorder
from vista.types import EpisodeResult, Outcome

SETTLE_S = 1.0
"""Time in which things come to rest before the truth is asked [s]."""

_log = logging.getLogger(__name__)


class Interrupt:
    """Ctrl-C as a cause instead of an exception, so that a task can be cancelled and written down.

    A second Ctrl-C is an exception again.
    """

    def __init__(self) -> None:
        self.cause: str | None = None
        self._before: dict[int, Any] = {}

    def __call__(self) -> str | None:
        return self.cause

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.cause is not None:
            raise KeyboardInterrupt
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        self.cause = f"cancelled by the user ({name})"

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


@contextmanager
def orderly(what: str) -> Iterator[None]:
    """Turn every error of ``what`` in the block into one sentence.

    Raises:
        VistaError: the sentence; the traceback of another error is in the debug log.
    """
    try:
        yield
    except (VistaError, KeyboardInterrupt):
        raise
    except ModuleNotFoundError as error:
        raise VistaError(f"the graph needs ROS 2 ({describe(error)}); './run setup' brings it") from error
    except Exception as error:
        _log.debug("%s ended by an error", what, exc_info=error)
        raise VistaError(f"{what} ended by an error: {describe(error)}") from error


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """A task for the graph.

    ``instruction``; ``seed`` of the first image; ``timeout_s`` [s] of robot time, 0: the agent's default;
    ``nodes`` that must be ready within ``ready_s`` [s]; ``facts`` for the page; ``runs``, the folder of
    reports; ``approved``: names of rules of the guard's policy that a person approves."""

    instruction: str
    nodes: Sequence[str]
    facts: Mapping[str, str]
    seed: int = 0
    timeout_s: float = 0.0
    ready_s: float = 120.0
    runs: str = "runs"
    approved: Sequence[str] = ()


class TaskView(Protocol):
    """Shows a person how a task goes; hears its events, too."""

    def __call__(self, event: Event, /) -> None: ...

    def stage(self, name: str, note: str = "") -> None:
        """Show a stage outside of the task (starting, waiting)."""
        ...

    def ready(self, nodes: Sequence[str]) -> None:
        """Show which nodes are ready so far."""
        ...

    def say(self, text: str, style: str = "") -> None:
        """Show a line that stays."""
        ...


def carry_out(
    request: TaskRequest, client: Any, view: TaskView, interrupt: Interrupt, ended: ShouldStop = never
) -> int:
    """Run ``request`` through ``client`` (a ``vista_ros.client.GraphClient``). The report of a task that the
    client ends by an error has that error as its cause.

    Args:
        ended: Says why the graph is no longer there, or None.

    Returns:
        The exit status: 0 only when outcome and truth are both success, or a question was answered; 130 after
        an interrupt, else 1.
    """

    def should_stop() -> str | None:
        return interrupt.cause or ended()

    client.wait_ready(request.nodes, request.ready_s, should_stop=should_stop, on_change=view.ready)
    view.say(f"“{request.instruction}”", "bold")
    recorder = RunRecorder(request.runs, facts=request.facts)
    film = _Film(recorder)
    result: EpisodeResult | None = None
    truth: bool | None = None
    try:
        result = client.run_task(
            request.instruction, seed=request.seed, timeout_s=request.timeout_s,
            listener=fan_out(recorder, view), on_frame=film, should_stop=should_stop,
            approved=request.approved,
        )  # fmt: skip
        view.stage("judging")
        time.sleep(SETTLE_S)
        if result.outcome is not Outcome.ANSWERED:  # nothing was to be done
            truth = client.truth(request.instruction)
    except BaseException as error:
        if result is None:
            cause = interrupt.cause or describe(error)
            cut_off = EpisodeResult(request.instruction, Outcome.STOPPED, cause, 0, 0.0)
            recorder(Event(EventKind.TASK_ENDED, result=cut_off))
        raise
    finally:
        page = _write(recorder, client, truth, view, hurry=result is None)
    assert result is not None
    text, style = ending(result, truth)
    view.say(text, style)
    if page is not None:
        view.say(f"report: {page}")
    if interrupt.cause is not None:
        return INTERRUPTED
    if result.outcome is Outcome.ANSWERED:
        return 0
    return 0 if result.outcome is Outcome.SUCCESS and truth is True else 1


def ending(result: EpisodeResult, truth: bool | None) -> tuple[str, str]:
    """How a task ended, in one line, and the style to print it in."""
    if result.outcome is Outcome.ANSWERED:
        return result.answer, "bold green"
    if result.question is not None:
        return result.question.text, "bold yellow"
    told = {True: "the simulator confirms it", False: "but the simulator says it is not done", None: ""}[
        truth
    ]
    if truth is False and result.outcome is not Outcome.SUCCESS:
        told = ""
    text = f"{result.outcome}: {result.cause}" + (f"; {told}" if told else "")
    return text, "bold green" if result.outcome is Outcome.SUCCESS and truth is not False else "bold red"


class _Film:
    """Records the frames of a task at 5 Hz, which is enough for a video."""

    def __init__(self, recorder: RunRecorder) -> None:
        self._recorder, self._last_ns = recorder, 0

    def __call__(self, images: Mapping[str, Any], stamp_ns: int) -> None:
        if stamp_ns - self._last_ns >= 190_000_000 or stamp_ns < self._last_ns:
            self._last_ns = stamp_ns
            self._recorder.add_frame(images, stamp_ns)


def _write(
    recorder: RunRecorder, client: Any, truth: bool | None, view: TaskView, *, hurry: bool
) -> Path | None:
    """Finish the report. An error in writing it is shown, not raised."""
    view.stage("writing the report")
    graph: Path | None = None
    try:
        if not hurry and (svg := client.memory_picture()):
            graph = recorder.folder / "memory.svg"
            graph.write_text(svg, encoding="utf-8")
        return recorder.close(truth=truth, memory_graph=graph).resolve()
    except Exception as error:
        view.say(f"the report is not complete: {describe(error)}", "red")
        return None
