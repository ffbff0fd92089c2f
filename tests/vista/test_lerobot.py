"""The policy server's protocol against a stand-in; a real LeRobot where its environment is installed."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests import mocks
from tests.chat_server import ChatServer
from tests.conformance.implementations import observation, panda
from tests.policy_server import JOINTS, Served, StandIn
from vista.errors import ConfigError, ModelMismatchError, NonFiniteActionError, UnknownNameError
from vista.executor.lerobot.client import LeRobotPolicy, LeRobotSettings, accumulated
from vista.executor.lerobot.process import PolicyServerError, ServerProcess, lerobot_python
from vista.executor.lerobot.wire import MAX_BYTES, PolicySpec, WireError, pack, unpack
from vista.types import ActionSpace, Subgoal, Subtask

OBS = observation(panda())
GOAL = Subgoal(Subtask.said("grasp the blue mug"), observation(panda(), seed=1).images, 0.9, 0, OBS.stamp_ns)
PATIENT = 60.0  # a busy machine is no dead server


def policy(served: Served | str, **more) -> LeRobotPolicy:
    address = served if isinstance(served, str) else served.address
    return LeRobotPolicy(LeRobotSettings(address=address, **{"timeout_s": PATIENT, **more}))


def test_a_chunk_is_what_the_policy_said():
    with Served(StandIn()) as served:
        made = policy(served, gripper_closed=2.0, gripper_open=0.0, max_rows=4)
        chunk = made.predict_chunk(OBS, GOAL)
        made.close()
    assert (made.action_space, chunk.space) == (ActionSpace.JOINT_POSITION,) * 2
    assert (chunk.start_stamp_ns, chunk.dt_s, chunk.actions.shape) == (OBS.stamp_ns, 0.1, (4, 8))
    wanted = OBS.joint_pos + 0.01 * np.arange(4)[:, None]
    np.testing.assert_allclose(chunk.actions[:, :7], wanted, atol=1e-6)
    arrays, task = served.predictor.asked[0]
    assert task == "grasp the blue mug"
    assert arrays["image.wrist"].shape == (24, 24, 3)
    assert arrays["state"][-1] == 0.0, "an open gripper in the checkpoint's own words"
    brightness = arrays["image.front"].mean() / 255
    np.testing.assert_allclose(chunk.actions[:, -1], 1 - brightness / 2, atol=1e-5)
    assert served.predictor.seeds == [0]


def test_the_imagined_image_can_be_a_camera():
    spec = PolicySpec("standin", {"top": (24, 24), "goal": (24, 24)}, 8, 8, 2)
    with Served(StandIn(spec)) as served:
        policy(served, cameras={"top": "front", "goal": "goal_front"}).predict_chunk(OBS, GOAL)
    shown = served.predictor.asked[0][0]
    assert not np.array_equal(shown["image.top"], shown["image.goal"])
    from vista.learning.images import resize

    assert np.array_equal(shown["image.goal"], resize(GOAL.images["front"], 24))


@pytest.mark.parametrize(
    ("spec", "more", "said"),
    [
        (
            PolicySpec("act", {"side": (24, 24)}, 8, 8, 2),
            {},
            "camera 'side' .* the robot has cameras front, wrist",
        ),
        (PolicySpec("act", {"front": (48, 64)}, 8, 8, 2), {}, "48 x 64 from camera 'front'"),
        (PolicySpec("act", {"goal_top": (24, 24)}, 8, 8, 2), {}, "the subgoal has images of front, wrist"),
        (
            PolicySpec("act", {"front": (24, 24)}, 6, 8, 2),
            {},
            "takes a state of 6; joint_pos, gripper make 8",
        ),
        (
            PolicySpec("act", {"front": (24, 24)}, 8, 6, 2),
            {},
            "actions of 6; the robot takes 7 joints and a gripper",
        ),
        (
            PolicySpec("act", {"front": (24, 24)}, 8, 8, 2),
            {"actions": "ee_delta"},
            "actions of 8; ee_delta has 7",
        ),
    ],
)
def test_a_mismatch_names_both_sides(spec, more, said):
    with Served(StandIn(spec)) as served, pytest.raises(ModelMismatchError, match=said):
        policy(served, **more).predict_chunk(OBS, GOAL)


def test_settings_that_make_no_sense_are_refused():
    for wrong, error in (
        ({}, ConfigError),
        ({"address": "x:1", "checkpoint": "y"}, ConfigError),
        ({"address": "nowhere"}, ConfigError),
        ({"address": "x:1", "actions": "torque"}, UnknownNameError),
        ({"address": "x:1", "state": ("mood",)}, UnknownNameError),
        ({"address": "x:1", "gripper_open": 0.0}, ConfigError),
    ):
        with pytest.raises(error):
            LeRobotSettings(**wrong)


def test_a_server_that_is_gone_is_named_by_the_deadline():
    with Served(StandIn()) as served:
        made = policy(served)
        made.predict_chunk(OBS, GOAL)
        made._server.timeout_s = 0.5
    made._server.close()
    start = time.monotonic()
    with pytest.raises(PolicyServerError, match=rf"{served.address} \(standin\) is gone"):
        made.predict_chunk(OBS, GOAL)
    assert time.monotonic() - start < 20
    with pytest.raises(PolicyServerError, match="is gone"):
        policy(served.address, timeout_s=0.3)


def test_a_server_that_comes_back_is_found_again():
    with Served(StandIn()) as served:
        made = policy(served)
        first = made.predict_chunk(OBS, GOAL)
    made._server._connection.sock.shutdown(2)  # as when the process at the other end dies
    with Served(StandIn(), served.port):
        again = made.predict_chunk(OBS, GOAL)
    np.testing.assert_array_equal(first.actions, again.actions)
    made._server.close()
    other = PolicySpec("other", JOINTS.cameras, 8, 8, 6)
    with Served(StandIn(other), served.port), pytest.raises(ModelMismatchError, match="another checkpoint"):
        made.predict_chunk(OBS, GOAL)


def test_a_slow_policy_is_not_waited_for():
    release = threading.Event()

    def stall(rows):
        release.wait(60)
        return rows

    with Served(StandIn(spoil=stall)) as served:
        made = policy(served)
        made._server.timeout_s = 0.3
        with pytest.raises(PolicyServerError, match=r"no answer within 0\.3 s"):
            made.predict_chunk(OBS, GOAL)
        release.set()


def test_what_a_policy_does_wrong_reaches_whoever_asked():
    def broken(_):
        raise RuntimeError("weights are on fire")

    with Served(StandIn(spoil=broken)) as served:
        with pytest.raises(PolicyServerError, match="refused /predict: RuntimeError: weights are on fire"):
            policy(served).predict_chunk(OBS, GOAL)
        served.predictor.spoil = lambda rows: np.full_like(rows, np.nan)
        with pytest.raises(NonFiniteActionError):
            policy(served).predict_chunk(OBS, GOAL)
        served.predictor.spoil = lambda rows: rows[:, :3]
        with pytest.raises(ModelMismatchError, match=r"answered \(6, 3\), expected \(rows, 8\)"):
            policy(served).predict_chunk(OBS, GOAL)


def test_another_server_is_no_policy_server():
    with ChatServer("hello") as server, pytest.raises(PolicyServerError, match="HTTP 501"):
        policy(server.url.removeprefix("http://").removesuffix("/v1"))
    with pytest.raises(WireError):
        PolicySpec.from_json(b'{"protocol": 1}')
    with pytest.raises(ModelMismatchError, match="protocol 7, expected 1"):
        PolicySpec.from_json(JOINTS.to_json().replace('"protocol": 1', '"protocol": 7'))
    assert PolicySpec.from_json(JOINTS.to_json()) == JOINTS


def test_nothing_on_the_wire_can_run_code():
    arrays, words = unpack(pack({"a": np.arange(3)}, {"task": "grasp"}))
    assert list(arrays["a"]) == [0, 1, 2]
    assert words == {"task": "grasp"}
    buffer = io.BytesIO()
    np.savez(buffer, evil=np.array([{"a": 1}], dtype=object), words=np.zeros(2, np.uint8))
    for raw in (buffer.getvalue(), b"", b"nonsense", pack({})[:-30]):
        with pytest.raises(WireError):
            unpack(raw)
    with pytest.raises(ValueError, match="pickle"):
        pack({"evil": np.array([{}], dtype=object)})


def answering(body: bytes, path: str = "/predict", status: int = 200) -> Callable[[socket.socket], None]:
    """A server's side of a connection: a whole specification, and ``body`` to whatever ``path`` asks for."""

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while first := lines.readline():
                length = 0
                while (line := lines.readline().strip()) != b"":
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                lines.read(length)
                asked = first.split()[1].decode()
                said = body if asked == path else JOINTS.to_json().encode() if asked == "/spec" else pack({})
                code = status if asked == path else 200
                head = f"HTTP/1.1 {code} X\r\nContent-Length: {len(said)}\r\n\r\n"
                connection.sendall(head.encode() + said)

    return serve


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=quietly, args=(connection,), daemon=True).start()

        def quietly(connection: socket.socket) -> None:
            with suppress(OSError):
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        (b"", PolicyServerError, "not an npz"),
        (b"<html>", PolicyServerError, "not an npz"),
        (pack({}), PolicyServerError, "the array 'actions' is missing"),
        (pack({"actions": np.array(["a", "b"])}), PolicyServerError, "expected numbers"),
        (pack({"actions": np.zeros((2, 8), complex)}), PolicyServerError, "expected numbers"),
        (pack({"actions": np.zeros(8)}), ModelMismatchError, r"answered \(8,\)"),
        (pack({"actions": np.zeros((0, 8))}), ModelMismatchError, r"answered \(0, 8\)"),
        (pack({"actions": np.full((2, 8), 1e308)}), NonFiniteActionError, r"answered 1e\+308 in row 0"),
        (pack({"actions": np.full((2, 8), np.inf)}), NonFiniteActionError, "answered inf in row 0"),
    ],
)
def test_actions_of_any_other_kind_are_refused(body, error, said):
    with listening(answering(body)) as address, pytest.raises(error, match=said) as caught:
        policy(address).predict_chunk(OBS, GOAL)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "change",
    [
        {"action": 0}, {"rows": -1}, {"state": -1}, {"cameras": {"front": [0, 24]}}, {"rows": 1e400},
        {"cameras": {"front": [24, 10**9]}}, {"cameras": {"a\x1b[2J": [24, 24]}}, {"cameras": [1]},
        {"kind": ""}, {"cameras": {"front": "x"}}, {"action": None}, {"cameras": {"\ud800": [24, 24]}},
    ],
)  # fmt: skip
def test_a_specification_that_no_policy_has_is_refused(change):
    text = json.dumps({**json.loads(JOINTS.to_json()), **change})
    with pytest.raises(WireError, match="not the specification of a policy") as caught:
        PolicySpec.from_json(text)
    assert str(caught.value).isprintable()
    with (
        listening(answering(text.encode(), "/spec")) as address,
        pytest.raises(PolicyServerError, match="not the specification of a policy"),
    ):
        policy(address)


