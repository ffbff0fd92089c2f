"""Fit the switcher: run the executor on tuning seeds, compare its cues to the truth, keep the weights.

Goals are imagined, as at run time; with several latencies the episodes take turns. Two of three episodes fit,
the third measures: calls of "reached" that come within half a second of the moment at which it was true.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vista.files.resources import resource_roots
from vista.graph.checks import writable_folder
from vista.messages.plain_text import plain
from vista.robot.contract import load_robot
from vista.robot.model_fit import write_trained_for
from vista.switcher import CalibratedSwitcher, SwitcherConfig
from vista.switcher.calibrated import FEATURES
from vista_bench.calibration import check, collect, fit, held_out, measured


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``vista calibrate``."""
    add = parser.add_argument
    add("--episodes", type=int, default=120, metavar="N", help="episodes in all (default 120)")
    add("--task", action="append", metavar="NAME|FILE", help="repeatable; default pick_place")
    add("--robot", default="panda", metavar="NAME", help="contract of the arm (default panda)")
    add(
        "--policy",
        metavar="REF",
        help="executor: a model folder or module:Class (default: the one that ships)",
    )
    add(
        "--world-model",
        metavar="REF",
        help="where goals come from; also: oracle (default: the one that ships)",
    )
    add(
        "--detector",
        metavar="REF",
        help="tells the world model where things are (default: ships)",
    )
    add("--latency", type=int, action="append", metavar="MS", help="of the executor; repeatable; default 0")
    add("--out", type=Path, metavar="DIR", help="where switcher.json goes (default models/switcher)")


def main(args: argparse.Namespace) -> int:
    """Collect, fit, say how good it is, save. Returns 0."""
    tasks, latencies_ms = args.task or ["pick_place"], args.latency or [0]
    check(tasks, args.episodes, latencies_ms)
    out = writable_folder("--out", args.out or resource_roots()[0] / "models" / "switcher")
    found = collect(
        tasks, args.episodes, load_robot(args.robot), policy=args.policy, world_model=args.world_model,
        detector=args.detector, latencies_ms=latencies_ms,
    )  # fmt: skip
    if args.episodes >= 3:
        held = held_out(found, len(tasks))
        trial = fit(found.where(~held), SwitcherConfig())
        print(f"held-out episodes: {measured(found.where(held), trial)}")
    config = fit(found, SwitcherConfig())
    print(f"all episodes:      {measured(found, config)}")
    for name, weight in zip((*FEATURES, "bias"), (*config.weights, config.bias), strict=True):
        print(f"  {name:14} {weight:8.3f}")
    CalibratedSwitcher(config).save_pretrained(out)
    write_trained_for(out, load_robot(args.robot))
    print(f"threshold {config.threshold:.3f}, patience {config.patience}; saved to {plain(str(out))}")
    return 0
