"""Brings the graph up, does one task and writes a page about it: vista demo "put the blue mug in the tray".

Ends with a folder runs/<time>/ holding result.json and index.html. Exit status 0 only when the stack believes
that the task is done and the simulator confirms it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from vista.cli.progress_view import ProgressView
from vista.cli.session import INTERRUPTED, Interrupt, Job, carry_out, orderly
from vista.cli.staging import scene_of
from vista.cli.up import STOP_S, add_stack_arguments, place, stack_values
from vista.errors import VistaError
from vista.graph.checks import (
    EXAMPLE,
    LONGEST_TASK_S,
    fraction,
    instruction_text,
    writable_folder,
)
from vista.graph.processes import DIE_WITH_PARENT, remove_orphans
from vista.graph.running import clear_killed, refuse_taken, running
from vista.graph.table import Value, load_stack
from vista.loop.stopping import ShouldStop
from vista.messages.redaction import conceal
from vista.robot.contract import load_robot

INSTRUCTION = EXAMPLE
LONGEST_WAIT_S = 86_400.0
# What is searched for is to show the memory: the expert reaches it, the oracle sees it, and the page says so.
SEARCH: Mapping[str, str] = {
    "planner": "memory", "policy": "scripted", "world_model": "mock", "detector": "oracle",
}  # fmt: skip
EXPERT_SAYS = "the scripted expert, which reads the simulator's truth, not a learned policy"
# Drawers and stacks: a plan of several steps, and the executor that learned them.
LONGER: Mapping[str, str] = {"planner": "fresh", "policy": "long"}
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


def task_limits(args: argparse.Namespace) -> tuple[float, float]:
    """``--timeout`` and ``--ready`` [s], checked; InvalidValueError names the one that is wrong."""
    return (
        fraction("--timeout", args.timeout, 0.0, LONGEST_TASK_S),
        fraction("--ready", args.ready, 0.0, LONGEST_WAIT_S),
    )


class Graph:
    """The nodes as a child process that ends with the block, and with this process however that ends."""

    def __init__(self, words: Sequence[str], domain: int) -> None:
        self._words, self._domain, self._began = words, domain, time.time()
        self._child: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    def __enter__(self) -> Graph:
        env = {**os.environ, DIE_WITH_PARENT: str(os.getpid()), "ROS_DOMAIN_ID": str(self._domain)}
        # A file: a pipe that nobody reads would stop whoever writes a lot into it.
        self._said = tempfile.TemporaryFile()
        command = [sys.executable, "-m", "vista.cli.up", *self._words, "--domain", str(self._domain)]
        # A session of its own: Ctrl-C is ours to handle, the nodes must live until the task is cancelled.
        self._child = subprocess.Popen(
            command, env=env, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=self._said, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return self

    def wait_there(self, timeout_s: float, should_stop: ShouldStop) -> None:
        """Return once the supervisor holds its place: a client that looks earlier may meet another graph.

        Raises:
            VistaError: it has ended, there is a cause to stop, or ``timeout_s`` [s] are over.
        """
        deadline = time.monotonic() + timeout_s
        while self._child is not None and all(each.pid != self._child.pid for each in running()):
            if (cause := self.ended() or should_stop()) is not None:
                raise VistaError(cause)
            if time.monotonic() > deadline:
                raise VistaError(f"not ready within {timeout_s:g} s: 'vista up' has not come up")
            time.sleep(0.1)

    def ended(self) -> str | None:
        """Why the nodes' supervisor has ended by itself, None while it lives."""
        child = self._child
        if child is None or child.poll() is None:
            return None
        said = []
        if self._said is not None:
            self._said.seek(0)
            said = self._said.read().decode(errors="replace").strip().splitlines()
        return said[-1].removeprefix("vista: ") if said else f"the nodes ended with status {child.returncode}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        child = self._child
        if child is None or child.poll() is not None:
            remove_orphans(self._began, self._domain, leaving=True)
            return
        # Whoever presses Ctrl-C again now would leave nodes behind: it is not heard until they are down.
        before = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            child.terminate()
            child.wait(STOP_S + 12.0)
        except subprocess.TimeoutExpired:
            from vista.cli.down import stop

            for state in running():
                if state.pid == child.pid:
                    stop(state)
        finally:
            # The nodes' supervisor left what this process, their client, had mapped until now.
            remove_orphans(self._began, self._domain, leaving=True)
            for number, handler in before.items():
                signal.signal(number, handler)


def own_values(given: Mapping[str, object], seed: str) -> dict[str, str]:
    """What the demo of the task in ``given`` uses where the user has not said otherwise; ``seed`` by default.

    A search is shown with stand-ins, all of them or, where one was replaced, none: with the still world model
    a learned policy would be told to stay where it is.
    """
    task = given.get("task")
    if task == "search":
        shown = LONGER if SEARCH.keys() & given.keys() - {"planner"} else SEARCH
        # Drawers that were opened in one scene tell nothing of another one: each has a memory of its own.
        return {**shown, "scene_name": f"search-{given.get('seed', seed)}"}
    return dict(LONGER) if task in LONGER_TASKS else {}


def main(args: argparse.Namespace) -> int:
    stack = load_stack()
    values = stack_values(args)
    values = {**own_values(values, str(stack.arguments["seed"].default)), **values}
    instruction = told(args.instruction, stack.chosen(values))
    objects = str(values.get("objects", ""))
    if "target" not in values and "scene" not in values and (label := named(instruction, objects)):
        values["target"] = label  # a scene without it would be no demonstration
    chosen = stack.chosen(values)
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
    words = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    words += [f"--namespace={namespace}", f"--logs={args.logs}"]
    seed = int(str(chosen["seed"]))
    # The page is shown to others: no password of an address belongs on it.
    told_of = {name: conceal(str(value)) for name, value in chosen.items() if value != ""}
    facts = {"command": "demo", **told_of}
    if chosen["policy"] == "scripted":
        facts["executor"] = EXPERT_SAYS
    nodes = [node.name for node in stack.select()]
    job = Job(instruction, nodes, facts, seed, timeout_s, ready_s, args.runs)
    view = ProgressView()
    with Interrupt() as interrupt, Graph(words, domain) as graph, view:
        view.stage("starting")
        try:
            with orderly("the ROS client"):
                from vista_ros.client import GraphClient

            graph.wait_there(ready_s, interrupt)
            with orderly("the task"), GraphClient(namespace, str(chosen["robot"])) as client:
                return carry_out(job, client, view, interrupt, graph.ended)
        except VistaError as error:
            if interrupt.cause is None:
                raise
            view.say(str(error), "bold red")
            return INTERRUPTED


def told(instruction: str | None, chosen: Mapping[str, Value]) -> str:
    """What to do: ``instruction``; without one the usual sentence, or that of another task's scene.

    Raises:
        InstructionError: it is empty, too long or no text.
    """
    if instruction is None:
        return INSTRUCTION if chosen["task"] == "pick_place" else scene_of(chosen).instruction
    return instruction_text(instruction)


def named(instruction: str, objects: str) -> str | None:
    """What the instruction speaks of, of the things that the simulator may put on the table."""
    from vista_sim.objects.specs import load_objects
    from vista_sim.scenes.task_scenes import lab_choice

    labels = [*(load_objects(Path(objects)) if objects else ()), *lab_choice().labels]
    said = instruction.lower()
    return next((label for label in labels if label.lower() in said), None)
