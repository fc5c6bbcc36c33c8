"""n3d-nano: its words, its views, its losses, its training."""
