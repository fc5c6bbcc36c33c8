"""The ROS 2 node. `sync` and `worker` know no ROS; the other modules are the only ones of the project that import it."""
