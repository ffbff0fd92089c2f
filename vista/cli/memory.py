"""Look into a memory that no graph has open: what it holds, as a table, as text, as a picture; ask it; serve
it to agents; forget; back up.

vista memory inspect runs/memory/scene.sqlite3
vista memory export  runs/memory/scene.sqlite3 --out scene.jsonl      (or .graphml, .svg, .png)
vista memory import  copy.sqlite3 --from scene.jsonl
vista memory inspect "postgresql://robot@lab/memory?scene=kitchen"      (one that several robots share)
vista memory forget  runs/memory/scene.sqlite3 --kind episodic --older-than 30d   (--keep N, --words "mug")
vista memory backup  runs/memory/scene.sqlite3 monday.sqlite3       (whole, also while a graph has it open)
vista memory ask     runs/memory/scene.sqlite3 "where is the mug, since when?"
vista memory serve   runs/memory/scene.sqlite3    (MCP on stdin and stdout; --allow-writes, --allow-forget)
"""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vista.errors import ConfigError, UnknownNameError, VistaError
from vista.messages.plain_text import plain

if TYPE_CHECKING:
    from robomemory.embed.embedder import Embedder
    from robomemory.memory import RoboMemory
    from robomemory.records import MemoryRecord

ACTIONS = ("inspect", "export", "import", "forget", "backup", "ask", "serve")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_ONLY_FOR = {
    "out": "export", "source": "import", "kind": "forget", "older_than": "forget", "keep": "forget",
    "words": "forget", "everything": "forget", "allow_writes": "serve", "allow_forget": "serve",
    "name": "serve",
}  # fmt: skip
ENDINGS = (".jsonl", ".graphml", ".svg", ".png")
SHOWN = 12
LONGEST = 300  # characters of a name or text that is shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``vista memory``."""
    parser.add_argument("action", metavar="ACTION", help=f"one of: {', '.join(ACTIONS)}")
    parser.add_argument(
        "file", help="the memory of one scene, such as runs/memory/scene.sqlite3 or postgresql://..."
    )
    parser.add_argument(
        "target", nargs="?", help="backup: the new file that the copy goes to; ask: the question"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"export: a file ({', '.join(ENDINGS)})")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="import: a .jsonl to read")
    parser.add_argument(
        "--kind", action="append", default=[], metavar="NAME", help="forget: only this memory"
    )
    parser.add_argument(
        "--older-than", metavar="AGE", help="forget: older than 90s, 15m, 6h or 30d, from the newest"
    )
    parser.add_argument("--keep", type=int, metavar="N", help="forget: all but the newest N of each memory")
    parser.add_argument("--words", metavar="TEXT", help="forget: records that hold all these words")
    parser.add_argument("--everything", action="store_true", help="forget: all records, or all of --kind")
    parser.add_argument(
        "--allow-writes", action="store_true", help="serve: add, relate, retract, not_seen, too"
    )
    parser.add_argument("--allow-forget", action="store_true", help="serve: forget, too")
    parser.add_argument("--name", help="serve: what the server calls itself (robomemory)")
    parser.add_argument("--embedder", default="", help="hashing for a memory that was made with it")


def main(args: argparse.Namespace) -> int:
    """Do one of :data:`ACTIONS`."""
    from robomemory.store.opening import checked_path

    for option, value in vars(args).items():
        if value == [] and option != "kind":  # argparse makes it of "--words=--"
            raise ConfigError(f"{option.replace('_', '-')}: '--' is no value")
    if args.action not in ACTIONS:
        raise UnknownNameError("action of vista memory", args.action, ACTIONS)
    file = checked_path(args.file)
    _check(args, file)
    if args.action == "backup":
        from robomemory.store.backup import backup_store

        copy = backup_store(file, checked_path(args.target))
        print(f"{plain(str(copy))}: {copy.stat().st_size} bytes, a whole copy of {plain(file)}")
        return 0
    if args.action == "serve":
        _serve(file, args)
        return 0
    with _open(file, args.embedder, "r" if args.action == "ask" else "rw") as memory:
        if args.action == "ask":
            _ask(memory, args.target)
        elif args.action == "inspect":
            _inspect(memory)
        elif args.action == "export":
            _export(memory, args.out)
        elif args.action == "forget":
            _forget(memory, args)
        else:
            _import(memory, args.source)
    return 0


