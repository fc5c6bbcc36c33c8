"""From what is known of one picture to the questions about it."""
