"""2D annotations and depth -> 3D boxes, as `n3d lift` does it: readers, filters, shards, a page."""
