"""Look into a memory that no graph has open: what it holds, as a table, as text, as a picture; and forget.

vista memory inspect runs/memory/scene.sqlite3
vista memory export  runs/memory/scene.sqlite3 --out scene.jsonl      (or .graphml, .svg, .png)
vista memory import  copy.sqlite3 --from scene.jsonl
vista memory inspect "postgresql://robot@lab/memory?scene=kitchen"      (one that several robots share)
vista memory forget  runs/memory/scene.sqlite3 --kind episodic --older-than 30d   (--keep N, --words "mug")
"""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from vista.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from robomemory.memory import RoboMemory

ACTIONS = ("inspect", "export", "import", "forget")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
ENDINGS = (".jsonl", ".graphml", ".svg", ".png")
SHOWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``vista memory``."""
    parser.add_argument("action", metavar="ACTION", help=f"one of: {', '.join(ACTIONS)}")
    parser.add_argument(
        "file", help="the memory of one scene, such as runs/memory/scene.sqlite3 or postgresql://..."
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
    parser.add_argument("--embedder", default="", help="hashing for a memory that was made with it")


def main(args: argparse.Namespace) -> int:
    """Do one of :data:`ACTIONS`."""
    from robomemory.postgres.address import is_url

    if args.action not in ACTIONS:
        raise UnknownNameError("action of vista memory", args.action, ACTIONS)
    if args.action != "import" and not (is_url(args.file) or Path(args.file).is_file()):
        raise ConfigError(f"{args.file}: no such file; a memory is written by 'vista up' or 'vista demo'")
    if args.action == "export" and (args.out is None or args.out.suffix not in ENDINGS):
        raise ConfigError(f"--out {args.out}: expected a file that ends with {', '.join(ENDINGS)}")
    if args.action == "import" and (args.source is None or not args.source.is_file()):
        raise ConfigError(f"--from {args.source}: no such file; expected the .jsonl of an export")
    with _open(args.file, args.embedder) as memory:
        if args.action == "inspect":
            _inspect(memory)
        elif args.action == "export":
            _export(memory, args.out)
        elif args.action == "forget":
            _forget(memory, args)
        else:
            from robomemory.exchange import from_lines

            with args.source.open(encoding="utf-8") as lines:
                print(f"{from_lines(memory, lines)} records read from {args.source} into {memory.where}")
    return 0


def _open(path: str, embedder: str) -> RoboMemory:
    from robomemory.embedding import HashingEmbedder
    from robomemory.memory import RoboMemory
    from vista.cli import compose

    if embedder not in ("", "hashing"):
        raise UnknownNameError("embedder", embedder, ["hashing"])
    from robomemory.opening import embedder_of

    written_with = embedder_of(path) or ""
    return RoboMemory(path, embedder=HashingEmbedder() if embedder else compose.embedder(written_with))


def _inspect(memory: RoboMemory) -> None:
    from rich.console import Console
    from rich.table import Table

    records, scene = memory.records(), memory.scene()
    kinds = Counter(str(record.kind) for record in records)
    print(f"{len(records)} records: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common()) or 'none'}")
    print(f"{len(scene.objects)} things, {len(scene.facts)} facts that hold, {len(scene.past)} that ended")
    things = Table("thing", "where [m]", "confidence", title="things, seen last first")
    for thing in sorted(scene.objects, key=lambda each: -each.last_seen_ns)[:SHOWN]:
        where = "-" if thing.position is None else ", ".join(f"{v:.2f}" for v in thing.position)
        things.add_row(thing.name, where, f"{thing.confidence:.2f}")
    console = Console()
    console.print(things)
    for fact in (*scene.facts, *scene.past)[:SHOWN]:
        ended = "" if fact.valid_until_ns is None else "  (ended)"
        print(f"{fact.subject} {fact.relation} {fact.object}{ended}")
    for record in records[-SHOWN:]:
        print(f"[{record.kind}] {record.text}")


def _forget(memory: RoboMemory, args: argparse.Namespace) -> None:
    before_ns = None
    if args.older_than is not None:
        age = re.fullmatch(r"(\d+)([smhd])", args.older_than)
        if age is None:
            raise ConfigError(
                f"--older-than {args.older_than}: expected a number and s, m, h or d, such as 30d"
            )
        newest = max((record.stamp_ns for record in memory.records()), default=0)
        before_ns = max(0, newest - int(age[1]) * _UNITS[age[2]] * 10**9)
    if (before_ns, args.keep, args.words) == (None, None, None):
        raise ConfigError("forget: say what, with --older-than, --keep or --words")
    gone = memory.forget(kinds=args.kind or None, before_ns=before_ns, keep=args.keep, query=args.words)
    print(f"{gone} records forgotten, {len(memory.records())} left")


def _export(memory: RoboMemory, out: Path) -> None:
    """Written beside and moved into place: what was there stays whole when the disk is full."""
    from robomemory.draw import graph_image
    from robomemory.exchange import to_graphml, to_lines

    if out.suffix == ".jsonl":
        data = "".join(f"{line}\n" for line in to_lines(memory)).encode()
    elif out.suffix == ".graphml":
        data = to_graphml(memory).encode()
    else:
        data = graph_image(memory, out.suffix.removeprefix("."))
    if not out.resolve().parent.is_dir():
        raise ConfigError(f"--out {out}: the folder {out.parent} does not exist")
    scratch = out.with_name(f"{out.name}.part")
    scratch.write_bytes(data)
    os.replace(scratch, out)
    print(f"{out}: {len(data)} bytes")