def test_what_a_server_says_is_shown_in_one_clean_line_without_secrets():
    why = json.dumps({"error": "\x1b[2J lost \ud800\nAuthorization: Bearer abc123 " + "x" * 5_000}).encode()
    with listening(answering(why, status=500)) as address, pytest.raises(PolicyServerError) as caught:
        policy(address).predict_chunk(OBS, GOAL)
    said = str(caught.value)
    assert said.isprintable()
    assert "abc123" not in said
    assert len(said) < 1_000
    for odd in (b"[" * 50_000, b"[]", b"null", b"\xff"):
        with (
            listening(answering(odd, status=500)) as address,
            pytest.raises(PolicyServerError, match="HTTP 500"),
        ):
            policy(address).predict_chunk(OBS, GOAL)


def test_a_server_that_drips_is_left_at_the_deadline():
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not ended.wait(0.02):
            connection.sendall(b" ")

    with listening(drip) as address:
        start = time.monotonic()
        with pytest.raises(PolicyServerError, match="is gone"):
            policy(address, timeout_s=0.5)
        assert time.monotonic() - start < 10
    ended.set()


def test_an_npz_that_unpacks_to_more_than_may_be_sent_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("actions.npy", b"\0" * (MAX_BYTES + 1))
    with pytest.raises(WireError, match="once it is unpacked"):
        unpack(buffer.getvalue())


