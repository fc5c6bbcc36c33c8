"""What runs the node's callbacks: `one_thread`, with `kept_wait` to wait and `serialised` to take."""

from n3d_ros.node.executor.one_thread import OneThreadExecutor

__all__ = ["OneThreadExecutor"]
