"""The model on TensorRT or TensorRT-RTX."""
