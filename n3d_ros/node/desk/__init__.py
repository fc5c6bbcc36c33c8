"""Each errand's way: waiting for a frame, queued for the engine, ended as an outcome, counted."""
