"""Samples of a benchmark as figures, text and picture."""
