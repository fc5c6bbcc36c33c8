"""The transform is that of the image's instant, not the newest: a robot moves on while a model thinks."""

import sys
from types import ModuleType

import pytest
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.time import Time
from std_msgs.msg import Header

from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.node.transforms import Door, Transforms, bare, rotated

SECOND = 1_000_000_000


class TransformException(Exception):
    pass


class MovingRobot:
    """tf's buffer of a robot at 1 m/s along x, known from second 10 to 20; time 0 asks for the newest."""

    def lookup_transform(self, target, source, time, timeout=None):
        at = time.nanoseconds or 20 * SECOND
        if not 10 * SECOND <= at <= 20 * SECOND:
            raise TransformException(f"Lookup would require extrapolation at {at}")
        shift = Vector3(x=at / SECOND)
        # of what is static the stamp is 0
        header = Header(stamp=Time(nanoseconds=0 if target == "base" else at).to_msg())
        return TransformStamped(header=header, transform=Transform(translation=shift))


@pytest.fixture
def transforms(monkeypatch):
    module = ModuleType("tf2_ros")
    module.TransformException = module.ExtrapolationException = TransformException
    monkeypatch.setitem(sys.modules, "tf2_ros", module)
    made = object.__new__(Transforms)
    made._buffer = MovingRobot()
    return made


@pytest.mark.parametrize("at_s", [10.0, 12.5, 20.0])
def test_it_is_looked_up_at_the_stamp(transforms, at_s):
    _, translation = transforms.lookup("map", "camera", Time(seconds=at_s).nanoseconds)
    assert translation == (at_s, 0.0, 0.0)


@pytest.mark.parametrize("at_s", [9.0, 21.0])
def test_an_instant_that_tf_does_not_know_is_refused_and_not_replaced_by_the_newest(transforms, at_s):
    with pytest.raises(N3DError, match="at the image's stamp") as error:
        transforms.lookup("map", "camera", Time(seconds=at_s).nanoseconds)
    assert error.value.code == ResultCode.TF


def test_an_image_without_a_stamp_is_not_put_where_the_camera_is_now(transforms):
    with pytest.raises(N3DError, match="'camera' moves in 'map', and the image has no stamp") as error:
        transforms.lookup("map", "camera", 0)
    assert error.value.code == ResultCode.TF


def test_a_stamp_before_0_is_refused_by_name(transforms):
    with pytest.raises(N3DError, match="expected a stamp from 0 on, got -4.5 s") as error:
        transforms.lookup("map", "camera", -4_500_000_000)
    assert error.value.code == ResultCode.TF


def test_an_image_without_a_stamp_has_its_place_where_the_camera_never_moves(transforms):
    assert transforms.lookup("base", "camera", 0)[1] == (20.0, 0.0, 0.0)


class TypedIn(MovingRobot):
    """A rotation by 90 degrees about z, as people round it: tf2 takes it, for its square is 1.0082."""

    rotation = Quaternion(z=0.71, w=0.71)

    def lookup_transform(self, target, source, time, timeout=None):
        turned = Transform(rotation=self.rotation, translation=Vector3(x=1.0))
        return TransformStamped(transform=turned)


def test_a_rounded_rotation_turns_and_does_not_stretch(transforms):
    transforms._buffer = TypedIn()
    rotation, _ = transforms.lookup("map", "camera", 0)
    assert rotated(rotation, (2.0, 0.0, 0.0)) == pytest.approx((0.0, 2.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("rotation", [Quaternion(w=0.0), Quaternion(w=float("nan"))])
def test_a_rotation_of_zeros_is_none(transforms, monkeypatch, rotation):
    monkeypatch.setattr(TypedIn, "rotation", rotation)
    transforms._buffer = TypedIn()
    with pytest.raises(N3DError, match="from 'camera' to 'map': expected a rotation") as caught:
        transforms.lookup("map", "camera", 0)
    assert caught.value.code == ResultCode.TF


def test_frames_of_ros_1_are_those_without_their_slash(transforms):
    assert transforms.lookup("/base", "/camera", 12 * SECOND)[1] == (12.0, 0.0, 0.0)
    assert transforms.lookup("/camera", "camera", 99 * SECOND)[1] == (0.0, 0.0, 0.0)
    assert (bare("/map"), bare("/a/b"), bare("/")) == ("map", "a/b", "/")


def test_a_translation_without_numbers_is_refused(transforms, monkeypatch):
    broken = TransformStamped(transform=Transform(translation=Vector3(x=float("inf"))))
    monkeypatch.setattr(transforms._buffer, "lookup_transform", lambda *_: broken, raising=False)
    with pytest.raises(N3DError, match="expected a translation in metres, got inf 0.0 0.0"):
        transforms.lookup("map", "camera", 12 * SECOND)


class Heard:
    """A buffer that keeps what it is told."""

    def __init__(self):
        self.stamps_s = []

    def set_transform(self, transform, authority):
        self.stamps_s.append(transform.header.stamp.sec)


def test_what_was_on_its_way_when_the_clock_went_back_is_left_out():
    heard, now = Heard(), [1000 * SECOND]
    door = Door(heard, lambda: now[0])

    def tell(*at_s):
        for one in at_s:
            stamp = Time(seconds=one).to_msg()
            door.set_transform(TransformStamped(header=Header(stamp=stamp)), "")

    tell(1000)
    now[0] = 5 * SECOND
    door.close_to_what_was_before(995 * SECOND)
    tell(1001, 5, 6, 999)
    assert heard.stamps_s == [1000, 5, 6]
