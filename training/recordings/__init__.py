"""From what a node recorded to a set of questions that `n3d eval` and `n3d train` read."""
