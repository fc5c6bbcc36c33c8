"""One function over many numbers, on the processes of one machine or on a Ray cluster."""
