"""Looks at graph and machine; judges nothing."""
