"""What the node decides, without ROS: pairing, queue, frames, ids. Tested in milliseconds."""
