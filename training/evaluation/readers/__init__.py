"""Public benchmarks as questions, as far as their formats are known."""
