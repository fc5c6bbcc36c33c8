"""TensorRT engines of a model folder, for one kind of GPU."""
