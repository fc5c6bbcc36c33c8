"""The decode loop, and the guesses that save forward passes."""
