"""How fast data are made, and how much memory that takes."""
