"""Stops the nodes that ``vista up`` started, from any terminal."""

from __future__ import annotations

import argparse

from vista.cli.up import STOP_S, Running, clean_up, find_running, running, supervisor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--domain", type=int, help="ROS domain of the graph, where several are up")
    parser.add_argument("--all", action="store_true", help="stop every graph of this user")


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
    return 0
