"""`python -m n3d_ros.node.parameters` prints the table of docs/interface.md."""

from n3d_ros.node.parameters.table import markdown

print(markdown(), end="")
