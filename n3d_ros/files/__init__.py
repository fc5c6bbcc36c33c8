"""Frames, pictures, point files and conversations on disk."""
