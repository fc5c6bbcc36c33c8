"""What the checkpoint reads and writes: box text, its numbers, evidence, every prompt."""
