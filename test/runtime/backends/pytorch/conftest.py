"""The small model of `small_model.py` for the tests of this folder."""

from small_model import checkpoint, picture  # noqa: F401
