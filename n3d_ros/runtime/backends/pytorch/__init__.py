"""The model in torch."""
