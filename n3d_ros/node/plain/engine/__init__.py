"""The engine of one or several cameras: one thread loads and runs it, and who asks waits for a turn."""
