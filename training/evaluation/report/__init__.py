"""From answers to figures, and from figures to a table, a file and a page."""
