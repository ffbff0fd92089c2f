"""The picture of the graph."""

import subprocess
import sys
from pathlib import Path

import pytest

from robomemory import RoboMemoryError, draw_graph, graph_image

pytest.importorskip("matplotlib")
ROOT = Path(__file__).parents[2]


def test_svg_and_png_show_things_and_facts(memory, note, tmp_path):
    memory.remember([note("spatial", "tray", 1, "tray", at=(0.5, -0.2, 0))])
    memory.remember([note("spatial", "a", 1, says=("blue mug", "on", "table"))])
    memory.remember([note("spatial", "b", 2, "blue mug", at=(0.5, -0.2, 0), says=("blue mug", "in", "tray"))])
    svg = graph_image(memory)
    assert all(f"<!-- {text} -->".encode() in svg for text in ("in", "on", "table"))
    assert svg == graph_image(memory)
    path = draw_graph(memory, tmp_path / "graph.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_an_empty_memory_can_be_drawn(memory):
    assert b"nothing remembered yet" in graph_image(memory)


def test_another_ending_is_refused(memory, tmp_path):
    with pytest.raises(RoboMemoryError, match="unknown format 'bmp'; allowed are svg, png"):
        draw_graph(memory, tmp_path / "graph.bmp")


def test_drawing_opens_no_window_and_loads_no_pyplot():
    code = (
        "import sys, robomemory as r\n"
        "m = r.RoboMemory(':memory:', embedder=r.HashingEmbedder())\n"
        "r.graph_image(m); m.close(); print('matplotlib.pyplot' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert out.stdout.strip() == "False"
