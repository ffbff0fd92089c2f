"""Sends a task to a graph that is up and writes a page about it: vista run "put the blue mug in the tray"."""

from __future__ import annotations

import argparse
import os

from vista.cli.demo import INSTRUCTION, add_task_arguments, task_limits
from vista.cli.shared.progress_view import ProgressView
from vista.errors import VistaError
from vista.graph.checks import INT64, instruction_text, ros_domain, ros_namespace, whole, writable_folder
from vista.graph.network import as_drivers_have_it
from vista.graph.running import find_running
from vista.graph.session import Interrupt, TaskRequest, carry_out, orderly
from vista.graph.supervision import INTERRUPTED
from vista.graph.table import ArmKind
from vista.robot.contract import load_robot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("instruction", nargs="?", default=INSTRUCTION, help=f"what to do ({INSTRUCTION!r})")
    add_task_arguments(parser)
    parser.add_argument("--seed", default=0, help="of the first image that is imagined (0)")
    parser.add_argument("--reset", metavar="SEED", help="simulation: lay out this scene first")
    parser.add_argument("--domain", metavar="N", help="ROS domain of the graph, where several are up")
    parser.add_argument("--namespace", help="of the graph, where several are up or `ros2 launch` started it")
    parser.add_argument("--robot", default="panda", help="contract of its arm (panda)")


def main(args: argparse.Namespace) -> int:
    instruction = instruction_text(args.instruction)
    seed = whole("--seed", args.seed, 0, INT64[1])
    reset = None if args.reset is None else whole("--reset", args.reset, 0, INT64[1])
    timeout_s, ready_s = task_limits(args)
    load_robot(args.robot)
    domain = None if args.domain is None else ros_domain("--domain", args.domain)
    namespace = None if args.namespace is None else ros_namespace(args.namespace)
    writable_folder("--runs", args.runs)
    state = find_running(domain, namespace, elsewhere=True)
    os.environ["ROS_DOMAIN_ID"] = str(state.domain)
    if state.arm == ArmKind.REAL:
        as_drivers_have_it()
    with orderly("the ROS client"):
        from vista_ros.client import GraphClient

    facts = {"command": "run", "domain": str(state.domain)}
    if state.namespace:
        facts["namespace"] = state.namespace
    request = TaskRequest(instruction, state.nodes, facts, seed, timeout_s, ready_s, args.runs, args.approve)
    view = ProgressView()
    graph = GraphClient(state.namespace, args.robot)
    with Interrupt() as interrupt, view, orderly("the task"), graph as client:
        try:
            if reset is not None:
                client.wait_ready(state.nodes, ready_s, should_stop=interrupt, on_change=view.ready)
                client.reset(reset)
            return carry_out(request, client, view, interrupt)
        except VistaError as error:
            if interrupt.cause is None:
                raise
            view.say(str(error), "bold red")
            return INTERRUPTED
