"""Stops the nodes that ``vista up`` started, from any terminal.

With ``--all`` it also removes the shared memory that killed ROS processes of this user have left behind: a
day of crashes fills it.
"""

from __future__ import annotations

import argparse
import time

from vista.graph.checks import ros_domain, ros_namespace
from vista.graph.processes import remove_orphans
from vista.graph.running import SETTLED_S, clear_killed, find_running, running, where
from vista.graph.supervision import stop_graph


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--domain", metavar="N", help="ROS domain of the graph, where several are up")
    parser.add_argument("--namespace", help="of the graph, where several are up in one domain")
    parser.add_argument(
        "--all", action="store_true", help="every graph of this user; clear up after killed ones"
    )


def main(args: argparse.Namespace) -> int:
    domain = None if args.domain is None else ros_domain("--domain", args.domain)
    namespace = None if args.namespace is None else ros_namespace(args.namespace)
    killed = clear_killed()
    for state in killed:
        print(f"cleared away {', '.join(state.nodes)} in {where(state.domain, state.namespace)}: "
              "their supervisor had been killed")  # fmt: skip
    meant = [each for each in killed if domain in (None, each.domain) and namespace in (None, each.namespace)]
    if meant and not args.all:
        return 0  # another graph that is up may not be the one that was meant
    graphs = running() if args.all else [find_running(domain, namespace)]
    for state in graphs:
        stop_graph(state)
        print(f"stopped {', '.join(state.nodes)} in {where(state.domain, state.namespace)}")
    if args.all and (left := remove_orphans(0.0, until_s=time.time() - SETTLED_S)):
        size = sum(left.values()) / 1e6
        print(f"removed {len(left)} shared memory files of killed processes ({size:.0f} MB)")
    return 0
