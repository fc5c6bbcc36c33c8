"""Simulated scenes as a set on disk, in the form in which a laboratory has annotated pictures with depth."""
