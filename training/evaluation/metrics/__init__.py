"""Every figure as a function on numbers: no files, no models, no questions."""