@pytest.mark.parametrize(
    "address",
    ["robot:open-sesame@host:80", "host:0", "host:99999", "host:²", ":80", "a b:80", "x\n:80", "host:-1"],
)
def test_an_address_that_is_none_is_refused_without_its_password(address):
    with pytest.raises(ConfigError, match="expected host:port") as caught:
        LeRobotSettings(address=address)
    assert "sesame" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "more",
    [
        {"dt_s": float("nan")},
        {"timeout_s": float("inf")},
        {"gripper_open": float("nan")},
        {"start_timeout_s": 0},
    ],
)
def test_times_and_grippers_that_are_no_numbers_are_refused(more):
    with pytest.raises(ConfigError):
        LeRobotSettings(address="x:1", **more)


def test_odd_first_words_of_a_server_do_not_stop_the_waiting():
    lines = ['{"port"', '{"port": "x"}', '{"port": 0}', '{"port": [', "token=abc123", '{"port": 4711}']
    script = f"import time\nfor line in {lines!r}: print(line, flush=True)\ntime.sleep(60)"
    process = ServerProcess([sys.executable, "-c", script], timeout_s=PATIENT)
    try:
        assert process.address == "127.0.0.1:4711"
        assert "abc123" not in process.last_words
    finally:
        process._process.kill()
        process.close()
    for command in (["/nowhere/python"], ["bad\0name"]):
        with pytest.raises(PolicyServerError, match="cannot be started"):
            ServerProcess(command)


