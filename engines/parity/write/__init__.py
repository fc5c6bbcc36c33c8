"""Reference numbers with other seeds, in the layout that `n3d parity` checks."""
