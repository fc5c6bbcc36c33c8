"""The ROS 2 node. Nothing outside this folder and the `n3d` commands that talk to it imports ROS."""