@pytest.mark.parametrize("length", ["abc", "-5", "1e3", "²", "9" * 30])
def test_the_server_refuses_a_body_of_no_length(length, capfd):
    with Served(StandIn()) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as connection:
            request = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
            connection.sendall(request.encode("latin-1"))
            assert b"413" in connection.recv(1024)
        assert policy(served).predict_chunk(OBS, GOAL)
    assert "Traceback" not in capfd.readouterr().err


def test_steps_add_up_in_the_hand_frame():
    rng = np.random.default_rng(0)
    steps = rng.normal(0, 0.2, (5, 6))
    pose = np.eye(4)
    for step, summed in zip(steps, accumulated(steps), strict=True):
        move = np.eye(4)
        move[:3, :3], move[:3, 3] = Rotation.from_rotvec(step[3:]).as_matrix(), step[:3]
        pose = pose @ move
        np.testing.assert_allclose(summed[:3], pose[:3, 3], atol=1e-9)
        np.testing.assert_allclose(Rotation.from_rotvec(summed[3:]).as_matrix(), pose[:3, :3], atol=1e-9)


SERVE = (
    "import sys, threading; sys.path[:0] = {path!r}\n"
    "print('loading weights')\n"
    "from tests.policy_server import Served, StandIn\n"
    "served = Served(StandIn())\n"
    "print('{{\"port\": %d}}' % served.port, flush=True)\n"
    "sys.stdin.read()\n"
)


def test_a_server_of_ones_own_lives_as_long_as_it_is_wanted():
    process = ServerProcess([sys.executable, "-c", SERVE.format(path=sys.path)], timeout_s=250.0)
    made = policy(process.address)
    made._process = made._server.process = process
    assert made.predict_chunk(OBS, GOAL).actions.shape == (6, 8)
    os.kill(process._process.pid, signal.SIGKILL)
    process._process.wait(PATIENT)
    with pytest.raises(PolicyServerError, match="its process ended with -9: loading weights"):
        made.predict_chunk(OBS, GOAL)
    made.close()
    other = ServerProcess([sys.executable, "-c", SERVE.format(path=sys.path)], timeout_s=250.0)
    other.close()
    assert other.ended == 0, "it ends by itself when its standard input is closed"


