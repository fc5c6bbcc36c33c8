"""Feedback that the result overtakes, as it may: they come on topics of their own."""

import threading
from concurrent.futures import Future

from n3d_ros.client import client as client_module


def hold_back_feedback(n3d, monkeypatch):
    """Of each goal, until its result is there and the rest is waited for."""
    held, may_come = [], threading.Event()
    hear, wait_for, send = client_module._Stream.__call__, client_module._Stream.wait_for, n3d._send

    def hearing(stream, feedback):
        if may_come.is_set():
            hear(stream, feedback)
        else:
            held.append((stream, feedback))

    def release():
        may_come.set()
        while held:
            hear(*held.pop(0))

    def waiting(stream, num_boxes):
        n3d._connection.do(release, Future())
        wait_for(stream, num_boxes)

    def sending(*arguments):
        may_come.clear()
        return send(*arguments)

    monkeypatch.setattr(client_module._Stream, "__call__", hearing)
    monkeypatch.setattr(client_module._Stream, "wait_for", waiting)
    monkeypatch.setattr(n3d, "_send", sending)
