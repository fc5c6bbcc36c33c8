"""What is made of a model: export, quantised copies, TensorRT engines; and how it is measured."""
