"""RVL, the lossless code for depth pictures of A. D. Wilson, "Fast Lossless Depth Image Compression" (ISS
2017), as compressed_depth_image_transport writes it.

In: bytes and the number of pixels. Out: the pixels, or ValueError where the bytes do not hold them.

The stream is one of numbers in nibbles: three bits each, lowest first, and a bit that says "more". Nibbles
lie in 32-bit little-endian words, the highest first. The numbers are, in turn: how many zeros, how many
pixels that are not zero, and for each of these its difference to the one before, zigzag coded.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MORE = 8
# 32 bits.
MAX_NIBBLES = 11


def decode_rvl(data: bytes, num_pixels: int) -> npt.NDArray[np.uint16]:
    """(num_pixels,) uint16."""
    numbers = _numbers(_nibbles(data))
    is_pixel, is_difference = _runs(numbers, num_pixels)
    coded = numbers[is_difference]
    # zigzag: 0, -1, 1, -2, ... are 0, 1, 2, 3, ...
    differences = (coded >> 1) ^ -(coded & 1)
    pixels = np.zeros(num_pixels, np.uint16)
    # Sums wrap at 16 bits as the encoder's subtraction does.
    pixels[is_pixel] = np.cumsum(differences).astype(np.uint16)
    return pixels


def _nibbles(data: bytes) -> npt.NDArray[np.uint8]:
    """In the order in which they were written."""
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4").astype(">u4").view(np.uint8)
    return np.stack([words >> 4, words & 15], axis=-1).reshape(-1)


def _numbers(nibbles: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Groups of nibbles, each up to the first without MORE, as numbers; an unfinished group is dropped."""
    ends = np.flatnonzero(nibbles < MORE)
    starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
    lengths = ends - starts + 1
    if ends.size and lengths.max() > MAX_NIBBLES:
        raise ValueError(f"RVL data: expected numbers of up to 32 bits, got one of {lengths.max()} nibbles")
    numbers = np.zeros(ends.size, np.int64)
    for place in range(int(lengths.max()) if ends.size else 0):
        has_it = lengths > place
        numbers[has_it] |= (nibbles[starts[has_it] + place].astype(np.int64) & 7) << (3 * place)
    return numbers


def _runs(
    numbers: npt.NDArray[np.int64], num_pixels: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which pixels are not zero, and which of the numbers are their differences."""
    is_pixel, is_difference = np.zeros(num_pixels, np.bool_), np.zeros(numbers.size, np.bool_)
    pixel = place = 0
    while pixel < num_pixels:
        if place + 2 > numbers.size:
            raise ValueError(f"RVL data: expected {num_pixels} pixels, got {pixel}")
        num_zeros, num_others = int(numbers[place]), int(numbers[place + 1])
        pixel, place = pixel + num_zeros, place + 2
        if not num_zeros + num_others or pixel + num_others > num_pixels or place + num_others > numbers.size:
            raise ValueError(
                f"RVL data: expected {num_pixels} pixels, got a run of {num_zeros} zeros and {num_others} "
                f"others that ends at {pixel + num_others}"
            )
        is_pixel[pixel : pixel + num_others] = True
        is_difference[place : place + num_others] = True
        pixel, place = pixel + num_others, place + num_others
    return is_pixel, is_difference
