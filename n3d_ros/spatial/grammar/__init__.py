"""The grammar of questions: the patterns of all relations together. `questions` uses it."""