def test_a_server_that_does_not_start_says_why(monkeypatch, tmp_path):
    with pytest.raises(PolicyServerError, match="ended with 3: no such module"):
        ServerProcess(
            [sys.executable, "-c", "print('no such module'); raise SystemExit(3)"], timeout_s=PATIENT
        )
    with pytest.raises(PolicyServerError, match=r"not ready in 0\.2 s"):
        ServerProcess([sys.executable, "-c", "import sys; sys.stdin.read()"], timeout_s=0.2)
    with pytest.raises(PolicyServerError, match="cannot be started"):
        ServerProcess([str(tmp_path / "no-python")])
    monkeypatch.delenv("VISTA_LEROBOT_PYTHON", raising=False)
    monkeypatch.setattr("vista.executor.lerobot.process.resource_roots", lambda: (tmp_path,))
    with pytest.raises(ConfigError, match=r"\./run setup lerobot"):
        lerobot_python()


MAKE = """
import sys, numpy as np, torch
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.policies.factory import get_policy_class, make_policy_config, make_pre_post_processors
kind, folder = sys.argv[1:3]
image = PolicyFeature(FeatureType.VISUAL, (3, 32, 32))
inputs = {"observation.images.front": image, "observation.images.wrist": image}
inputs["observation.state"] = PolicyFeature(FeatureType.STATE, (8,))
outputs = {"action": PolicyFeature(FeatureType.ACTION, (8,))}
shape = {
    "act": dict(chunk_size=8, n_action_steps=6, dim_model=32, n_heads=2, dim_feedforward=32, latent_dim=4,
                n_encoder_layers=1, n_vae_encoder_layers=1, pretrained_backbone_weights=None),
    "diffusion": dict(horizon=8, n_action_steps=6, n_obs_steps=2, down_dims=(16, 32), n_groups=4,
                      crop_shape=None, diffusion_step_embed_dim=16, num_inference_steps=2,
                      spatial_softmax_num_keypoints=4, pretrained_backbone_weights=None, use_group_norm=True),
}[kind]
torch.manual_seed(0)
config = make_policy_config(kind, input_features=inputs, output_features=outputs, device="cpu", **shape)
policy = get_policy_class(kind)(config).eval()
stats = {k: {"mean": torch.full(s, 0.1), "std": torch.full(s, 0.5), "min": torch.full(s, -1.0),
             "max": torch.full(s, 1.0)} for k, s in {"observation.state": (8,), "action": (8,)}.items()}
stats |= {k: {n: torch.full((3, 1, 1), v) for n, v in (("mean", .5), ("std", .3), ("min", 0.), ("max", 1.))}
          for k in inputs if "images" in k}
before, after = make_pre_post_processors(config, dataset_stats=stats)
policy.save_pretrained(folder); before.save_pretrained(folder); after.save_pretrained(folder)
"""


def real_lerobot() -> str:
    try:
        return lerobot_python()
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["act", "diffusion"])
def test_a_real_checkpoint_of_lerobot_moves_the_arm(kind, tmp_path):
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run([real_lerobot(), "-c", MAKE, kind, str(tmp_path)], check=True, env=env, timeout=600)
    assert json.loads((tmp_path / "config.json").read_text())["type"] == kind
    made = LeRobotPolicy(
        LeRobotSettings(str(tmp_path), timeout_s=PATIENT, device="cpu", start_timeout_s=600.0)
    )
    try:
        assert made.spec == PolicySpec(kind, {"front": (32, 32), "wrist": (32, 32)}, 8, 8, 6)
        chunk = made.predict_chunk(OBS, GOAL)
        assert chunk.actions.shape == (6, 8)
        moved = observation(panda(), seed=7)
        assert not np.allclose(made.predict_chunk(moved, GOAL).actions, chunk.actions)
        made.reset()
        np.testing.assert_allclose(made.predict_chunk(OBS, GOAL).actions, chunk.actions, atol=1e-5)
        with pytest.raises(ModelMismatchError, match=r"takes a state of 8; joint_pos, gripper make 4"):
            made.predict_chunk(observation(mocks.mock_spec()), GOAL)
    finally:
        made.close()
    (Path(tmp_path) / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(PolicyServerError, match="LeRobot checkpoint"):
        LeRobotPolicy.from_pretrained(tmp_path)
