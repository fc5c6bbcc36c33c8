"""What a camera sends: paired, counted, judged, and given to who waits for it."""
