"""What drivers tell in their own sizes, encodings, rates and clocks, as the contract's observations."""

from __future__ import annotations

import io
from array import array
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState

from tests.mocks import mock_spec
from tests.tiny import panda
from vista.errors import InvalidValueError
from vista.robot.kinematics import pose_to_matrix
from vista.robot.views import intrinsics
from vista_ros import conversions as c
from vista_ros.sensing.clock_offset import ClockOffsets
from vista_ros.sensing.joint_states import JointHistory
from vista_ros.sensing.picture_health import PictureHealth
from vista_ros.sensing.rectify import Intrinsics, Rectifier, intrinsics_from_msg

pytestmark = pytest.mark.ros
SPEC = mock_spec()
NS = 1_000_000_000
FRONT = panda().cameras["front"]


# --- cameras of other sizes and lenses ---
def pixel(K: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Where the front camera with ``K`` shows a point (3,) of the base frame [px]."""
    seen = np.linalg.inv(pose_to_matrix(FRONT.pose)) @ [*point, 1.0]
    return (K @ (seen[:3] / seen[2]))[:2]


def dot(width: int, height: int, at: np.ndarray, radius: float = 4.0) -> np.ndarray:
    """A black image with a white disc around ``at`` (x, y) [px]."""
    v, u = np.mgrid[0:height, 0:width] + 0.5
    return np.repeat((255 * (np.hypot(u - at[0], v - at[1]) < radius)).astype(np.uint8)[..., None], 3, axis=2)


def middle(image: np.ndarray) -> np.ndarray:
    weight = image[..., 0].astype(np.float64)
    v, u = np.mgrid[0 : image.shape[0], 0 : image.shape[1]] + 0.5
    return np.array([(u * weight).sum(), (v * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (320, 240)])
@pytest.mark.parametrize(
    "point", [(0.49, 0.0, 0.03), (0.5, 0.12, 0.0), (0.62, -0.24, 0.05), (0.35, 0.2, 0.1)]
)
def test_a_thing_is_where_the_contract_s_camera_sees_it(size: tuple[int, int], point: tuple[float, ...]):
    """Before: 6 cm beside it at a quarter of the image, 13 cm at its edge."""
    own = Intrinsics(*size, intrinsics(*size, 40.0), np.zeros(0))
    image = dot(*size, pixel(own.K, np.array(point)), radius=size[1] / 60)
    made = Rectifier(own, FRONT)(image)
    assert made.shape == (FRONT.height, FRONT.width, 3)
    assert middle(made) == pytest.approx(pixel(FRONT.K, np.array(point)), abs=0.6)


def test_a_lens_that_bends_lines_is_undone():
    bent = np.array([-0.3, 0.1, 0.001, -0.001, 0.0])
    own = Intrinsics(640, 480, intrinsics(640, 480, 40.0), bent)
    point = np.array([0.6, -0.2, 0.05])
    x, y = (pixel(own.K, point) - own.K[:2, 2]) / np.diag(own.K)[:2]
    r = x * x + y * y
    scale = 1 + r * (bent[0] + r * bent[1])
    at = np.array([
        x * scale + 2 * bent[2] * x * y + bent[3] * (r + 2 * x * x),
        y * scale + bent[2] * (r + 2 * y * y) + 2 * bent[3] * x * y,
    ])  # fmt: skip
    image = dot(640, 480, own.K[:2, :2] @ at + own.K[:2, 2], radius=8)
    assert middle(Rectifier(own, FRONT)(image)) == pytest.approx(pixel(FRONT.K, point), abs=0.6)


def test_images_of_the_contract_s_own_camera_stay_as_they_are():
    image = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    own = Intrinsics(256, 256, FRONT.K + np.array([[0, 0, 0.3], [0, 0, 0], [0, 0, 0]]), np.zeros(0))
    assert Rectifier(own, FRONT)(image) is image


def test_what_the_driver_s_camera_does_not_see_is_black():
    own = Intrinsics(256, 256, intrinsics(256, 256, 16.0), np.zeros(0))
    made = Rectifier(own, FRONT)(np.full((256, 256, 3), 200, np.uint8))
    assert (made[128, 128] == 200).all()
    assert (made[:40] == 0).all()
    assert (made[:, -40:] == 0).all()


def test_an_image_of_another_size_than_its_intrinsics_is_refused():
    own = Intrinsics(640, 480, intrinsics(640, 480, 40.0), np.zeros(0))
    with pytest.raises(InvalidValueError, match=r"320 x 240 px; .* are for 640 x 480"):
        Rectifier(own, FRONT)(np.zeros((240, 320, 3), np.uint8))


def info(**changes: object) -> CameraInfo:
    usual = {"width": 640, "height": 480, "k": [600.0, 0, 320, 0, 600, 240, 0, 0, 1],
             "distortion_model": "plumb_bob", "d": [0.0] * 5}  # fmt: skip
    return CameraInfo(**usual | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"k": [0.0] * 9}, "is the camera calibrated"),
        ({"width": 0}, "0 x 480 px"),
        ({"distortion_model": "equidistant", "d": [0.0] * 4}, "4 coefficients of 'equidistant'"),
        ({"d": [float("nan")] * 5}, "NaN"),
        ({"d": [0.1]}, "1 coefficients"),
        ({"binning_x": 2}, "binning 2 x 0"),
    ],
)
def test_intrinsics_that_are_none_are_refused(changes: dict[str, object], said: str):
    with pytest.raises(InvalidValueError, match=said):
        intrinsics_from_msg(info(**changes), "front")
    assert intrinsics_from_msg(info(), "front").K[0, 0] == 600


# --- encodings ---
COLOURS = np.array([[[200, 30, 10], [200, 30, 10]], [[20, 60, 220], [20, 60, 220]]], np.uint8).repeat(
    4, axis=0
)


def padded(pixels: np.ndarray, encoding: str, **more: object) -> Image:
    """An image message with three bytes behind each row."""
    height, width = pixels.shape[:2]
    rows = np.concatenate([pixels.reshape(height, -1), np.full((height, 3), 99, np.uint8)], axis=1)
    data = array("B", rows.tobytes())
    return Image(height=height, width=width, step=rows.shape[1], encoding=encoding, data=data, **more)


def yuv(rgb: np.ndarray, order: tuple[int, int, int, int]) -> np.ndarray:
    r, g, b = np.moveaxis(rgb.astype(np.float64), -1, 0)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    u, v = 128 + (b - y) / 1.772, 128 + (r - y) / 1.402
    parts = np.stack([y[:, ::2], u[:, ::2], y[:, 1::2], v[:, ::2]], -1)
    return np.round(parts[..., list(order)]).astype(np.uint8).reshape(*rgb.shape[:2], 2)


def test_colours_come_in_any_order():
    alpha = np.concatenate([COLOURS, np.full((8, 2, 1), 7, np.uint8)], axis=2)
    for encoding, pixels in (
        ("rgb8", COLOURS), ("bgr8", COLOURS[..., ::-1]), ("8UC3", COLOURS[..., ::-1]), ("rgba8", alpha),
        ("bgra8", alpha[..., [2, 1, 0, 3]]),
    ):  # fmt: skip
        seen = c.image_from_msg(padded(pixels, encoding))
        assert np.array_equal(seen, COLOURS), encoding
        assert not seen.flags.writeable
    for encoding, order in (("yuv422", (1, 0, 3, 2)), ("yuv422_yuy2", (0, 1, 2, 3)), ("yuyv", (0, 1, 2, 3))):
        seen = c.image_from_msg(padded(yuv(COLOURS, order), encoding))
        assert np.abs(seen.astype(int) - COLOURS).max() <= 3, encoding


def test_grey_images_become_grey():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(c.image_from_msg(padded(grey[..., None], "mono8"))[..., 1], grey)
    for big in (0, 1):
        wide = (grey.astype(np.uint16) * 256 + 5).astype(">u2" if big else "<u2")
        raw = np.frombuffer(wide.tobytes(), np.uint8).reshape(3, 4, 2)
        assert np.array_equal(c.image_from_msg(padded(raw, "mono16", is_bigendian=big))[..., 2], grey)


@pytest.mark.parametrize(
    ("name", "red"), [("rggb", (0, 0)), ("grbg", (0, 1)), ("gbrg", (1, 0)), ("bggr", (1, 1))]
)
def test_a_mosaic_becomes_its_colours(name: str, red: tuple[int, int]):
    row, column = np.indices((6, 8))
    plane = np.full((6, 8), 60, np.uint8)
    plane[(row % 2 == red[0]) & (column % 2 == red[1])] = 200
    plane[(row % 2 != red[0]) & (column % 2 != red[1])] = 20
    assert (c.image_from_msg(padded(plane[..., None], f"bayer_{name}8")) == [200, 60, 20]).all()


def test_an_unknown_encoding_is_refused_with_those_that_are_known():
    with pytest.raises(InvalidValueError, match="encoding 'nv12', expected one of rgb8, bgr8, rgba8"):
        c.image_from_msg(padded(COLOURS, "nv12"))
    with pytest.raises(InvalidValueError, match="expected an even number"):
        c.image_from_msg(padded(np.zeros((2, 3, 2), np.uint8), "yuyv"))


def test_compressed_images_are_unfolded_and_torn_ones_refused():
    out = io.BytesIO()
    Picture.fromarray(COLOURS).save(out, "PNG")
    msg = CompressedImage(format="png", data=out.getvalue())
    assert np.array_equal(c.compressed_from_msg(msg), COLOURS)
    for data in (out.getvalue()[:40], b"", b"GIF89a"):
        with pytest.raises(InvalidValueError, match="no JPEG or PNG"):
            c.compressed_from_msg(CompressedImage(format="jpeg", data=data))


# --- joints ---
def joints(at_s: float, value: float, names: list[str] | None = None) -> JointState:
    names = [*SPEC.joint_names, "finger"] if names is None else names
    msg = JointState(name=names, position=[value] * len(names), velocity=[1.0] * len(names))
    msg.header.stamp = c.time_to_msg(round(at_s * NS))
    return msg


def test_joints_are_taken_at_the_time_of_the_image():
    history = JointHistory(SPEC)
    for k in range(2000):  # 1 kHz: only the last second is kept
        history.add(joints(k / 1000, k / 1000))
    assert history.at(round(1.5 * NS), 10**8).position.tolist() == pytest.approx([1.5] * 3)
    assert history.at(round(1.2345 * NS), 10**8).position.tolist() == pytest.approx([1.2345] * 3, abs=1e-6)
    assert history.at(round(0.5 * NS), 10**8) is None
    assert history.at(round(2.05 * NS), 10**8).position.tolist() == pytest.approx([1.999] * 3)
    assert len(history._readings) <= 1001


def test_a_reading_at_the_very_stamp_is_that_reading():
    history = JointHistory(SPEC)
    for k in range(3):
        history.add(joints(k / 10, 0.1 * k))
    exact = c.joint_state_from_msg(joints(0.1, 0.1), SPEC)
    assert np.array_equal(history.at(NS // 10, 10**8).position, exact.position)


def test_arm_and_gripper_may_come_in_messages_of_their_own():
    history = JointHistory(SPEC)
    assert not history.add(joints(1.0, 0.3, list(SPEC.joint_names)))
    assert history.missing() == ["finger"]
    assert not history.add(joints(1.0, 0.3, ["somebody_else"]))
    assert history.add(joints(1.02, 0.02, ["finger"]))
    assert (history.newest().stamp_ns, history.newest().gripper) == (NS, pytest.approx(0.5))
    assert history.add(joints(1.05, 0.4, list(SPEC.joint_names)))
    assert history.newest().position.tolist() == pytest.approx([0.4] * 3)
    assert not history.add(joints(3.0, 0.5, list(SPEC.joint_names)))  # the gripper is silent since 1.98 s


def test_a_clock_set_back_begins_anew():
    history = JointHistory(SPEC)
    history.add(joints(100.0, 0.1))
    history.add(joints(5.0, 0.2))
    assert history.newest().stamp_ns == 5 * NS
    assert history.at(100 * NS, 10**8) is None


# --- clocks ---
def test_a_clock_that_is_ahead_or_behind_is_named_with_its_offset():
    clocks = ClockOffsets({"joints": "joint states on 'joint_states'"}, 0.05)
    assert clocks.told() is None
    for k in range(20):
        clocks.note("joints", (k + 2) * NS, k * NS)
    assert clocks.told() == (
        "joint states on 'joint_states' stamped 2.00 s ahead of this computer's clock, at most 0.05 s"
    )
    for k in range(20):
        clocks.note("joints", (k + 9) * NS, (k + 9) * NS + 4 * NS // 10)
    assert clocks.told() == "joint states on 'joint_states' stamped 0.40 s behind this computer's clock"
    assert clocks.too_far_ahead(10 * NS, 9 * NS)
    assert not clocks.too_far_ahead(10 * NS, 10 * NS - NS // 50)
    assert not clocks.too_far_ahead(10 * NS, 0), "no clock was heard yet"


def test_a_camera_that_tells_its_own_intrinsics_in_the_contract_needs_no_message():
    from vista_ros.sensing.rectify import given_intrinsics

    channel = replace(FRONT.channel, width=640, height=480, K=intrinsics(640, 480, 40.0))
    found = given_intrinsics(replace(FRONT, channel=channel))
    assert found is not None
    assert (found.width, found.height, len(found.distortion)) == (640, 480, 0)
    assert given_intrinsics(FRONT) is None


# --- pictures that cannot be true ---
def frames(*images: np.ndarray, moving: bool) -> list[str | None]:
    """What is wrong with ten images a second, ``images`` in turn for as long as they last."""
    health = PictureHealth()
    joints = [np.full(3, 0.03 * i * moving, np.float32) for i in range(len(images))]
    return [health.wrong(image, joints[i], i * NS // 10) for i, image in enumerate(images)]


def test_a_covered_lens_is_named_at_once():
    said = frames(np.full((8, 8, 3), 3, np.uint8), COLOURS, moving=False)
    assert said[0] is not None
    assert "lens covered" in said[0]
    assert said[1] is None


def test_an_image_that_is_repeated_while_the_arm_moves_is_named_until_another_comes():
    said = frames(*[COLOURS] * 13, COLOURS[::-1], moving=True)
    assert said[:10] == [None] * 10
    assert said[12] is not None
    assert "repeats one image for 1.2 s" in said[12]
    assert said[13] is None
    assert frames(*[COLOURS] * 30, moving=False) == [None] * 30, "nothing moves, nothing changes"
