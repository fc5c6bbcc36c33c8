"""English as far as questions about space need it: words, units, names, patterns. Knows no relation and no
box.
"""
