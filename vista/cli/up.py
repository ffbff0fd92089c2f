"""Starts the nodes of launch/stack.yaml and watches over them until Ctrl-C or ``vista down``.

A node that ends by itself is started again. Nothing is left behind: no process, no shared memory.
"""

from __future__ import annotations

import argparse
import os
import time
import uuid

from vista.cli.shared.scene_arguments import scene_of
from vista.graph.checks import domain_of_environment, ros_domain, ros_namespace, writable_folder
from vista.graph.network import DRIVERS_DOMAIN, as_drivers_have_it
from vista.graph.processes import die_with_parent
from vista.graph.running import Running, claimed, clear_killed, clear_old, free_domain, where
from vista.graph.supervision import supervise
from vista.graph.table import ArmKind, command, load_stack
from vista.guard.policy import load_policy, policy_files
from vista.messages.plain_text import plain
from vista.robot.contract import load_robot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_stack_arguments(parser)
    arm = parser.add_mutually_exclusive_group()
    arm.add_argument("--real", action="store_true", help="beside the drivers of a real arm: no simulator")
    arm.add_argument("--fake", action="store_true", help="a dry run: drivers without an arm")
    parser.add_argument("--nodes", nargs="+", default=[], metavar="NODE", help="only these")


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Options for everything that launch/stack.yaml lets one choose."""
    for each in load_stack().arguments.values():
        option = "--" + each.name.replace("_", "-")
        parser.add_argument(option, dest=each.name, metavar="VALUE", help=f"{each.help} ({each.default!r})")
    parser.add_argument("--namespace", default="", help="of all nodes and topics")
    parser.add_argument(
        "--domain", metavar="N", help="ROS domain; else ROS_DOMAIN_ID; else a free one (--real: 0)"
    )
    parser.add_argument("--logs", default="", help="folder of the nodes' output (runs/log/<time>)")


def stack_values(args: argparse.Namespace) -> dict[str, object]:
    """The arguments of launch/stack.yaml that are given on the command line."""
    names = load_stack().arguments
    return {name: getattr(args, name) for name in names if getattr(args, name, None) is not None}


def place(args: argparse.Namespace, arm: ArmKind = ArmKind.SIM) -> tuple[int, str]:
    """The ROS domain and the namespace of a graph that is to be started. Beside drivers it is theirs."""
    if args.domain is not None:
        domain = ros_domain("--domain", args.domain)
    elif arm is ArmKind.REAL:
        given = domain_of_environment()
        domain = DRIVERS_DOMAIN if given is None else given
    else:
        domain = free_domain()
    return domain, ros_namespace(args.namespace)


def main(args: argparse.Namespace) -> int:
    die_with_parent()
    table = load_stack()
    arm = ArmKind.REAL if args.real else ArmKind.FAKE if args.fake else ArmKind.SIM
    nodes = table.select(arm, args.nodes)
    values = stack_values(args)
    chosen = table.chosen(values)
    load_robot(str(chosen["robot"]))
    load_policy(*policy_files(str(chosen["guard_policy"])))
    if any(node.only == "sim" for node in nodes):
        scene_of(chosen)
    domain, namespace = place(args, arm)
    if arm is ArmKind.REAL:
        as_drivers_have_it()
    simulated = arm is ArmKind.SIM
    commands = {
        node.name: command(node, chosen, namespace=namespace, use_sim_time=simulated) for node in nodes
    }
    clear_killed()
    clear_old()
    with claimed(domain, namespace):
        logs = writable_folder("--logs", args.logs or f"runs/log/{time.strftime('%Y-%m-%d_%H-%M-%S')}")
        names = tuple(node.name for node in nodes)
        state = Running(
            os.getpid(), uuid.uuid4().hex, domain, namespace, names, time.time(), str(logs.resolve()), arm
        )
        print(
            f"starting {', '.join(names)} in {where(domain, namespace)}; output in {plain(str(logs))}/",
            flush=True,
        )
        status = supervise(nodes, commands, state)
        print("all nodes are down", flush=True)
        return status


if __name__ == "__main__":  # `vista demo` starts it so
    import sys

    from vista.cli.main import main as vista

    raise SystemExit(vista(["up", *sys.argv[1:]]))
