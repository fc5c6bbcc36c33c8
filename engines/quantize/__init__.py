"""A model folder with its decoder in 4 or 8 bits."""
