"""Bytes on disk, whatever they mean: JSON, NumPy arrays, files written whole. Standard library and numpy."""
