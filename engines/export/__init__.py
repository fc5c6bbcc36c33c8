"""A checkpoint folder as graphs and weights that a robot loads."""
