"""What is shown in the terminal while a task runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vista.events import Event, EventKind
from vista.messages.plain_text import plain, visible
from vista.types import State

_MARKS = {State.REACHED: ("✓", "green"), State.FAILED: ("✗", "red"), State.TIMED_OUT: ("✗", "yellow")}


class ProgressView:
    """Stage, subtask, bar and timings; a listener for events. On no terminal it prints a line an event."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._began_s = time.monotonic()
        self._stage, self._since_s, self._subtask = "", time.monotonic(), ""
        self._fraction, self._note = 0.0, ""
        self._spent: dict[str, float] = {}
        self._live = Live(
            console=self.console, get_renderable=self._draw, refresh_per_second=8, transient=True
        )
        self._is_live = self.console.is_terminal

    def __enter__(self) -> ProgressView:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_live:
            self._live.stop()

    def stage(self, name: str, note: str = "") -> None:
        """Something outside a task goes on (starting, waiting)."""
        if name != self._stage:
            self._stage, self._since_s = name, time.monotonic()
        self._note = note

    def ready(self, nodes: Sequence[str]) -> None:
        """The nodes that are ready so far."""
        self.stage("starting", f"ready: {', '.join(nodes)}" if nodes else "")

    def say(self, text: str, style: str = "") -> None:
        """A line that stays."""
        self.console.print(Text(visible(text), style=style), soft_wrap=True)

    def __call__(self, event: Event) -> None:
        match event.kind:
            case EventKind.TASK_STARTED:
                self._began_s = time.monotonic()
            case EventKind.STAGE_STARTED:
                self.stage(event.stage)
            case EventKind.STAGE_ENDED if "." not in event.stage:  # else a part of a stage
                self._spent[event.stage] = self._spent.get(event.stage, 0.0) + event.seconds
            case EventKind.SUBTASK_STARTED if event.subtask is not None:
                self._subtask, self._fraction = event.subtask.text, 0.0
            case EventKind.IMAGINED if event.subgoal is not None:
                self._note = f"imagined, score {event.subgoal.score:.2f}"
            case EventKind.PROGRESS if event.progress is not None:
                self._fraction, self._note = event.progress.fraction, event.progress.reason
            case EventKind.SUBTASK_ENDED if event.progress is not None:
                mark, style = _MARKS.get(event.progress.state, ("·", ""))
                reason = f" ({event.progress.reason})" if event.progress.reason else ""
                after = time.monotonic() - self._began_s
                self.say(f"{mark} {self._subtask}: {event.progress.state}{reason}, {after:.1f} s", style)
                self._subtask, self._note = "", ""
            case EventKind.WARNING | EventKind.REJECTED:
                self.say(event.text, "yellow")
            case _:
                pass

    def _draw(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        elapsed = time.monotonic() - self._since_s
        stage = Text(plain(self._stage) or "waiting", style="bold cyan")
        table.add_row(stage, Text(f"{elapsed:.1f} s"), Text(plain(self._subtask)))
        if self._subtask:
            bar = ProgressBar(total=1.0, completed=self._fraction, width=30)
            table.add_row("", f"{self._fraction:.0%}", bar)
        spent = " · ".join(f"{name} {seconds:.1f} s" for name, seconds in self._spent.items())
        return Group(table, Text(plain(self._note), style="dim"), Text(plain(spent), style="dim"))
