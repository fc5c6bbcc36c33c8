"""What is done to boxes once they are found: a second picture of the same model, and a fit to depth."""
