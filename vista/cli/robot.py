"""What there is to do about a robot's contract.

    vista robot check FILE      read it strictly, try its kinematics, say which models fit

A row a check; the exit status is 1 where one speaks against the contract.
"""

from __future__ import annotations

import argparse

from vista.messages.plain_text import plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("action", choices=["check"], help="check: whether the contract can be right")
    add("contract", metavar="FILE", help="the file of a contract, or the name of one that ships")


def main(args: argparse.Namespace) -> int:
    """Print the table. Returns 1 where the contract is wrong, else 0."""
    from vista.assembly.robot_check import check_contract, refused

    checks = check_contract(args.contract)
    width = max(len(check.what) for check in checks)
    for check in checks:
        print(f"{check.finding:<5}  {check.what:<{width}}  {plain(check.said, 1000)}")
    wrong = refused(checks)
    print(f"{'refused' if wrong else 'accepted'}: {plain(str(args.contract))}")
    return int(wrong)
