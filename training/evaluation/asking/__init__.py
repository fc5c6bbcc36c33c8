"""A model is asked: one question after another, in order, going on after a stop."""
