"""Readers of a model on disk: config, picture processor, manifest, tensors, hub. Numpy only."""
