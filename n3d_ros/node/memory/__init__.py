"""The node's memory: results -> looks, one thread that keeps what follows, a topic and services that show it.

`looks` makes a `Look` of a finished errand, `keeper` is the thread with memory and file, `recollection` the
ROS around it. What is remembered how is `n3d_ros.memory`'s affair.
"""
