"""PNG files by their chunks: of any size in the header, with few pixels or none behind it."""

import struct
import zlib


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth=8, colour=2, *more):
    """A PNG with this header and no pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def bomb(width, height, depth=16, colour=0):
    """A PNG whose few bytes unpack to all of its pixels, which are 0."""
    num_row_bytes = 1 + width * depth * {0: 1, 2: 3}[colour] // 8
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(num_row_bytes)) for _ in range(height)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
