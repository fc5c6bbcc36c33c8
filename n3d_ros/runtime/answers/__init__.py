"""The second stage: which objects a question is about, and what its answer is put together from."""
