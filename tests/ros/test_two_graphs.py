"""Two graphs in one ROS domain: each has its own clock and its own health; a second clock is refused."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")
pytest.importorskip("circus")

from rosgraph_msgs.msg import Clock

from tests.ros.graph import READY_S, Graph, marked, wait_for
from vista.errors import VistaError
from vista.graph.processes import in_use, remove_orphans, shared_memory
from vista.graph.running import clear_killed, find_running, running, supervisor
from vista_ros.client import GraphClient

pytestmark = [pytest.mark.ros, pytest.mark.timeout(300)]
FEW = ("--nodes", "sim", "guard")


def graph(folder: Path, namespace: str, domain: int | None = None, nodes: tuple[str, ...] = FEW) -> Graph:
    folder.mkdir()
    made = Graph(folder, [f"--namespace={namespace}", *nodes])
    made.domain = made.domain if domain is None else domain
    return made


def refused(*words: str) -> str:
    """What ``vista up`` says as it ends with status 2."""
    done = subprocess.run(
        [sys.executable, "-m", "vista.cli.up", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Graph, Graph]]:
    folder = tmp_path_factory.mktemp("two")
    with graph(folder / "left", "left") as left, graph(folder / "right", "right", left.domain) as right:
        yield left, right
        gc.collect()  # a client of this process that waits for it would still use the graphs' shared memory
        assert [each.stop() for each in (left, right)] == [0, 0]
        # What this process, a client of both, still had mapped as they ended is the next command's to remove.
        remove_orphans(0.0, left.domain)
        assert left.left() == []
        assert right.left() == []


def test_time_never_runs_back_in_either(both: tuple[Graph, Graph]):
    heard: dict[str, list[int]] = {"/left/clock": [], "/right/clock": [], "/clock": []}
    with GraphClient("left") as client:
        client.wait_ready(("sim", "guard"), READY_S)
        for topic, stamps in heard.items():
            client.node.create_subscription(
                Clock, topic,
                lambda msg, kept=stamps: kept.append(msg.clock.sec * 10**9 + msg.clock.nanosec), 10,
            )  # fmt: skip
        wait_for(lambda: len(heard["/left/clock"]) > 60 and len(heard["/right/clock"]) > 60, 60.0, "no clock")
        for namespace in ("/left", "/right"):
            listeners = client.node.get_subscriptions_info_by_topic(f"{namespace}/clock")
            guards = {each.node_namespace for each in listeners if each.node_name == "guard"}
            assert guards == {namespace}
    for topic in ("/left/clock", "/right/clock"):
        stamps = heard[topic]
        assert stamps == sorted(stamps), topic
    assert heard["/clock"] == []


def test_each_hears_of_its_own_nodes_only(both: tuple[Graph, Graph]):
    left, right = both
    for namespace, own in (("left", left), ("right", right)):
        with GraphClient(namespace) as client:
            client.wait_ready(("sim", "guard"), READY_S)
            wait_for(lambda c=client: {"sim", "guard"} <= set(c.diagnostics()), 20.0, "no diagnostics")
            pids = own.pids()
            for _ in range(20):
                said = client.diagnostics()
                assert {n: said[n]["pid"] for n in ("sim", "guard")} == {n: str(p) for n, p in pids.items()}
                time.sleep(0.1)


def test_one_place_holds_one_graph_and_each_is_found(both: tuple[Graph, Graph]):
    domain = both[0].domain
    said = refused(f"--domain={domain}", "--namespace=/left/", "--nodes", "guard")
    assert f"a graph is up in ROS domain {domain} under /left already" in said
    assert "--namespace" in said
    assert find_running(domain, "right").pid == both[1].child.pid
    with pytest.raises(VistaError, match=r"several graphs are up in domain \d+, under /left, /right"):
        find_running(domain)
    with pytest.raises(VistaError, match=r"no graph is up in domain \d+ under /middle.*up: ROS domain"):
        find_running(domain, "middle")
    assert find_running(domain, "middle", elsewhere=True).namespace == "middle"


def test_a_second_clock_is_refused_by_name(tmp_path: Path):
    made = graph(tmp_path / "g", "third", nodes=("--nodes", "sim"))
    os.environ["ROS_DOMAIN_ID"] = str(made.domain)
    with GraphClient("third") as client:
        other = client.node.create_publisher(Clock, "clock", 1)
        assert other.topic_name == "/third/clock"
        name = client.node.get_fully_qualified_name()
        with (
            made,
            pytest.raises(VistaError, match=rf"sim cannot start: {name} publishes '/third/clock' already"),
        ):
            client.wait_ready(("sim",), READY_S)


def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path):
    with graph(tmp_path / "g", "", nodes=("--nodes", "guard", "memory")) as made:
        state = made.state()
        assert state is not None
        wait_for(lambda: len(made.pids()) == 2, 30.0, "the nodes do not start")
        pids = list(made.pids().values())
        wait_for(lambda: all(in_use([pid]) for pid in pids), 60.0, "the nodes are not in the graph")
        files = in_use(pids)
        made.child.send_signal(signal.SIGKILL)
        made.child.wait(10.0)
        wait_for(lambda: not marked(made.mark), 30.0, "the nodes outlive their supervisor")
        assert supervisor(state) is None
        assert state.mark in {each.mark for each in clear_killed()}
        assert not marked(made.mark)
        left = {str(path) for path in shared_memory()} & files
        assert left <= in_use()
        assert state.mark not in {each.mark for each in running()}


def test_who_starts_late_still_dies_with_its_parent(tmp_path: Path):
    """A node takes seconds until it asks to die with its parent; the parent may be gone by then."""
    script = (
        "import os, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "parent = int(os.environ['VISTA_DIE_WITH_PARENT'])\n"
        "while os.getppid() == parent: time.sleep(0.01)\n"
        "from vista.graph.processes import die_with_parent\n"
        "die_with_parent()\n"
        "time.sleep(0.5)\n"
        "print('alive')\n"
    )
    code = "import os, sys; os.environ['VISTA_DIE_WITH_PARENT'] = str(os.getpid()); exec(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, script], capture_output=True, text=True, timeout=60, check=False
    )
    assert "alive" not in done.stdout
