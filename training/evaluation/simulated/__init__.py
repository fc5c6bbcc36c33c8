"""A model on simulated scenes that it never saw, alone or beside another one."""
