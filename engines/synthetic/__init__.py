"""Checkpoints with real shapes and random weights."""
