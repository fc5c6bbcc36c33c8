"""From marked answers to figures that JSON can hold."""
