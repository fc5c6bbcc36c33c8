"""How fast pictures and depth become model inputs."""
