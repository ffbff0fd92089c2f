"""Measure the stack: success of the whole loop, speed of its stages, the scripted expert.

Results are kept one episode a line; the same command goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from vista.assembly import Refs
from vista.errors import ConfigError, InvalidValueError, VistaError
from vista.files.yaml_file import user_path
from vista.graph.checks import writable_folder
from vista.messages.plain_text import plain, visible
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.report import report_of, write_report
from vista_bench.suites import SUITES, BenchSettings, make_suite
from vista_bench.suites.base import Cell

_REF = "FOLDER|module:Class"
FEWEST_RECORDS = 1_000
_HIDDEN = ("believed", "failed_seeds", "threads", "product_ms")  # of the table; the report has them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``vista bench``."""
    add = parser.add_argument
    add("--suite", required=True, metavar="NAME", help=f"one of: {', '.join(SUITES)}")
    add("--seed", type=int, default=0, help="offset into the suite's range of seeds (default 0)")
    add("--episodes", type=int, metavar="N", help="episodes of each cell (default: the suite's own)")
    add("--cell", action="append", default=[], metavar="NAME", help="only this cell; may be repeated")
    add("--method", action="append", default=[], metavar="NAME", help="only this method; may be repeated")
    add("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: cores)")
    add("--policy", metavar=_REF, help="executor to use instead of the one that ships")
    add("--world-model", metavar=_REF, help="world model to use")
    add("--planner", metavar=_REF, help="planner to use; also: head (learned alone), memory, scripted")
    add("--critic", metavar=_REF, help="critic to use (default: none)")
    add("--preprocessor", metavar=_REF, help="sums up steps and asks the memory (default: templates)")
    add("--detector", metavar=_REF, help="detector to use; also: oracle, none")
    add("--switcher", metavar=_REF, help="switcher to use; also: scripted")
    add("--guard", metavar="FILE", help="limits of the guard")
    add("--robot", default="panda", metavar="NAME|FILE", help="contract of the arm (default panda)")
    add("--task", default="pick_place", metavar="NAME|FILE", help="task of the scenes, or your own file")
    add("--objects", metavar="DIR", help="a folder with your own objects")
    add("--scene", metavar="FILE", help="your own scene")
    add("--split", default="bench", metavar="RANGE", help="range of seeds (bench; tuning to develop with)")
    add("--records", type=int, action="append", default=[], metavar="N", help="suite memory: only this size")
    add("--out", type=Path, metavar="DIR", help="where results are kept (default runs/bench/SUITE)")
    add("--json", type=Path, metavar="FILE", help="write the report there")
    add("--page", type=Path, metavar="DIR", help="suite vista: a page with pictures and videos of episodes")


def main(args: argparse.Namespace) -> int:
    """Run a suite, print its table, write its report."""
    suite = make_suite(args.suite)
    for option in ("policy", "world_model", "planner", "critic", "preprocessor", "detector", "switcher",
                   "guard", "robot"):  # fmt: skip
        if (value := getattr(args, option)) is not None and not value.strip():
            name = option.replace("_", "-")
            raise InvalidValueError(f"--{name} {value!r} is empty; leave the option out instead")
    if any(n < FEWEST_RECORDS for n in args.records):
        raise InvalidValueError(f"--records {min(args.records)}, expected at least {FEWEST_RECORDS}")
    if args.json is not None and not args.json.resolve().parent.is_dir():
        raise ConfigError(f"--json {args.json}: the folder {args.json.parent} does not exist")
    if args.json is not None and args.json.is_dir():
        raise ConfigError(f"--json {args.json}: a folder stands there, expected a file")
    for option in ("scene", "guard"):
        file = getattr(args, option)
        if file is not None and file.strip() and not user_path(file, option).is_file():
            raise ConfigError(f"--{option} {file}: no such file")
    if args.page is not None and not suite.paged:
        raise ConfigError(f"--page {args.page}: suite {suite.name!r} has no page; 'vista' has one")
    refs = Refs(
        args.policy, args.world_model, args.planner, args.detector, args.switcher, args.guard, args.robot,
        args.critic, args.preprocessor,
    )  # fmt: skip
    settings = BenchSettings(
        tuple(args.cell), tuple(args.method), args.seed, args.episodes, args.split, args.task,
        args.objects, args.scene, args.workers, refs, tuple(args.records),
    )  # fmt: skip
    suite.check(settings)
    out = writable_folder("--out", args.out or Path("runs") / "bench" / args.suite)
    if args.page is not None:
        writable_folder("--page", args.page)
    console = Console(stderr=True)
    with ProgressBar(console) as bar:
        cells = suite.measure(settings, out, bar)
    if not cells or any(not cell.get("n") and "skipped" not in cell for cell in cells):
        raise VistaError("nothing was measured; a cell without episodes has no result")
    report = report_of(args.suite, settings, cells)
    if args.json is not None:
        write_report(report, args.json)
    if args.page is not None:
        print(plain(str(suite.page(settings, out, report, args.page))), file=sys.stderr)
    if text := suite.markdown(cells):
        print(visible(text))
        return 0
    # A pipe or a log has no width; the table should not be folded for it.
    (Console() if sys.stdout.isatty() else Console(width=140)).print(table(args.suite, cells))
    return 0


class ProgressBar(BenchProgress):
    """A progress bar: how many episodes are done and how many of them were successes."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=console)
        self._done = self._good = 0

    def start(self, total: int, done: int) -> None:
        self._bar.start()
        self._task = self._bar.add_task("resuming" if done else "starting", total=total, completed=done)

    def step(self, job: EpisodeJob, success: bool) -> None:
        self._done += 1
        self._good += success
        text = f"{job.cell}, {job.method}: {self._good} of {self._done}"
        self._bar.update(self._task, advance=1, description=escape(text))

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar.live.is_started:
            self._bar.stop()


def table(suite: str, cells: list[Cell]) -> Table:
    """The report as a table: what every cell has first, then what this suite adds."""
    shown = Table(title=f"suite {suite}")
    fixed = ("cell", "method", "n", "success_rate", "interval")
    extra = [k for cell in cells for k in cell if k not in (*fixed, *_HIDDEN)]
    names = [*fixed, *dict.fromkeys(extra)]
    for name in names:
        shown.add_column(
            name.replace("_", " "),
            justify="left" if name in ("cell", "method") else "right",
            no_wrap=name == "interval",
        )
    for cell in cells:
        shown.add_row(*(Text(plain(_text(name, cell.get(name)))) for name in names))
    return shown


def _text(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name == "success_rate":
        return f"{value:.1%}" if isinstance(value, int | float) else str(value)
    if isinstance(value, list):
        return " to ".join(f"{v:.0%}" for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{count} {what}" for what, count in value.items()) or "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
