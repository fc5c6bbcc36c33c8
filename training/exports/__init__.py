"""Sets of questions in the formats of other people's training programs."""
