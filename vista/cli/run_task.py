"""Sends a task to a graph that is up and writes a page about it: vista run "put the blue mug in the tray"."""

from __future__ import annotations

import argparse
import os

from vista.cli.demo import INSTRUCTION, add_task_arguments
from vista.cli.progress_view import ProgressView
from vista.cli.session import INTERRUPTED, Interrupt, Job, carry_out
from vista.cli.up import find_running
from vista.errors import InstructionError, VistaError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("instruction", nargs="?", default=INSTRUCTION, help=f"what to do ({INSTRUCTION!r})")
    add_task_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the first image that is imagined (0)")
    parser.add_argument("--reset", type=int, metavar="SEED", help="simulation: lay out this scene first")
    parser.add_argument("--domain", type=int, help="ROS domain of the graph, where several are up")
    parser.add_argument("--namespace", help="of the graph, where `ros2 launch` started it")
    parser.add_argument("--robot", default="panda", help="contract of its arm (panda)")


def main(args: argparse.Namespace) -> int:
    if not args.instruction.strip():
        raise InstructionError(f"the instruction is empty; expected a sentence such as {INSTRUCTION!r}")
    state = find_running(args.domain, elsewhere=True)
    os.environ["ROS_DOMAIN_ID"] = str(state.domain)
    from vista_ros.client import GraphClient

    facts = {"command": "run", "domain": str(state.domain)}
    job = Job(args.instruction.strip(), state.nodes, facts, args.seed, args.timeout, args.ready, args.runs)
    view = ProgressView()
    with Interrupt() as interrupt, view, GraphClient(args.namespace or state.namespace, args.robot) as client:
        try:
            if args.reset is not None:
                client.wait_ready(state.nodes, args.ready, should_stop=interrupt, on_change=view.ready)
                client.reset(args.reset)
            return carry_out(job, client, view, interrupt)
        except VistaError as error:
            if interrupt.cause is None:
                raise
            view.say(str(error), "bold red")
            return INTERRUPTED
