"""Our synchroniser beside message_filters' on the same messages: `python test/helpers/pairing.py`.

message_filters comes with a ROS distribution. A wrong pair is colour and depth of different frames.
"""

import random
import sys
import time
from types import SimpleNamespace

PERIOD_MS = 33


def arrivals(num_frames, loss, jitter_ms, seed=3):
    """[(frame number, 'rgb' or 'depth')] at 30 Hz in the order of arrival, each delayed by 3..jitter_ms."""
    rng, sent = random.Random(seed), []
    for number in range(1, num_frames + 1):
        for name in ("rgb", "depth"):
            if rng.random() >= loss:
                sent.append((number * PERIOD_MS + rng.uniform(3, jitter_ms), number, name))
    return [(number, name) for _, number, name in sorted(sent)]


def pair_here(messages):
    """[(colour's number, depth's number)]"""
    from n3d_ros.node.plain.inputs.sync import Synchroniser

    sync = Synchroniser()
    sync.set_camera_info("K")
    frames = [
        (sync.add_rgb if name == "rgb" else sync.add_depth)(number * PERIOD_MS * 1_000_000, number)
        for number, name in messages
    ]
    return [(frame.rgb, frame.depth) for frame in frames if frame]


def pair_with_message_filters(messages, slop_s, queue_size=10):
    """[(colour's number, depth's number)]"""
    from builtin_interfaces.msg import Time
    from message_filters import ApproximateTimeSynchronizer, SimpleFilter

    filters, pairs = {"rgb": SimpleFilter(), "depth": SimpleFilter()}, []
    sync = ApproximateTimeSynchronizer(list(filters.values()), queue_size, slop_s)
    sync.registerCallback(lambda rgb, depth: pairs.append((rgb.number, depth.number)))
    for number, name in messages:
        seconds, rest_ms = divmod(number * PERIOD_MS, 1000)
        stamp = Time(sec=seconds, nanosec=rest_ms * 1_000_000)
        filters[name].signalMessage(SimpleNamespace(header=SimpleNamespace(stamp=stamp), number=number))
    return pairs


def wrong(pairs):
    """How many pairs are of different frames."""
    return sum(rgb != depth for rgb, depth in pairs)


def main():
    """Print pairs, wrong ones and microseconds a message of each."""
    messages = arrivals(3000, loss=0.05, jitter_ms=60)
    ways = {"n3d_ros": pair_here}
    for slop_s in (0.5, 0.1, 0.02):
        ways[f"message_filters, slop {slop_s} s"] = lambda m, s=slop_s: pair_with_message_filters(m, s)
    for name, pair in ways.items():
        begin = time.process_time()
        pairs = pair(messages)
        cost_us = (time.process_time() - begin) / len(messages) * 1e6
        print(f"{name:30} {len(pairs):5} pairs {wrong(pairs):5} wrong {cost_us:6.1f} us a message")
    return 0


if __name__ == "__main__":
    sys.exit(main())
