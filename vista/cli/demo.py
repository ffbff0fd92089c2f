"""Brings the graph up, does one task and writes a page about it: vista demo "put the blue mug in the tray".

Ends with a folder runs/<time>/ holding result.json and index.html. Exit status 0 only when the stack believes
that the task is done and the simulator confirms it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping

from vista.cli.shared.progress_view import ProgressView
from vista.cli.shared.scene_arguments import named_object, scene_of
from vista.cli.up import add_stack_arguments, place, stack_values
from vista.errors import VistaError
from vista.graph.checks import EXAMPLE, LONGEST_TASK_S, fraction, instruction_text, writable_folder
from vista.graph.running import clear_killed, refuse_taken
from vista.graph.session import Interrupt, TaskRequest, carry_out, orderly
from vista.graph.supervision import INTERRUPTED, GraphProcess
from vista.graph.table import Value, load_stack
from vista.messages.redaction import conceal
from vista.robot.contract import load_robot

INSTRUCTION = EXAMPLE
LONGEST_WAIT_S = 86_400.0
# A search shows the memory: the expert moves, the oracle sees, and the page says so.
SEARCH: Mapping[str, str] = {
    "planner": "memory", "policy": "scripted", "world_model": "mock", "detector": "oracle",
}  # fmt: skip
EXPERT_SAYS = "the scripted expert, which reads the simulator's truth, not a learned policy"
# Drawers and stacks: the executor that learned them.
LONGER: Mapping[str, str] = {"policy": "long"}
LONGER_TASKS = ("stack", "drawer", "tidy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("instruction", nargs="?", help=f"what to do ({INSTRUCTION!r}, or what the task says)")
    add_task_arguments(parser)
    add_stack_arguments(parser)


def add_task_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``vista demo`` and ``vista run``."""
    parser.add_argument("--timeout", default=0.0, help="stop after so much robot time [s] (the agent's)")
    parser.add_argument("--ready", default=180.0, help="wait so long for the nodes [s] (180)")
    parser.add_argument("--runs", default="runs", help="folder of the reports (runs)")
    parser.add_argument("--approve", action="append", default=[], metavar="RULE",
                        help="say yes to this rule of the guard's policy; may be given again")  # fmt: skip


def task_limits(args: argparse.Namespace) -> tuple[float, float]:
    """``--timeout`` and ``--ready`` [s], checked; InvalidValueError names the one that is wrong."""
    return (
        fraction("--timeout", args.timeout, 0.0, LONGEST_TASK_S),
        fraction("--ready", args.ready, 0.0, LONGEST_WAIT_S),
    )


def own_values(given: Mapping[str, object], seed: str) -> dict[str, str]:
    """The arguments that the demo sets for the task in ``given``, unless the user sets them; ``seed``: the
    default.

    A search uses all of its stand-ins, or none where the user replaces one: the still world model would have
    a learned policy stay where it is."""
    task = given.get("task")
    if task == "search":
        shown = LONGER if SEARCH.keys() & given.keys() - {"planner"} else SEARCH
        # What is known of the drawers of one scene is wrong in another one: each has its own memory.
        return {**shown, "scene_name": f"search-{given.get('seed', seed)}"}
    return dict(LONGER) if task in LONGER_TASKS else {}


def main(args: argparse.Namespace) -> int:
    table = load_stack()
    values = stack_values(args)
    values = {**own_values(values, str(table.arguments["seed"].default)), **values}
    instruction = instruction_of(args.instruction, table.chosen(values))
    objects = str(values.get("objects", ""))
    if "target" not in values and "scene" not in values and (label := named_object(instruction, objects)):
        values["target"] = label  # a scene without it would be no demonstration
    chosen = table.chosen(values)
    load_robot(str(chosen["robot"]))
    scene_of(chosen)
    timeout_s, ready_s = task_limits(args)
    domain, namespace = place(args)
    clear_killed()
    refuse_taken(domain, namespace)
    for option, folder in (("--runs", args.runs), ("--logs", args.logs)):
        if folder:
            writable_folder(option, folder)
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    words = [sys.executable, "-m", "vista.cli.up", f"--domain={domain}"]
    words += [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    words += [f"--namespace={namespace}", f"--logs={args.logs}"]
    seed = int(str(chosen["seed"]))
    # The page is shown to others: no password of an address belongs on it.
    shown = {name: conceal(str(value)) for name, value in chosen.items() if value != ""}
    facts = {"command": "demo", **shown}
    if chosen["policy"] == "scripted":
        facts["executor"] = EXPERT_SAYS
    nodes = [node.name for node in table.select()]
    request = TaskRequest(instruction, nodes, facts, seed, timeout_s, ready_s, args.runs, args.approve)
    view = ProgressView()
    with Interrupt() as interrupt, GraphProcess(words, domain) as graph, view:
        view.stage("starting")
        try:
            with orderly("the ROS client"):
                from vista_ros.client import GraphClient

            graph.wait_there(ready_s, interrupt)
            with orderly("the task"), GraphClient(namespace, str(chosen["robot"])) as client:
                return carry_out(request, client, view, interrupt, graph.ended)
        except VistaError as error:
            if interrupt.cause is None:
                raise
            view.say(str(error), "bold red")
            return INTERRUPTED


def instruction_of(instruction: str | None, chosen: Mapping[str, Value]) -> str:
    """The instruction of the demo: ``instruction``, else the usual sentence, or that of another task's scene.

    Raises:
        InstructionError: it is empty, too long or no text.
    """
    if instruction is None:
        return INSTRUCTION if chosen["task"] == "pick_place" else scene_of(chosen).instruction
    return instruction_text(instruction)
