"""A box that a model wrote -> the box around what the depth picture shows of that thing.

In: `Box3D`, `Observation`. Out: `Box3D`. It knows no model, words or ROS. A model says where a thing is and
what it is; how wide it is, the depth picture has measured. `surface` tells which points are the thing's own,
`fit` moves the sides of the box that are to be seen, and leaves the others.
"""