def _check(args: argparse.Namespace, file: str) -> None:
    """Raises ConfigError where an option that ``args.action`` needs is missing or names no file, or one is
    given that it would leave out without a word."""
    from robomemory.store.postgres.address import is_url

    for option, action in _ONLY_FOR.items():
        name = "from" if option == "source" else option.replace("_", "-")
        if args.action != action and getattr(args, option) not in (None, False, []):
            raise ConfigError(f"{args.action}: --{name} is for '{action}' only")
    if args.action != "import" and not (is_url(file) or _is_file(Path(file))):
        raise ConfigError(f"{file}: no such file; a memory is written by 'vista up' or 'vista demo'")
    if args.action != "import" and not is_url(file) and os.path.getsize(file) == 0:
        raise ConfigError(f"{file}: an empty file, and no memory")
    if args.action == "import" and file == ":memory:":
        raise ConfigError("import: ':memory:' keeps nothing; expected a file or postgresql://...")
    if args.action == "export" and (args.out is None or args.out.suffix not in ENDINGS):
        raise ConfigError(f"--out {args.out}: expected a file that ends with {', '.join(ENDINGS)}")
    if args.action == "export" and not is_url(file) and _is_file(args.out) and args.out.samefile(file):
        raise ConfigError(f"--out {args.out}: is the memory itself, which an export must not replace")
    if args.action == "import" and (args.source is None or not _is_file(args.source)):
        raise ConfigError(f"--from {args.source}: no such file; expected the .jsonl of an export")
    if args.action == "backup" and args.target is None:
        raise ConfigError("backup: say which new file the copy goes to, after the memory")
    if args.action == "ask" and args.target is None:
        raise ConfigError("ask: say the question, after the memory")
    if args.action not in ("backup", "ask") and args.target is not None:
        raise ConfigError(f"{args.action}: takes one memory; only 'backup' takes a second file")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _open(path: str, embedder: str, mode: str) -> RoboMemory:
    from robomemory.memory import RoboMemory

    return RoboMemory(path, embedder=_embedder(path, embedder), mode=mode)


def _embedder(path: str, name: str) -> Embedder:
    from robomemory.embed.embedder import HashingEmbedder
    from robomemory.store.opening import embedder_of
    from vista.assembly import loading

    if name not in ("", "hashing"):
        raise UnknownNameError("embedder", name, ["hashing"])
    return HashingEmbedder() if name else loading.embedder(embedder_of(path) or "")


def _ask(memory: RoboMemory, question: str) -> None:
    from robomemory.front.door import Memory

    print(plain(Memory.over(memory).ask(question).text))


def _serve(file: str, args: argparse.Namespace) -> None:
    from robomemory.serving.serve import NAME, serve_memory
    from vista import __version__

    serve_memory(
        file, embedder=_embedder(file, args.embedder), name=NAME if args.name is None else args.name,
        version=__version__, allow_writes=args.allow_writes, allow_forget=args.allow_forget,
    )  # fmt: skip


