"""One memory for several robots, in PostgreSQL. Needs a server with pgvector; see tests/postgres.py."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from robomemory import (
    HashingEmbedder,
    InvalidQueryError,
    MemoryKind,
    Query,
    RoboMemory,
    StoreError,
    StoreInUseError,
    StoreVersionError,
)
from tests.postgres import server

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def url():
    return server().url()


@pytest.fixture
def robot(url):
    """Opens another robot's memory of the same scene."""
    opened = []

    def open_one(**more):
        opened.append(RoboMemory(url, embedder=HashingEmbedder(), **more))
        return opened[-1]

    yield open_one
    for memory in opened:
        memory.close()


def everything(note, i, name="mug"):
    return [
        note("episodic", f"attempt {i} with the {name}: success", i),
        note("semantic", f"the {name} is called number {i}", i),
        note("temporal", f"step {i}", i),
        note("spatial", name, i, name, at=(i, 0, 0), says=(name, "in", f"box {i}")),
    ]


def test_what_one_robot_remembers_the_other_recalls_at_once(robot, note):
    a, b = robot(), robot()
    for i in range(1, 6):
        teller, hearer = (a, b) if i % 2 else (b, a)
        teller.remember(everything(note, i))
        assert hearer.where_is("mug").facts == (f"mug in box {i}",)
        assert hearer.where_is("mug").position == (i, 0, 0)
        assert [r.text for r in hearer.steps()] == [f"step {n}" for n in range(1, i + 1)]
        for kind, text in (
            ("episodic", f"attempt {i} with the mug: success"),
            ("semantic", f"the mug is called number {i}"),
            ("temporal", f"step {i}"),
            ("spatial", "mug"),
        ):
            answer = hearer.recall([Query(text, kinds={kind})], timeout_s=30)
            assert answer[0].text == text, (kind, list(answer), dict(answer.missing))
    assert [s.holder for s in a.history("mug") if s.holder] == [f"box {i}" for i in range(1, 6)]
    assert a.scene() == b.scene() == robot().scene()  # followed step by step, or read in one go


def test_merging_and_forgetting_reach_the_others(robot, note):
    a, b = robot(), robot()
    a.remember([note("spatial", "cup on shelf", 1, says=("cup", "on", "shelf"))])
    a.remember([note("spatial", "mug in tray", 2, says=("mug", "in", "tray")), *everything(note, 3, "bowl")])
    b.merge("cup", "mug")
    assert a.where_is("mug").facts == a.where_is("cup").facts == ("cup in tray",)
    assert b.forget(query="bowl") == 3
    assert a.where_is("bowl") is None
    assert all("bowl" not in r.text for r in a.recall(["bowl"], k=20, timeout_s=30))
    assert a.scene() == b.scene() == robot().scene()
    with pytest.raises(InvalidQueryError, match="nothing known is called 'bowl'"):
        a.merge("bowl", "cup")


def test_robots_that_write_at_the_same_time_lose_nothing(robot, note):
    robots, errors = [robot() for _ in range(3)], []

    def work(who, memory):
        try:
            for i in range(15):
                memory.remember(everything(note, i, f"thing{who}"))
                place = memory.where_is(f"thing{who}")
                assert (place.position, place.facts) == ((i, 0, 0), (f"thing{who} in box {i}",))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=each) for each in enumerate(robots)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    scenes = [memory.scene() for memory in (*robots, robot())]
    assert all(scene == scenes[0] for scene in scenes)
    assert {str(f) for f in scenes[0].facts} == {f"thing{who} in box 14" for who in range(3)}
    records = robots[0].records()
    assert len({r.id for r in records}) == len(records)
    assert sum(r.kind is MemoryKind.EPISODIC for r in records) == 45
    assert sum(r.text.startswith("step") for r in records) == 45


def test_two_robots_that_start_together_make_one_scene(url):
    opened, threads = [], []
    for _ in range(4):
        job = threading.Thread(target=lambda: opened.append(RoboMemory(url, embedder=HashingEmbedder())))
        threads.append(job)
        job.start()
    for job in threads:
        job.join(60)
    assert len(opened) == 4
    for memory in opened:
        memory.close()


def test_another_scene_is_another_memory(robot, note):
    robot().remember(everything(note, 1))
    with RoboMemory.for_scene(
        server().url("").split("&scene")[0], "elsewhere", embedder=HashingEmbedder()
    ) as m:
        assert m.records() == ()


def test_another_embedder_is_told(robot, url):
    robot()
    with pytest.raises(StoreVersionError, match=r"'hashing-512' \(512.*'hashing-64' \(64\)"):
        RoboMemory(url, embedder=HashingEmbedder(64))


