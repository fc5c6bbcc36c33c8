"""Which frames are kept while a recording is read."""

from n3d_ros.recording.awaited import NUM_KEPT, Awaited

MS = 1_000_000


def stamps_ms(awaited, topic="rgb"):
    return [stamp // MS for stamp in awaited.camera.get(topic, {})]


def test_a_frame_is_awaited_until_each_result_near_it_has_come():
    awaited = Awaited([100 * MS, 100 * MS, 200 * MS])
    assert [ms for ms in range(70, 240, 10) if awaited.is_awaited(ms * MS)] == [
        80, 90, 100, 110, 120, 180, 190, 200, 210, 220,
    ]  # fmt: skip
    awaited.had(100 * MS)
    assert awaited.is_awaited(100 * MS)
    awaited.had(100 * MS)
    assert not awaited.is_awaited(100 * MS) and awaited.is_awaited(200 * MS)


def test_an_image_goes_when_no_result_awaits_it_any_more():
    awaited = Awaited([100 * MS, 200 * MS])
    for ms in (100, 200):
        awaited.add_image("rgb", ms * MS, "image")
    awaited.had(100 * MS)
    assert stamps_ms(awaited) == [200]
    awaited.had(200 * MS)
    assert awaited.camera == {}


def test_the_oldest_images_go_where_very_many_are_awaited():
    awaited = Awaited([ms * MS for ms in range(1000)])
    for ms in range(1000):
        awaited.add_image("rgb", ms * MS, "image")
    assert stamps_ms(awaited) == list(range(1000 - NUM_KEPT, 1000))


def test_of_stamps_that_come_again_the_last_images_are_kept():
    awaited = Awaited([ms * MS for ms in range(100)] * 2)
    for ms in (*range(100), 0, 1):
        awaited.add_image("rgb", ms * MS, "image")
    assert stamps_ms(awaited) == [*range(100 - NUM_KEPT + 2, 100), 0, 1]


def test_a_camera_info_that_no_result_awaits_stays_in_its_part():
    awaited = Awaited([200 * MS])
    for ms in (100, 200):
        awaited.add_info("info", ms * MS, "info")
    assert stamps_ms(awaited, "info") == [100, 200]
    awaited.next_part()
    assert stamps_ms(awaited, "info") == [200]