def _inspect(memory: RoboMemory) -> None:
    """Names and texts are data: nothing in them is taken as an order to the terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    records, scene = memory.records(), memory.scene()
    kinds = Counter(str(record.kind) for record in records)
    print(f"{len(records)} records: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common()) or 'none'}")
    print(f"{len(scene.objects)} things, {len(scene.facts)} facts that hold, {len(scene.past)} that ended")
    things = Table("thing", "where [m]", "confidence", title="things, seen last first")
    for thing in sorted(scene.objects, key=lambda each: each.last_seen, reverse=True)[:SHOWN]:
        where = "-" if thing.position is None else ", ".join(f"{v:.2f}" for v in thing.position)
        things.add_row(Text(plain(thing.name, LONGEST)), where, f"{thing.confidence:.2f}")
    Console(emoji=False, highlight=False).print(things)
    for fact in (*scene.facts, *scene.past)[:SHOWN]:
        ended = "" if fact.valid_until_ns is None else "  (ended)"
        print(f"{plain(str(fact), LONGEST)}{ended}")
    for record in records[-SHOWN:]:
        print(f"[{record.kind}] {plain(record.text, LONGEST)}")


def _forget(memory: RoboMemory, args: argparse.Namespace) -> None:
    before = None
    if args.older_than is not None:
        age = re.fullmatch(r"([0-9]{1,9})([smhd])", args.older_than)
        if age is None or int(age[1]) == 0:
            raise ConfigError(
                f"--older-than {args.older_than}: expected a number from 1 and s, m, h or d, such as 30d"
            )
        before = _moment_before(memory.records(), int(age[1]) * _UNITS[age[2]] * 10**9)
    if (before, args.keep, args.words, args.everything) == (None, None, None, False):
        raise ConfigError("forget: say what, with --older-than, --keep, --words or --everything")
    run, before_ns = (None, None) if before is None else before
    gone = memory.forget(
        kinds=args.kind or None, before_ns=before_ns, run=run, keep=args.keep, query=args.words,
        everything=args.everything,
    )  # fmt: skip
    print(f"{gone} records forgotten, {len(memory.records())} left")


def _moment_before(records: Sequence[MemoryRecord], age_ns: int) -> tuple[int, int]:
    """(run, stamp [ns]) of ``age_ns`` before the newest of ``records``. A clock that began anew does not tell
    how long it was off, so only the time that the robot was running counts: a record before that moment is at
    least so old."""
    spans: dict[int, tuple[int, int]] = {}
    for record in records:
        run, stamp = record.moment
        first, last = spans.get(run, (stamp, stamp))
        spans[run] = min(first, stamp), max(last, stamp)
    for run, (first, last) in sorted(spans.items(), reverse=True):
        if age_ns <= last - first:
            return run, last - age_ns
        age_ns -= last - first
    return 0, 0


def _import(memory: RoboMemory, source: Path) -> None:
    from robomemory.store.exchange import from_lines

    try:
        with source.open(encoding="utf-8") as lines:
            count = from_lines(memory, lines)
    except UnicodeDecodeError as error:
        raise ConfigError(f"--from {source}: not a text in UTF-8: {error}") from error
    except OSError as error:
        raise ConfigError(f"--from {source}: can't be read: {error.strerror}") from error
    print(f"{count} records read from {plain(str(source))} into {plain(memory.where)}")


def _export(memory: RoboMemory, out: Path) -> None:
    """Written beside and moved into place: an older file stays whole when the disk is full."""
    from robomemory.graph.draw import graph_image
    from robomemory.store.exchange import to_graphml, to_lines

    if out.suffix == ".jsonl":
        data = "".join(f"{line}\n" for line in to_lines(memory)).encode()
    elif out.suffix == ".graphml":
        data = to_graphml(memory).encode()
    else:
        data = graph_image(memory, out.suffix.removeprefix("."))
    try:
        if not out.resolve().parent.is_dir():
            raise ConfigError(f"--out {out}: the folder {out.parent} does not exist")
        scratch = out.with_name(f"{out.name}.part")
        try:
            scratch.write_bytes(data)
            os.replace(scratch, out)
        except OSError:
            scratch.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"--out {out}: can't be written: {error.strerror}") from error
    except ValueError as error:  # which ConfigError may be
        if isinstance(error, VistaError):
            raise
        raise ConfigError(f"--out {plain(str(out))}: no file can have this name") from error
    print(f"{plain(str(out))}: {len(data)} bytes")
