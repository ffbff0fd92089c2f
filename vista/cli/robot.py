"""What there is to do about a robot's contract.

    vista robot check FILE           read it strictly, try its kinematics, say which models fit
    vista robot check FILE --live    and what the drivers around the arm really offer; nothing is sent
    vista robot jog-check FILE       moves each joint by two degrees, and the gripper, after a yes for each

A row a check; the exit status is 1 where one speaks against the contract.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from vista.graph.checks import domain_of_environment, fraction, ros_domain, ros_namespace
from vista.graph.network import DRIVERS_DOMAIN, as_drivers_have_it
from vista.messages.plain_text import plain

if TYPE_CHECKING:
    from vista.assembly.robot_check import Checked

WIDTH = 26
WARNING = (
    "The arm is going to move. Keep its emergency stop in reach and everybody out of its way: a stop of\n"
    "this software is no emergency stop."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("action", choices=["check", "jog-check"], help="check: can it be right; jog-check: move a little")
    add("contract", metavar="FILE", help="the file of a contract, or the name of one that ships")
    add("--live", action="store_true", help="check: listen to the drivers, too")
    add("--seconds", default=4.0, help="--live: how long to listen (4)")
    add("--domain", metavar="N", help="ROS domain of the drivers; else ROS_DOMAIN_ID, else 0")
    add("--namespace", default="", help="of the drivers' topics")
    add("--prefix", default="", help="before the name of each joint, in place of the contract's")
    add("--yes", action="store_true", help="jog-check: ask nothing; for drivers without an arm")


def main(args: argparse.Namespace) -> int:
    """Print the table. Returns 1 where the contract is wrong, else 0."""
    from vista.assembly.robot_check import check_contract, refused

    seconds = fraction("--seconds", args.seconds, 0.5, 600.0)
    namespace = ros_namespace(args.namespace)
    domain = None if args.domain is None else ros_domain("--domain", args.domain)
    checks = check_contract(args.contract)
    live = args.live or args.action == "jog-check"
    wrong = _shown(checks) or refused(checks)
    if live and not wrong:
        wrong = _among_drivers(args, domain, namespace, seconds)
    print(f"{'refused' if wrong else 'accepted'}: {plain(str(args.contract))}")
    return int(wrong)


def _shown(checks: Iterable[Checked]) -> bool:
    """Print a row a check, as it comes; whether one was wrong."""
    wrong = False
    for check in checks:
        wrong |= check.finding == "wrong"
        print(f"{check.finding:<5}  {check.what:<{WIDTH}}  {plain(check.said, 1000)}", flush=True)
    return wrong


def _among_drivers(args: argparse.Namespace, domain: int | None, namespace: str, seconds: float) -> bool:
    """Check, or jog, the arm whose drivers are up; whether something is wrong."""
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
        from vista_ros.checking.session import check_live, jog

        spec = load_robot(args.contract)
        spec = replace(spec, ros_prefix=args.prefix) if args.prefix else spec
        if args.action == "check":
            return _shown(check_live(spec, namespace, seconds))
        if not args.yes:
            print(f"{WARNING}\n", flush=True)
        answer = (lambda _: True) if args.yes else _asked
        return _shown(jog(spec, answer, answer, namespace))


def _asked(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
