"""Two-stage fine-tuning of N3D-VLM: first to find things, then to reason about what was found."""
