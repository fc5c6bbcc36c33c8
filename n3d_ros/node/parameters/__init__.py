"""The node's parameters: what each is, once (`declared`); as text (`table`); on a ROS node (`live`)."""
