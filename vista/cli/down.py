"""Stops the nodes that ``vista up`` started, from any terminal.

With ``--all`` it also removes the shared memory that killed ROS processes of this user have left behind: a
day of crashes fills it.
"""

from __future__ import annotations

import argparse
import time

from vista.cli.processes import remove_orphans
from vista.cli.up import STOP_S, Running, clean_up, find_running, running, supervisor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--domain", type=int, help="ROS domain of the graph, where several are up")
    parser.add_argument(
        "--all", action="store_true", help="every graph of this user; clear up after killed ones"
    )


SETTLED_S = 30.0
"""A file so young may belong to a process that is only starting [s]."""


def stop(state: Running) -> None:
    """Stop one graph: first with a word, then by force."""
    import psutil

    if (process := supervisor(state)) is not None:
        try:
            process.terminate()
            process.wait(STOP_S + 12.0)
        except psutil.NoSuchProcess:
            pass
        except psutil.TimeoutExpired:
            process.kill()
    clean_up(state)


def main(args: argparse.Namespace) -> int:
    graphs = running() if args.all else [find_running(args.domain)]
    for state in graphs:
        stop(state)
        print(f"stopped {', '.join(state.nodes)} in ROS domain {state.domain}")
    if args.all and (left := remove_orphans(0.0, until_s=time.time() - SETTLED_S)):
        size = sum(left.values()) / 1e6
        print(f"removed {len(left)} shared memory files of killed processes ({size:.0f} MB)")
    return 0
