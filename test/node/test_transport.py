"""Fast DDS gets room for whole images, unless the user has set it up or shared memory is too small."""

import xml.etree.ElementTree as ElementTree

import pytest

from n3d_ros.node import transport
from n3d_ros.node.transport import PROFILE_VARIABLES, SEGMENT_BYTES, make_room_for_images


def test_the_profile_is_named_to_both_generations_of_fast_dds_and_says_what_the_code_says(monkeypatch):
    monkeypatch.setattr(transport, "free_bytes", lambda folder: 1 << 30)
    environment: dict[str, str] = {}
    assert make_room_for_images(environment)
    (path,) = {environment[name] for name in PROFILE_VARIABLES}
    sizes = [e.text for e in ElementTree.parse(path).iter() if e.tag.endswith("segment_size")]
    assert sizes == [str(SEGMENT_BYTES)]


@pytest.mark.parametrize("name", ["FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_BUILTIN_TRANSPORTS"])
def test_what_the_user_has_set_up_stays(name, monkeypatch):
    monkeypatch.setattr(transport, "free_bytes", lambda folder: 1 << 30)
    environment = {name: "mine"}
    assert not make_room_for_images(environment)
    assert environment == {name: "mine"}


def test_a_small_shared_memory_is_left_alone_with_a_word_about_it(monkeypatch, caplog):
    monkeypatch.setattr(transport, "free_bytes", lambda folder: 16 << 20)
    environment: dict[str, str] = {}
    assert not make_room_for_images(environment)
    assert not environment and "16 MB free, expected 32" in caplog.text


def test_a_system_without_shared_memory_has_none_free(tmp_path):
    assert transport.free_bytes(tmp_path / "absent") == 0
    assert transport.free_bytes(tmp_path) > 0


def test_a_shared_memory_that_we_may_not_write_has_none_free(tmp_path, monkeypatch):
    monkeypatch.setattr(transport.os, "access", lambda folder, how: how != transport.os.W_OK)
    assert transport.free_bytes(tmp_path) == 0
