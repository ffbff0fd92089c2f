"""What there is to do about a robot's contract.

    vista robot check FILE           read it strictly, try its kinematics, say which models fit
    vista robot check FILE --live    and what the drivers around the arm really offer; nothing is sent

A row a check; the exit status is 1 where one speaks against the contract.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from vista.graph.checks import domain_of_environment, fraction, ros_domain, ros_namespace
from vista.graph.network import DRIVERS_DOMAIN, as_drivers_have_it
from vista.messages.plain_text import plain

if TYPE_CHECKING:
    from vista.assembly.robot_check import Checked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("action", choices=["check"], help="check: whether the contract can be right")
    add("contract", metavar="FILE", help="the file of a contract, or the name of one that ships")
    add("--live", action="store_true", help="listen to the drivers, too")
    add("--seconds", default=4.0, help="--live: how long to listen (4)")
    add("--domain", metavar="N", help="--live: ROS domain of the drivers; else ROS_DOMAIN_ID, else 0")
    add("--namespace", default="", help="--live: of the drivers' topics")
    add("--prefix", default="", help="--live: before the name of each joint, in place of the contract's")


def main(args: argparse.Namespace) -> int:
    """Print the table. Returns 1 where the contract is wrong, else 0."""
    from vista.assembly.robot_check import check_contract, refused

    seconds = fraction("--seconds", args.seconds, 0.5, 600.0)
    namespace = ros_namespace(args.namespace)
    domain = None if args.domain is None else ros_domain("--domain", args.domain)
    checks = check_contract(args.contract)
    if args.live and not refused(checks):
        checks = (*checks, *_live(args, domain, namespace, seconds))
    width = max(len(check.what) for check in checks)
    for check in checks:
        print(f"{check.finding:<5}  {check.what:<{width}}  {plain(check.said, 1000)}")
    wrong = refused(checks)
    print(f"{'refused' if wrong else 'accepted'}: {plain(str(args.contract))}")
    return int(wrong)


def _live(
    args: argparse.Namespace, domain: int | None, namespace: str, seconds: float
) -> tuple[Checked, ...]:
    from vista.graph.running import running
    from vista.graph.session import orderly
    from vista.graph.table import ArmKind
    from vista.robot.contract import load_robot

    if domain is None:
        given = domain_of_environment()
        domain = DRIVERS_DOMAIN if given is None else given
    ours = any(each.domain == domain and each.arm != ArmKind.REAL for each in running())
    if not ours:
        as_drivers_have_it()
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    with orderly("the check of the drivers"):
        from vista_ros.checking.live import check_live

        spec = load_robot(args.contract)
        spec = replace(spec, ros_prefix=args.prefix) if args.prefix else spec
        return check_live(spec, namespace, seconds)
