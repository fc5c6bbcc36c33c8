"""Questions about pictures whose boxes are known: made, stored, and read by benchmarks and training."""
