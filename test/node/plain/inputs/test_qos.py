"""What to ask of publishers, and who cannot be heard."""

import pytest

from n3d_ros.node.plain.inputs.qos import Quality, mismatch, missed, most_for_all

BEST_EFFORT, RELIABLE = Quality(), Quality(reliable=True)
LATCHED = Quality(reliable=True, latched=True)


@pytest.mark.parametrize(
    ("offers", "wanted"),
    [
        ([], BEST_EFFORT),
        ([RELIABLE], RELIABLE),
        ([LATCHED], LATCHED),
        ([LATCHED, RELIABLE], RELIABLE),
        ([RELIABLE, BEST_EFFORT, LATCHED], BEST_EFFORT),
    ],
)
def test_auto_asks_for_what_every_publisher_offers(offers, wanted):
    assert most_for_all(offers) == wanted
    assert all(one.serves(wanted) for one in offers)
    assert mismatch("/rgb", offers, wanted, "qos.rgb") == ""


def test_who_offers_less_is_counted_and_the_parameter_named():
    said = mismatch("/rgb", [RELIABLE, BEST_EFFORT, BEST_EFFORT], RELIABLE, "qos.rgb")
    assert said == (
        "/rgb: 2 of 3 publishers offer best effort, and qos.rgb asks for reliable, so nothing comes from "
        "them; set qos.rgb to auto or sensor_data"
    )
    assert "reliable, transient local" in mismatch("/info", [RELIABLE], LATCHED, "qos.info")


def test_what_was_sent_before_is_missed_where_all_keep_it_and_nobody_asks():
    assert "qos.info asks for best effort; set qos.info to auto" in missed([LATCHED], BEST_EFFORT, "qos.info")
    for offers, wanted in (([], RELIABLE), ([RELIABLE], RELIABLE), ([LATCHED, RELIABLE], RELIABLE)):
        assert missed(offers, wanted, "qos.info") == ""
    assert missed([LATCHED], LATCHED, "qos.info") == ""
