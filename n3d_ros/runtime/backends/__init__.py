"""What runs the model. `base` says what a backend must do, `factory` chooses one."""
