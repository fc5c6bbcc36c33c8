"""What a node saw, was asked, answered and was corrected in, kept on disk as MCAP.

In: serialised ROS messages as they come. Out: folders of rosbag2 with MCAP, which Foxglove, `ros2 bag` and
`n3d play` read, and `Recorded` results with their frames. It needs rosbags and no ROS.

`parts` writes, `moments` keeps the frames that results will be about, `reader` brings both together again:
`bags` gives it the messages, `awaited` the frames of results in other parts.
"""
