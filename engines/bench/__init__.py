"""How fast a model is on this machine, beside other ways to run it."""
