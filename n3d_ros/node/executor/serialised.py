"""Serialised messages from rcl and to it, without rclpy's copies.

In: rclpy's subscription or publisher. Out: a message's CDR bytes, in memory that is used again once nobody
reads it; or nothing, the bytes published. rclpy makes new bytes of each message: for a picture the system has
to find and clear megabytes each time, which takes longer than all else on its way (docs/reliability.md).

Two functions of rcl's public C API are called, in the library that rclpy has loaded. Their only structure is
rcutils_uint8_array_t, the same from Humble on:
https://github.com/ros2/rcutils/blob/humble/include/rcutils/types/uint8_array.h
"""

from __future__ import annotations

import ctypes
import os
import time
import weakref
from functools import lru_cache
from typing import Any

from n3d_ros.node import heap

# rcl/types.h: RCL_RET_OK, and RCL_RET_SUBSCRIPTION_TAKE_FAILED where there is no message.
OK, NO_MESSAGE = 0, 401
# Messages that nobody reads, kept for the next ones: colour and depth, as many while those are converted, and
# one small one.
MOST_KEPT = 5
# A copy of fewer bytes costs less than to watch who reads them.
SMALL = 1 << 14
# What nobody needed for so long is given back: after a moment in which messages had to wait, many are left.
IDLE_S = 10.0
# Compressed pictures differ in their lengths.
MAX_SLACK = 1.25


class _Allocator(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p) for name in ("allocate", "deallocate", "reallocate", "zero_allocate", "state")
    ]


class _Bytes(ctypes.Structure):
    _fields_ = [
        ("buffer", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("capacity", ctypes.c_size_t),
        ("allocator", _Allocator),
    ]


@lru_cache(maxsize=MOST_KEPT)
def _held(capacity: int) -> Any:
    """The type of memory of that size, which grows seldom. is_constant: nobody writes there while a view is
    held, so that who begins with a picture early neither copies nor compares it (`runtime/frame.py`).
    """
    return type("Held", (ctypes.c_ubyte * capacity,), {"is_constant": True})


class Serialised:
    """OSError where rclpy's libraries are not found in this process."""

    def __init__(self) -> None:
        # As rclpy does, the calls keep Python's lock: they are shorter than waiting for it.
        self._rcl = ctypes.PyDLL("librcl.so", mode=os.RTLD_NOW | os.RTLD_NOLOAD)
        self._rcutils = ctypes.PyDLL("librcutils.so", mode=os.RTLD_NOW | os.RTLD_NOLOAD)
        self._rcutils.rcutils_get_default_allocator.restype = _Allocator
        self._allocator = self._rcutils.rcutils_get_default_allocator()
        self._kept: list[_Bytes] = []
        # Of the last message of each subscription, by the address of its handle.
        self._lengths: dict[int, int] = {}
        # How many were never needed since then.
        self._num_idle, self._since_s = 0, time.monotonic()

    def take(self, handle: Any) -> memoryview | None:
        """The next message of a subscription, read-only, or None. RuntimeError where rcl fails."""
        message = self._fitting(self._lengths.get(handle.pointer, 0)) or self._empty()
        self._give_back_idle()
        address = ctypes.c_void_p(handle.pointer)
        code = self._rcl.rcl_take_serialized_message(address, ctypes.byref(message), None, None)
        if code != OK:
            self._keep(message)
            self._check(code, "rcl_take_serialized_message", NO_MESSAGE)
            return None
        self._lengths[handle.pointer] = message.length
        if message.length < SMALL:
            copied = ctypes.string_at(message.buffer, message.length) if message.length else b""
            self._keep(message)
            return memoryview(copied)
        taken = _held(message.capacity).from_address(message.buffer)
        # Every view of the bytes, numpy's too, holds `taken`.
        weakref.finalize(taken, self._keep, message).atexit = False
        return memoryview(taken).cast("B")[: message.length].toreadonly()

    def publish(self, handle: Any, data: bytearray) -> None:
        """A message through a publisher. RuntimeError where rcl fails."""
        held = (ctypes.c_ubyte * len(data)).from_buffer(data)
        message = _Bytes(ctypes.addressof(held), len(data), len(data), self._allocator)
        address = ctypes.c_void_p(handle.pointer)
        code = self._rcl.rcl_publish_serialized_message(address, ctypes.byref(message), None)
        self._check(code, "rcl_publish_serialized_message")

    def _fitting(self, length: int) -> _Bytes | None:
        """Of what is kept one for that length, newest first: depth in memory of colour's size would let all
        grow to that.
        """
        for place in range(len(self._kept) - 1, -1, -1):
            if length <= self._kept[place].capacity <= MAX_SLACK * max(length, SMALL):
                return self._kept.pop(place)
        return None

    def _empty(self) -> _Bytes:
        """rcl makes it as large as the message."""
        message = _Bytes()
        code = self._rcutils.rcutils_uint8_array_init(
            ctypes.byref(message), ctypes.c_size_t(0), ctypes.byref(self._allocator)
        )
        self._check(code, "rcutils_uint8_array_init")
        return message

    def _keep(self, message: _Bytes) -> None:
        """For the next one; called in whichever thread reads last."""
        if len(self._kept) < MOST_KEPT:
            self._kept.append(message)
        else:
            self._free(message)

    def _give_back_idle(self) -> None:
        """Called by each take, in its thread; others only add to what is kept."""
        self._num_idle = min(self._num_idle, len(self._kept))
        if time.monotonic() < self._since_s + IDLE_S:
            return
        for _ in range(self._num_idle):
            self._free(self._kept.pop(0))
        heap.trim()
        self._num_idle, self._since_s = MOST_KEPT, time.monotonic()

    def _free(self, message: _Bytes) -> None:
        self._rcutils.rcutils_uint8_array_fini(ctypes.byref(message))

    def _check(self, code: int, function: str, *harmless: int) -> None:
        if code not in (OK, *harmless):
            self._rcutils.rcutils_reset_error()
            raise RuntimeError(f"{function}: expected {OK}, got {code}")
