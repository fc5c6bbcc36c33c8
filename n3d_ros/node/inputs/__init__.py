"""The camera's topics -> complete frames, and why there is none."""
