"""Image messages as objects with their attributes, any step and byte order; RVL as the paper has it."""

import struct
from types import SimpleNamespace

import numpy as np


def image(pixels, encoding, padding=0, big_endian=False):
    """A message-shaped object; rows padded with 0xEE."""
    pixels = np.ascontiguousarray(pixels)
    rows = pixels.astype(pixels.dtype.newbyteorder(">" if big_endian else "<")).tobytes()
    row = len(rows) // len(pixels)
    data = b"".join(rows[i * row : (i + 1) * row] + b"\xee" * padding for i in range(len(pixels)))
    return SimpleNamespace(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=row + padding,
        is_bigendian=int(big_endian),
        data=data,
        header=header(),
    )


def header(sec=3, nanosec=5):
    return SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id="optical")


def compressed(data, name):
    return SimpleNamespace(format=name, data=data, header=header())


def encode_rvl(pixels):
    """The encoder of the paper, number by number, as a reference."""
    nibbles, previous, place = [], 0, 0

    def write(number):
        while number > 7:
            nibbles.append(number & 7 | 8)
            number >>= 3
        nibbles.append(number)

    while place < len(pixels):
        begin = place
        while place < len(pixels) and not pixels[place]:
            place += 1
        write(place - begin)
        begin = place
        while place < len(pixels) and pixels[place]:
            place += 1
        write(place - begin)
        for pixel in pixels[begin:place]:
            delta, previous = pixel - previous, pixel
            write(2 * delta if delta >= 0 else -2 * delta - 1)
    nibbles += [0] * (-len(nibbles) % 8)
    words = [
        sum(n << 28 - 4 * i for i, n in enumerate(nibbles[k : k + 8])) for k in range(0, len(nibbles), 8)
    ]
    return struct.pack(f"<{len(words)}I", *words)
