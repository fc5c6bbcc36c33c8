"""What programs around a node share: their child processes, a graph of their own, topics that are found."""