def test_the_embedder_that_a_scene_was_written_with_is_taken(robot, url, note):
    robot().remember(everything(note, 1))
    with RoboMemory(url) as memory:
        assert memory.recall(["attempt 1 with the mug"], timeout_s=30)


def test_no_server_is_told_without_the_password():
    with pytest.raises(
        StoreError, match=r"postgresql://127\.0\.0\.1:9/memory \(scene kitchen\): can't reach"
    ) as told:
        RoboMemory("postgresql://robot:s3cret@127.0.0.1:9/memory?scene=kitchen", embedder=HashingEmbedder())
    for error in (told.value, told.value.__cause__):
        assert "s3cret" not in repr(error)


def test_a_server_that_is_killed_and_comes_back(robot, note):
    """Nothing that was acknowledged is lost; meanwhile each call says why it fails; the next one works."""
    memory, other, said = robot(), robot(), []
    errors = []

    def write():
        for i in range(1, 10_000):
            try:
                memory.remember(everything(note, i))
                said.append(i)
            except StoreError as error:
                errors.append(error)
                return

    writer = threading.Thread(target=write)
    writer.start()
    deadline = time.monotonic() + 60
    while len(said) < 5 and time.monotonic() < deadline and not errors:
        writer.join(0.01)
    server().kill()
    writer.join(60)
    try:
        assert len(errors) == 1
        assert "/memory (scene" in str(errors[0])
        with pytest.raises(StoreError, match="can't"):
            other.scene()
        with pytest.raises(StoreError, match="can't"):
            memory.remember(everything(note, 1))
        answer = other.recall(["mug"], timeout_s=5)
        assert set(answer.missing) == set(MemoryKind)  # rather than something that may be out of date
        assert not answer
    finally:
        server().start()
    kept = {int(r.text.split()[1]) for r in other.records(MemoryKind.EPISODIC)}
    assert set(said) <= kept <= {*said, said[-1] + 1}  # one that was not acknowledged may be there
    assert other.where_is("mug").facts == memory.where_is("mug").facts == (f"mug in box {max(kept)}",)
    memory.remember(everything(note, 20_000))
    assert other.where_is("mug").facts == ("mug in box 20000",)


HANG = """
import sys, time
from robomemory import HashingEmbedder, RoboMemory
memory = RoboMemory(sys.argv[1], embedder=HashingEmbedder())
with memory._store.turn():
    print("mine", flush=True)
    time.sleep(120)
"""


def test_a_robot_that_is_killed_in_its_turn_holds_up_nobody(robot, note, url):
    memory = robot()
    child = subprocess.Popen([sys.executable, "-c", HANG, url], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert child.stdout.readline() == "mine\n"
        with pytest.raises(StoreInUseError, match="another robot has been writing for 8 s"):
            memory.remember(everything(note, 1))
        assert memory.records() == ()  # readers wait for nobody
    finally:
        child.kill()
        child.wait(10)
        child.stdout.close()
    memory.remember(everything(note, 1))
    assert len(memory.records()) == 4


def test_a_server_that_hangs_is_given_up(robot, note, monkeypatch):
    from robomemory.store.postgres.link import Connection

    memory = robot()
    memory.remember(everything(note, 1))
    monkeypatch.setattr(Connection, "answer_s", 1.0)
    server().signal("STOP")
    try:
        start = time.monotonic()
        with pytest.raises(StoreError, match="can't"):
            memory.scene()
        assert time.monotonic() - start < 20
    finally:
        server().signal("CONT")
    monkeypatch.undo()
    assert memory.where_is("mug").facts == ("mug in box 1",)


def test_the_command_line_takes_a_url(robot, url, note, tmp_path, capsys):
    from vista.assembly import loading
    from vista.cli.main import main

    robot().remember(everything(note, 1))
    assert main(["memory", "inspect", url]) == 0
    assert "4 records" in capsys.readouterr().out
    assert main(["memory", "export", url, "--out", str(tmp_path / "scene.jsonl")]) == 0
    fresh = f"{url}copy"
    assert (
        main(["memory", "import", fresh, "--from", str(tmp_path / "scene.jsonl"), "--embedder", "hashing"])
        == 0
    )
    assert "(scene" in capsys.readouterr().out.splitlines()[-1]
    folder, scene = url.split("&scene=")
    with loading.open_memory(folder, f"{scene}copy") as memory:  # as the memory node does
        assert memory.where_is("mug").facts == ("mug in box 1",)
        assert len(memory.records()) == 4
