"""What was seen -> findings: pure functions, each with the node's own rules where it has any."""
